import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Fixture, Vm } from '../../index.js'
import { compileExample, expectAccepted } from '../../test/support/example.js'

const { prepared } = compileExample(join(import.meta.dirname, 'tcp_connect.bpf.c'))

/** The number that four bytes of an address make in memory. */
const wire = (...bytes: number[]) => new DataView(Uint8Array.from(bytes).buffer).getUint32(0, true)

const event = (bytes: Uint8Array) => {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return {
    time: view.getBigUint64(0, true),
    pid: view.getUint32(8, true),
    uid: view.getUint32(12, true),
    result: view.getInt32(16, true),
    family: view.getUint16(20, true),
    dport: view.getUint16(22, false),
    saddr: [...bytes.subarray(24, 40)],
    daddr: [...bytes.subarray(40, 56)],
    comm: new TextDecoder().decode(bytes.subarray(56, 72)).replace(/\0.*$/, ''),
  }
}

describe('tcp-connect', () => {
  let vm: Vm
  const run = (program: string, input: object) => expect(vm.program(program).run(input).fault).toBeUndefined()

  beforeEach(() => {
    vm = new Vm(prepared, { ktime: 42n, task: { pid: 1235, tgid: 1234, uid: 1000, gid: 1000, comm: 'curl' } })
  })

  it('is accepted by the kernels of the support matrix', () => expectAccepted(prepared))

  it('reports an IPv4 connection when the kernel has answered', () => {
    const sock: Fixture = {
      struct: 'sock',
      fields: { __sk_common: { skc_daddr: wire(93, 184, 216, 34), skc_rcv_saddr: wire(10, 0, 0, 5), skc_dport: 0xbb01 } },
    }
    run('tcp_v4_connect_enter', { args: [sock] })
    expect(vm.maps['events']!.consume()).toEqual([])
    run('tcp_v4_connect_leave', { result: -115n })
    expect(vm.maps['events']!.consume().map(event)).toEqual([
      {
        time: 42n,
        pid: 1234,
        uid: 1000,
        result: -115,
        family: 2,
        dport: 443,
        saddr: [10, 0, 0, 5, ...Array(12).fill(0)],
        daddr: [93, 184, 216, 34, ...Array(12).fill(0)],
        comm: 'curl',
      },
    ])
    expect([...vm.maps['connecting']!.keys()]).toEqual([])
  })

  it('reports an IPv6 connection with its addresses', () => {
    const address = Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7)
    const sock: Fixture = {
      struct: 'sock',
      fields: { __sk_common: { skc_v6_daddr: { in6_u: { u6_addr8: address } }, skc_dport: 0x5000 } },
    }
    run('tcp_v6_connect_enter', { args: [sock] })
    run('tcp_v6_connect_leave', { result: 0n })
    expect(vm.maps['events']!.consume().map(event)).toMatchObject([{ family: 10, dport: 80, daddr: [...address], result: 0 }])
  })

  it('says nothing of a return without an entry', () => {
    run('tcp_v4_connect_leave', { result: 0n })
    expect(vm.maps['events']!.consume()).toEqual([])
  })
})
