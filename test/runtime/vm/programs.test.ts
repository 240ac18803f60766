/** Program types: contexts, packets that change, redirects, tracing arguments, kernel objects from BTF and fixtures. */
import { describe, expect, it } from 'vitest'
import { BtfBuilder } from '../../../linker/btf/btf-builder.js'
import { decodeValue, encodeValue } from '../../../runtime/vm/btf-values.js'
import { MapType } from '../../../runtime/vm/maps/map.js'
import { packet } from '../../../runtime/vm/packets/build.js'
import { Vm } from '../../../runtime/vm/vm.js'
import { mapDef, object, program, vmOf } from './bare.js'

const XDP = 6
const SCHED_CLS = 3
const CGROUP_SKB = 8
const KPROBE = 2
const RAW_TRACEPOINT = 17
const TRACEPOINT = 5
const SYSCALL = 31

describe('XDP', () => {
  const parse =
    'r2 = *(u32 *)(r1 + 0); r3 = *(u32 *)(r1 + 4); r4 = r2; r4 += 14; r0 = 1; if r4 > r3 goto out; r0 = *(u16 *)(r2 + 12); out: exit'

  it('sees the packet between data and data_end and nothing beyond', () => {
    expect(vmOf(parse, [], {}, XDP).program('main').run({ packet: packet.tcp() })).toMatchObject({ ret: 8n, fault: undefined })
    const beyond = 'r2 = *(u32 *)(r1 + 0); r3 = *(u32 *)(r1 + 4); r0 = *(u8 *)(r3 + 0); exit'
    expect(vmOf(beyond, [], {}, XDP).program('main').run({ packet: packet.tcp() }).fault!.message).toContain(
      'of packet, which has 54 bytes',
    )
  })

  it('moves the ends of the packet', () => {
    const text = (helper: number, by: number) =>
      `r6 = r1; r2 = ${by}; call ${helper}; r7 = r0; r1 = r6; call 188; r0 <<= 8; r7 &= 255; r0 |= r7; exit`
    const run = (helper: number, by: number) => vmOf(text(helper, by), [], {}, XDP).program('main').run({ packet: packet.tcp() })
    expect(run(44, -20).ret).toBe(74n << 8n)
    expect(run(44, -250).ret).toBe((54n << 8n) | 0xean)
    expect(run(44, 30).packet).toEqual(packet.tcp().subarray(30))
    expect(run(65, -10).packet!.length).toBe(44)
    expect(run(65, -50).ret).toBe((54n << 8n) | 0xean)
    expect([...run(65, 2).packet!.subarray(52)]).toEqual([...packet.tcp().subarray(52), 0, 0])
    expect(run(54, -6).ret).toBe((54n << 8n) | 0xf3n)
    expect(run(54, -8).ret).toBe(54n << 8n)
  })

  it('redirects through a map, or falls back to the low bits of the flags', () => {
    const maps = [mapDef({ name: 'dev', type: MapType.DEVMAP, valueSize: 4 })]
    const vm = vmOf('r2 = *(u32 *)(r1 + 16); r1 = dev ll; r3 = 2; call 51; exit', maps, {}, XDP)
    vm.maps['dev']!.set(Uint8Array.of(1, 0, 0, 0), Uint8Array.of(9, 0, 0, 0))
    expect(vm.program('main').run({ ctx: { rx_queue_index: 0 } })).toMatchObject({ retval: 2, redirects: [] })
    expect(vm.program('main').run({ ctx: { rx_queue_index: 1 } })).toMatchObject({
      retval: 4,
      redirects: [{ kind: 'map', map: 'dev', key: 1, ifindex: 9 }],
    })
    expect(() => vm.program('main').run({ ctx: { nonsense: 1 } })).toThrow(
      "xdp_md has no field 'nonsense'; it has ingress_ifindex",
    )
  })

  it('a thousand packets take no more memory than one', () => {
    const vm = vmOf(parse, [], {}, XDP)
    const bytes = packet.tcp()
    vm.program('main').run({ packet: bytes })
    const before = vm.machine.memory.top
    for (let i = 0; i < 1000; i++) vm.program('main').run({ packet: bytes })
    expect(vm.machine.memory.top).toBe(before)
  })
})

