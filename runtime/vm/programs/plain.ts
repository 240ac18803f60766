/**
 * Programs whose context is a plain struct that the program may read and, for some, write: syscall programs, cgroup hooks on
 * devices, sockets and addresses.
 */
import { type ContextField, defineProgramKind, scratchRegion, writeFields } from './table.js'

const words = (names: readonly string[], start = 0): ContextField[] =>
  names.map((name, index) => ({ name, offset: start + index * 4, size: 4 }))

interface Plain {
  readonly type: number
  readonly what: string
  readonly size: number
  readonly fields: readonly ContextField[]
}

const contexts: readonly Plain[] = [
  {
    type: 9,
    what: 'bpf_sock',
    size: 80,
    fields: [
      ...words(['bound_dev_if', 'family', 'type', 'protocol', 'mark', 'priority', 'src_ip4']),
      { name: 'src_ip6', offset: 28, size: 4, count: 4 },
      { name: 'src_port', offset: 44, size: 4 },
      { name: 'dst_port', offset: 48, size: 2 },
      { name: 'dst_ip4', offset: 52, size: 4 },
      { name: 'dst_ip6', offset: 56, size: 4, count: 4 },
      { name: 'state', offset: 72, size: 4 },
      { name: 'rx_queue_mapping', offset: 76, size: 4 },
    ],
  },
  { type: 15, what: 'bpf_cgroup_dev_ctx', size: 12, fields: words(['access_type', 'major', 'minor']) },
  {
    type: 18,
    what: 'bpf_sock_addr',
    size: 72,
    fields: [
      ...words(['user_family', 'user_ip4']),
      { name: 'user_ip6', offset: 8, size: 4, count: 4 },
      ...words(['user_port', 'family', 'type', 'protocol', 'msg_src_ip4'], 24),
      { name: 'msg_src_ip6', offset: 44, size: 4, count: 4 },
    ],
  },
]

for (const { type, what, size, fields } of contexts)
  defineProgramKind({
    types: [type],
    setUp(m, _program, input) {
      const address = scratchRegion(m, what, size)
      if (input.ctx instanceof Uint8Array) m.memory.write(address, input.ctx.subarray(0, size))
      else if (input.ctx) writeFields(m, address, fields, input.ctx, what)
      if (type === 18) m.extras.set('socket path', new TextEncoder().encode(input.socketPath ?? ''))
      if (m.socket && type === 18) m.memory.writePointer(address + 64, m.socket.address)
      m.setArg(1, address)
      return { address, size }
    },
    ...(type === 18 && {
      resultAfter: m => ({ socketPath: new TextDecoder().decode(m.extras.get('socket path') as Uint8Array) }),
    }),
  })

/** Programs that only BPF_PROG_TEST_RUN starts: the context is whatever bytes the caller hands in. */
defineProgramKind({
  types: [31],
  probing: true,
  setUp(m, _program, input) {
    const bytes = input.ctx instanceof Uint8Array ? input.ctx : new Uint8Array(0)
    const address = scratchRegion(m, 'syscall context', Math.max(bytes.length, 8))
    m.memory.write(address, bytes)
    m.setArg(1, address)
    return { address, size: bytes.length }
  },
})

/**
 * No type at all: register 1 points to memory, register 2 holds its length. So the conformance suite starts its programs, and so do
 * tests of single instructions.
 */
defineProgramKind({
  types: [0],
  setUp(m, _program, input) {
    const bytes = input.ctx instanceof Uint8Array ? input.ctx : new Uint8Array(0)
    const region = m.memory.region('memory', bytes.length)
    m.memory.write(region.start, bytes)
    m.setArg(1, region.start)
    m.setArg(2, bytes.length)
    return { address: region.start, size: bytes.length }
  },
})