describe('skb programs', () => {
  it('traffic control sees the Ethernet header, cgroup_skb does not', () => {
    const length = 'r0 = *(u32 *)(r1 + 0); exit'
    expect(vmOf(length, [], {}, SCHED_CLS).program('main').run({ packet: packet.tcp() }).ret).toBe(54n)
    const result = vmOf(length, [], {}, CGROUP_SKB).program('main').run({ packet: packet.tcp() })
    expect(result.ret).toBe(40n)
    expect(result.packet).toEqual(packet.tcp())
  })

  it('rewrites an address and keeps the checksums right', () => {
    const text = `r6 = r1; *(u32 *)(r10 - 4) = 0x0700000a; r2 = 30; r3 = r10; r3 += -4; r4 = 4; r5 = 0; call 9
      r1 = r6; r2 = 24; r3 = 0x0200000a; r4 = 0x0700000a; r5 = 4; call 10
      r1 = r6; r2 = 50; r3 = 0x0200000a; r4 = 0x0700000a; r5 = 0x14; call 11; exit`
    const { packet: after, ret } = vmOf(text, [], {}, SCHED_CLS)
      .program('main')
      .run({ packet: packet.tcp({ dst: '10.0.0.2' }) })
    expect(ret).toBe(0n)
    expect(Buffer.from(after!).toString('hex')).toBe(Buffer.from(packet.tcp({ dst: '10.0.0.7' })).toString('hex'))
  })

  it('loads from the packet with LD_ABS and LD_IND, outside of it the program ends with 0', () => {
    const text = 'r6 = r1; r0 = *(u16 *)skb[12]; r7 = r0; r1 = 20; r0 = *(u8 *)skb[r1 + 3]; r7 <<= 8; r0 |= r7; exit'
    expect(vmOf(text, [], {}, SCHED_CLS).program('main').run({ packet: packet.tcp() }).ret).toBe(0x080006n)
    const far = 'r6 = r1; r0 = *(u32 *)skb[52]; r0 = 7; exit'
    expect(vmOf(far, [], {}, SCHED_CLS).program('main').run({ packet: packet.tcp() })).toMatchObject({
      ret: 0n,
      fault: undefined,
    })
  })

  it('grows room for an outer header and pushes VLAN tags', () => {
    const room = 'r2 = 8; r3 = 1; r4 = 0; call 50; exit'
    const grown = vmOf(room, [], {}, SCHED_CLS).program('main').run({ packet: packet.udp() }).packet!
    expect(grown.length).toBe(packet.udp().length + 8)
    expect([...grown.subarray(14, 22)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0])
    expect(grown.subarray(22)).toEqual(packet.udp().subarray(14))
    const tags = 'r6 = r1; r2 = 0x81; r3 = 5; call 18; r1 = r6; r2 = 0x81; r3 = 6; call 18; r0 = *(u32 *)(r6 + 24); exit'
    const tagged = vmOf(tags, [], {}, SCHED_CLS).program('main').run({ packet: packet.udp() })
    expect(tagged.ret).toBe(6n)
    expect(tagged.packet).toEqual(packet.udp({ vlan: 5 }))
  })

  it('takes context fields by name and shows them afterwards', () => {
    const text = 'r0 = *(u32 *)(r1 + 8); *(u32 *)(r1 + 32) = 77; r2 = *(u32 *)(r1 + 52); r0 += r2; exit'
    const { ret, ctx } = vmOf(text, [], {}, SCHED_CLS)
      .program('main')
      .run({ ctx: { mark: 40, cb: [1, 2] } })
    expect(ret).toBe(42n)
    expect(new DataView(ctx.buffer).getUint32(32, true)).toBe(77)
  })
})

/** A kernel with a task and a socket, small enough to read. */
function kernelTypes(): BtfBuilder {
  const btf = new BtfBuilder()
  const u16 = btf.addInt('unsigned short', 2)
  const u32 = btf.addInt('unsigned int', 4)
  const char = btf.addInt('char', 1, { signed: true })
  const name = btf.addArray(char, u32, 16)
  const anonymous = btf.addStruct('', 8, [
    { name: 'skc_daddr', type: u32, bitOffset: 0 },
    { name: 'skc_dport', type: u16, bitOffset: 32 },
  ])
  const task = btf.reserve()
  btf.defineStruct(task, 'task_struct', 48, [
    { name: 'pid', type: u32, bitOffset: 0 },
    { name: 'flag', type: u32, bitOffset: 33, bitSize: 3 },
    { name: 'comm', type: name, bitOffset: 64 },
    { name: 'real_parent', type: btf.addPtr(task), bitOffset: 192 },
    { name: 'path', type: btf.addPtr(char), bitOffset: 256 },
  ])
  btf.addStruct('sock', 16, [
    { name: '', type: anonymous, bitOffset: 0 },
    { name: 'state', type: btf.addEnum('state', 4, false, [{ name: 'ESTABLISHED', value: 3n }]), bitOffset: 96 },
  ])
  return btf
}

describe('tracing', () => {
  const vmWith = (type: number, text: string, options = {}) =>
    new Vm({ ...object({ main: { type, insns: program(text) } }), kernelBtf: kernelTypes() }, options)

  it('a kprobe finds its arguments in pt_regs and reads the objects they point to', () => {
    const text = 'r3 = *(u64 *)(r1 + 112); r3 += 4; r1 = r10; r1 += -8; r2 = 2; call 113; r0 = *(u16 *)(r10 - 8); exit'
    const sock = { struct: 'sock', fields: { skc_dport: 443, state: 'ESTABLISHED' } }
    expect(
      vmWith(KPROBE, text)
        .program('main')
        .run({ args: [sock] }),
    ).toMatchObject({ ret: 443n, fault: undefined })
    expect(vmWith(KPROBE, 'r0 = *(u64 *)(r1 + 80); exit').program('main').run({ result: -5 }).retval).toBe(-5)
  })

  it('a bad address gives -EFAULT and zeros', () => {
    const text =
      '*(u64 *)(r10 - 8) = -1; r1 = r10; r1 += -8; r2 = 8; r3 = 0x12345; call 113; r1 = *(u64 *)(r10 - 8); r0 += r1; exit'
    expect(vmWith(KPROBE, text).program('main').run().retval).toBe(-14)
  })

  it('the current task is an object; pointers, bit fields and strings are followed', () => {
    const text =
      'call 35; r6 = *(u64 *)(r0 + 24); r7 = *(u32 *)(r6 + 0); r3 = *(u64 *)(r6 + 32); r1 = r10; r1 += -16; r2 = 16; call 115; r0 <<= 8; r0 |= r7; exit'
    const vm = vmWith(RAW_TRACEPOINT, text)
    const parent = { struct: 'task_struct', fields: { pid: 9, comm: 'bash', flag: 5, path: '/bin/sh' } }
    vm.setCurrentTask({ struct: 'task_struct', fields: { pid: 10, real_parent: parent } })
    expect(vm.program('main').run()).toMatchObject({ ret: (8n << 8n) | 9n, fault: undefined })
    const address = vm.objects.build(parent)
    expect(vm.machine.memory.bytes[address + 4]).toBe(5 << 1)
    expect(() => vm.objects.build({ struct: 'task_struct', fields: { nothing: 1 } })).toThrow('has no field nothing')
    expect(() => vm.objects.build({ struct: 'inode' })).toThrow('no struct inode')
  })

  it('the current task is there without a fixture, in a BTF with few of its fields too', () => {
    const main = vmWith(RAW_TRACEPOINT, 'call 35; exit').program('main')
    const { ret } = main.run()
    expect(ret).toBeGreaterThan(0n)
    expect(main.run().ret).toBe(ret)
  })

  it('loads through null pointers give 0 in programs that follow BTF pointers, not in kprobes', () => {
    const text = 'r1 = 0; r0 = *(u64 *)(r1 + 8); exit'
    expect(vmWith(26, text).program('main').run()).toMatchObject({ ret: 0n, fault: undefined })
    expect(vmWith(KPROBE, text).program('main').run().fault).toBeDefined()
  })

  it('fields of the map behind a handle can be read', () => {
    const btf = kernelTypes()
    const [u32] = btf.byName('unsigned int')
    const fields = ['map_type', 'key_size', 'value_size', 'max_entries', 'map_flags', 'id']
    const name = btf.addArray(btf.byName('char')[0]!, u32!, 16)
    btf.addStruct('bpf_map', 40, [
      ...fields.map((each, index) => ({ name: each, type: u32!, bitOffset: index * 32 })),
      { name: 'name', type: name, bitOffset: 192 },
    ])
    const maps = [mapDef({ name: 'first', type: MapType.ARRAY }), mapDef({ name: 'second', type: MapType.ARRAY, maxEntries: 77 })]
    const insns = program('r1 = second ll; r0 = *(u32 *)(r1 + 12); exit', maps)
    const vm = new Vm({ ...object({ main: { type: RAW_TRACEPOINT, insns } }, maps), kernelBtf: btf })
    expect(vm.program('main').run()).toMatchObject({ ret: 77n, fault: undefined })
  })

  it('a tracepoint record may have a dynamic tail', () => {
    const text = 'r2 = *(u16 *)(r1 + 0); r1 += r2; r3 = r1; r1 = r10; r1 += -16; r2 = 16; call 115; exit'
    const event = { struct: 'sock', fields: { skc_daddr: 16 }, tail: [{ offset: 16, bytes: '/bin/ls' }] }
    expect(vmWith(TRACEPOINT, text).program('main').run({ event })).toMatchObject({ ret: 8n, fault: undefined })
  })

  it('knows time, processor, task and random numbers from its options, and prints', () => {
    const text = `call 14; r6 = r0; call 80; r6 += r0; call 5; r6 += r0; r0 = r6; exit`
    const options = { task: { pid: 3, tgid: 4, cgroupId: 5n }, ktime: 100n }
    const vm = vmWith(KPROBE, text, options)
    expect(vm.program('main').run().ret).toBe((4n << 32n) + 108n)
    vm.advance(7)
    expect(vm.program('main').run().ret).toBe((4n << 32n) + 115n)
    const print =
      '*(u64 *)(r10 - 8) = 0; r3 = 0x0000642520756c25 ll; *(u64 *)(r10 - 16) = r3; r1 = r10; r1 += -16; r2 = 16; r3 = -1; r4 = -2; call 6; exit'
    expect(vmWith(KPROBE, print).program('main').run().trace).toEqual(['18446744073709551615 -2'])
    const random = () => vmWith(KPROBE, 'call 7; exit', { seed: 5 }).program('main').run().ret
    expect(random()).toBe(random())
  })

  it('timers fire when the clock is advanced', () => {
    const maps = [mapDef({ name: 'm', type: MapType.ARRAY, valueSize: 24, maxEntries: 1 })]
    const text = `*(u32 *)(r10 - 4) = 0; r2 = r10; r2 += -4; r1 = m ll; call 1; r6 = r0; r1 = r6; r2 = m ll; r3 = 0; call 169
      r1 = r6; r2 = cb ll; call 170; r1 = r6; r2 = 1000; r3 = 0; call 171; exit
      cb: r1 = *(u64 *)(r3 + 16); r1 += 1; *(u64 *)(r3 + 16) = r1; r0 = 0; exit`
    const vm = vmOf(text, maps, {}, SYSCALL)
    const fired = () => vm.maps['m']!.get(new Uint8Array(4))![16]
    expect(vm.program('main').run()).toMatchObject({ ret: 0n, fault: undefined })
    vm.advance(999)
    expect(fired()).toBe(0)
    vm.advance(1)
    expect(fired()).toBe(1)
    vm.advance(5000)
    expect(fired()).toBe(1)
  })
})

describe('values by BTF', () => {
  it('encodes and decodes structs with anonymous parts, enums, bit fields and strings', () => {
    const btf = kernelTypes()
    const [sock] = btf.byName('sock')
    const [task] = btf.byName('task_struct')
    const bytes = encodeValue(btf, sock!, { skc_dport: 80, state: 'ESTABLISHED' }, 16)
    expect(decodeValue(btf, sock!, bytes)).toEqual({ skc_daddr: 0, skc_dport: 80, state: 3 })
    const encoded = encodeValue(btf, task!, { comm: 'vi', flag: 6, pid: 2 }, 48)
    expect(decodeValue(btf, task!, encoded)).toMatchObject({ comm: 'vi', flag: 6, pid: 2, real_parent: 0n })
    expect(() => encodeValue(btf, sock!, { nope: 1 }, 16)).toThrow('has no field nope')
    expect(() => encodeValue(btf, sock!, { state: 'OPEN' }, 16)).toThrow('the enum has no OPEN')
  })
})
