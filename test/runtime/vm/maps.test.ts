/** Map types: limits, flags and errors as kernel/bpf has them, from programs and from outside. */
import { describe, expect, it } from 'vitest'
import type { MapDef } from '../../../linker/object/bpf-object.js'
import type { MapAccess } from '../../../runtime/vm/map-access.js'
import { MapType } from '../../../runtime/vm/maps/map.js'
import { BtfBuilder } from '../../../linker/btf/btf-builder.js'
import { Vm } from '../../../runtime/vm/vm.js'
import { mapDef, object, program, vmOf } from './bare.js'

const key = (value: number) => Uint8Array.of(value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24)
const long = (value: number | bigint) => {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true)
  return bytes
}
const number = (bytes: Uint8Array | undefined) => bytes && new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)

function make(def: Partial<MapDef> & { type: number }, text = 'exit', cpus = 1): { vm: Vm; map: MapAccess } {
  const vm = vmOf(text, [mapDef({ name: 'm', ...def })], { cpus })
  return { vm, map: vm.maps['m']! }
}

describe('hash maps', () => {
  it('insert, replace, remove and run full', () => {
    const { map } = make({ type: MapType.HASH, maxEntries: 2 })
    map.set(key(1), long(10))
    map.set(key(2), long(20))
    expect(() => map.set(key(3), long(30))).toThrow('errno 7')
    expect(() => map.set(key(1), long(11), 1)).toThrow('errno 17')
    expect(() => map.set(key(9), long(11), 2)).toThrow('errno 2')
    expect(() => map.set(key(1), long(11), 3)).toThrow('errno 22')
    map.set(key(1), long(11), 2)
    expect(number(map.get(key(1)))).toBe(11n)
    expect(map.delete(key(1))).toBe(true)
    expect(map.delete(key(1))).toBe(false)
    expect(map.get(key(1))).toBeUndefined()
    map.set(key(3), long(30))
    expect([...map.entries()].map(([each, value]) => [each[0], number(value)])).toEqual([
      [2, 20n],
      [3, 30n],
    ])
  })

  it('keeps many entries apart', () => {
    const { map } = make({ type: MapType.HASH, maxEntries: 5000 })
    for (let i = 0; i < 5000; i++) map.set(key(i * 7919), long(i))
    for (let i = 0; i < 5000; i += 2) map.delete(key(i * 7919))
    for (let i = 0; i < 5000; i++) expect(number(map.get(key(i * 7919)))).toBe(i % 2 ? BigInt(i) : undefined)
  })

  it('LRU drops what was not used for the longest time', () => {
    const { map } = make({ type: MapType.LRU_HASH, maxEntries: 3 })
    for (const i of [1, 2, 3]) map.set(key(i), long(i))
    map.get(key(2)) // looking from outside is no use
    map.set(key(1), long(1), 2)
    map.set(key(4), long(4))
    expect([1, 2, 3, 4].map(i => map.get(key(i)) !== undefined)).toEqual([true, false, true, true])
  })

  it('per-CPU values are separate, a program sees its own CPU', () => {
    const text =
      '*(u32 *)(r10 - 4) = 5; r2 = r10; r2 += -4; r1 = m ll; call 1; if r0 == 0 goto none; r1 = 1; r2 = *(u64 *)(r0 + 0); r2 += r1; *(u64 *)(r0 + 0) = r2; r0 = r2; exit; none: r0 = -1; exit'
    const { vm, map } = make({ type: MapType.PERCPU_HASH }, text, 3)
    map.set(key(5), [long(10), long(20), long(30)])
    vm.env.cpu = 2
    expect(vm.program('main').run().ret).toBe(31n)
    expect(map.getPerCpu(key(5))!.map(number)).toEqual([10n, 20n, 31n])
  })
})

describe('arrays', () => {
  it('have all their elements and no others', () => {
    const { map } = make({ type: MapType.ARRAY, valueSize: 8, maxEntries: 2 })
    expect(number(map.get(key(1)))).toBe(0n)
    expect(map.get(key(2))).toBeUndefined()
    expect(() => map.set(key(2), long(1))).toThrow('errno 7')
    expect(() => map.set(key(1), long(1), 1)).toThrow('errno 17')
    expect(map.delete(key(1))).toBe(false)
    expect(() => map.set(key(0), new Uint8Array(4))).toThrow('have 8 bytes')
    expect(() => map.get(new Uint8Array(3))).toThrow('keys of m have 4 bytes')
  })

  it('bpf_for_each_map_elem visits them', () => {
    const text =
      '*(u64 *)(r10 - 8) = 0; r1 = m ll; r2 = cb ll; r3 = r10; r3 += -8; r4 = 0; call 164; r6 = r0; r0 = *(u64 *)(r10 - 8); r6 *= 1000; r0 += r6; exit; cb: r0 = *(u64 *)(r3 + 0); r1 = *(u64 *)(r4 + 0); r1 += r0; *(u64 *)(r4 + 0) = r1; r0 = 0; exit'
    const { vm, map } = make({ type: MapType.ARRAY, maxEntries: 3 }, text)
    for (const i of [0, 1, 2]) map.set(key(i), long(10 + i))
    expect(vm.program('main').run()).toMatchObject({ ret: 3033n, fault: undefined })
  })
})

describe('LPM tries', () => {
  const prefix = (length: number, ...bytes: number[]) => Uint8Array.of(length, 0, 0, 0, ...bytes)

  it('the longest prefix wins, short ones still match, bits beyond the prefix do not count', () => {
    const { map } = make({ type: MapType.LPM_TRIE, keySize: 8, maxEntries: 3 })
    map.set(prefix(8, 10, 0, 0, 0), long(8))
    map.set(prefix(23, 10, 1, 3, 99), long(23))
    map.set(prefix(0, 0, 0, 0, 0), long(1))
    const find = (...bytes: number[]) => number(map.get(prefix(32, ...bytes)))
    expect([find(10, 1, 2, 7), find(10, 1, 4, 7), find(10, 9, 9, 9), find(11, 0, 0, 1)]).toEqual([23n, 8n, 8n, 1n])
    expect(() => map.set(prefix(9, 10, 128, 0, 0), long(1))).toThrow('errno 28')
    expect(() => map.set(prefix(33, 1, 1, 1, 1), long(1))).toThrow('errno 22')
    expect(map.delete(prefix(23, 10, 1, 2, 0))).toBe(true)
    expect(find(10, 1, 2, 7)).toBe(8n)
    expect([...map.keys()].map(each => each[0])).toEqual([8, 0])
  })
})

describe('queues, stacks, bloom filters', () => {
  const push = '*(u64 *)(r10 - 8) = r1; r1 = m ll; r2 = r10; r2 += -8; r3 = 0; call 87; exit'
  const take = (helper: number) =>
    `r1 = m ll; r2 = r10; r2 += -8; call ${helper}; if r0 != 0 goto +1; r0 = *(u64 *)(r10 - 8); exit`

  it.each([
    [MapType.QUEUE, [1n, 2n]],
    [MapType.STACK, [2n, 1n]],
  ])('type %i gives values back in its order', (type, order) => {
    const text = `r6 = r2; r1 = r6; if r6 > 9 goto pop; ${push}; pop: ${take(88)}`
    const { vm, map } = make({ type, keySize: 0, maxEntries: 2 }, text)
    const run = (length: number) => vm.program('main').run({ ctx: new Uint8Array(length) }).ret
    expect([run(1), run(2), run(3)]).toEqual([0n, 0n, BigInt.asUintN(64, -7n)])
    expect(map.consume().map(number)).toEqual(order)
    expect([run(10), run(10), run(10)]).toEqual([...order, BigInt.asUintN(64, -2n)])
  })

  it('a bloom filter knows what was pushed', () => {
    const text = `r6 = r2; r1 = r6; r1 &= 7; if r6 > 9 goto ask; ${push}; ask: *(u64 *)(r10 - 8) = r1; r1 = m ll; r2 = r10; r2 += -8; call 89; exit`
    const { vm } = make({ type: MapType.BLOOM_FILTER, keySize: 0 }, text)
    const run = (length: number) => vm.program('main').run({ ctx: new Uint8Array(length) }).ret
    expect([run(3), run(16 + 3), run(16 + 4)]).toEqual([0n, 0n, BigInt.asUintN(64, -2n)])
  })
})

describe('ring buffers', () => {
  it('records come out in order, wrap around, and a full ring refuses', () => {
    const text =
      'r6 = r1; r7 = r2; r1 = m ll; r2 = 1600; r3 = 0; call 131; if r0 == 0 goto full; *(u64 *)(r0 + 32) = r7; r1 = r0; r2 = 0; call 132; r0 = 0; exit; full: r0 = 1; exit'
    const { vm, map } = make({ type: MapType.RINGBUF }, text)
    const run = (length: number) => vm.program('main').run({ ctx: new Uint8Array(length) }).ret
    for (let round = 0; round < 5; round++) {
      expect([run(1), run(2), run(3)]).toEqual([0n, 0n, 1n])
      expect(map.consume().map(record => record[32])).toEqual([1, 2])
    }
  })

  it('a record is 40 bytes and no more, and handed over once', () => {
    const over = 'r1 = m ll; r2 = 40; r3 = 0; call 131; *(u64 *)(r0 + 8192) = 1; exit'
    expect(make({ type: MapType.RINGBUF, maxEntries: 4096 }, over).vm.program('main').run().fault).toBeDefined()
    const twice = 'r1 = m ll; r2 = 8; r3 = 0; call 131; r6 = r0; r1 = r6; r2 = 0; call 133; r1 = r6; r2 = 0; call 132; exit'
    const { vm, map } = make({ type: MapType.RINGBUF, maxEntries: 4096 }, twice)
    expect(vm.program('main').run().fault!.message).toContain('no record')
    expect(map.consume()).toEqual([])
  })
})

describe('perf event arrays', () => {
  it('keep events with their CPU', () => {
    const text = '*(u64 *)(r10 - 8) = 7; r2 = m ll; w3 = -1; r4 = r10; r4 += -8; r5 = 8; call 25; exit'
    const { vm, map } = make({ type: MapType.PERF_EVENT_ARRAY, valueSize: 4, maxEntries: 2 }, text, 2)
    vm.env.cpu = 1
    expect(vm.program('main').run().ret).toBe(0n)
    expect(map.events()).toEqual([{ cpu: 1, data: long(7) }])
    expect(map.events()).toEqual([])
  })
})

describe('maps of maps', () => {
  it('a lookup gives the inner map', () => {
    const outer = mapDef({ name: 'outer', type: MapType.ARRAY_OF_MAPS, valueSize: 4, values: [{ index: 1, target: 'inner' }] })
    const inner = mapDef({ name: 'inner', type: MapType.ARRAY })
    const text =
      '*(u32 *)(r10 - 4) = 1; r2 = r10; r2 += -4; r1 = outer ll; call 1; if r0 == 0 goto none; r1 = r0; r2 = r10; r2 += -4; call 1; r0 = *(u64 *)(r0 + 0); exit; none: r0 = -1; exit'
    const vm = vmOf(text, [outer, inner])
    vm.maps['inner']!.set(key(1), long(99))
    expect(vm.program('main').run().ret).toBe(99n)
    vm.maps['outer']!.delete(key(1))
    expect(vm.program('main').run().ret).toBe(BigInt.asUintN(64, -1n))
  })
})

describe('arenas', () => {
  it('give pages, refuse more than they have, forget what is written to pages that are not there', () => {
    const alloc = (pages: number) => `r1 = m ll; r2 = 0; r3 = ${pages}; r4 = -1; r5 = 0; call_kfunc`
    const text = `${alloc(1)}; r6 = r0; r6 = addr_space_cast(r6, 0, 1); *(u64 *)(r6 + 8) = 7; *(u64 *)(r6 + 4096) = 9; r7 = *(u64 *)(r6 + 4096); r8 = *(u64 *)(r6 + 8)
      ${alloc(2)}; r9 = r0; r0 = r8; r0 *= 100; r7 *= 10; r0 += r7; if r9 == 0 goto +1; r0 += 1; exit`
    const maps = [mapDef({ name: 'm', type: MapType.ARENA, keySize: 0, valueSize: 0, maxEntries: 2 })]
    const insns = program(text.replaceAll('call_kfunc', 'call 12345'), maps)
    for (let slot = 0; slot < insns.length; slot++) if (insns.imm[slot] === 12345) insns.src[slot] = 2
    const kernelBtf = new BtfBuilder()
    while (kernelBtf.count < 12345) kernelBtf.addInt('filler', 4)
    kernelBtf.addFunc('bpf_arena_alloc_pages', 0, 1)
    const vm = new Vm({ ...object({ main: { insns } }, maps), kernelBtf })
    expect(vm.program('main').run()).toMatchObject({ ret: 700n, fault: undefined })
  })
})

describe('errors of updates and deletes, as kernel/bpf has them', () => {
  const E2BIG = 7
  const [EEXIST, EINVAL, ENOENT] = [17, 22, 2]
  const [EOPNOTSUPP, ENOTSUPP] = [95, 524]
  /** Map type, then: update of an element that is not there with flags 0, 1, 2, 3; the same once it is; beyond the end; deletes. */
  const table: readonly (readonly [string, number, readonly number[], readonly number[], number, readonly number[]])[] = [
    ['hash', MapType.HASH, [0, 0, ENOENT, EINVAL], [0, EEXIST, 0, EINVAL], 0, [0, ENOENT]],
    ['array', MapType.ARRAY, [0, EEXIST, 0, EINVAL], [0, EEXIST, 0, EINVAL], E2BIG, [EINVAL, EINVAL]],
    ['devmap', MapType.DEVMAP, [0, EEXIST, 0, EINVAL], [0, EEXIST, 0, EINVAL], E2BIG, [0, 0]],
    ['devmap_hash', MapType.DEVMAP_HASH, [0, 0, 0, EINVAL], [0, EEXIST, 0, EINVAL], 0, [0, ENOENT]],
    ['cpumap', MapType.CPUMAP, [0, EEXIST, 0, EINVAL], [0, EEXIST, 0, EINVAL], E2BIG, [0, 0]],
    ['xskmap', MapType.XSKMAP, [0, 0, ENOENT, EINVAL], [0, EEXIST, 0, EINVAL], E2BIG, [0, 0]],
    ['prog_array', MapType.PROG_ARRAY, [0, EINVAL, EINVAL, EINVAL], [0, EINVAL, EINVAL, EINVAL], E2BIG, [0, ENOENT]],
    ['hash_of_maps', MapType.HASH_OF_MAPS, [0, 0, ENOENT, EINVAL], [0, EEXIST, 0, EINVAL], 0, [0, ENOENT]],
    ['ringbuf', MapType.RINGBUF, Array(4).fill(ENOTSUPP), Array(4).fill(ENOTSUPP), ENOTSUPP, [ENOTSUPP, ENOTSUPP]],
    ['arena', MapType.ARENA, Array(4).fill(EOPNOTSUPP), Array(4).fill(EOPNOTSUPP), EOPNOTSUPP, [EOPNOTSUPP, EOPNOTSUPP]],
  ]
  const value = Uint8Array.of(3, 0, 0, 0)

  it.each(table)('%s', (_name, type, fresh, present, beyond, deletes) => {
    const fill = () =>
      vmOf('exit', [mapDef({ name: 'm', type, ...(type !== MapType.RINGBUF && type !== MapType.ARENA && { valueSize: 4 }) })])
        .maps['m']!.map
    const set = (map: ReturnType<typeof fill>, at: number, flags: number) => -map.setFromOutside(key(at), [value], flags) + 0
    expect([0, 1, 2, 3].map(flags => set(fill(), 1, flags))).toEqual(fresh)
    const again = (flags: number) => {
      const map = fill()
      set(map, 1, 0)
      return set(map, 1, flags)
    }
    expect([0, 1, 2, 3].map(again)).toEqual(present)
    const map = fill()
    expect(set(map, 9, 0)).toBe(beyond)
    set(map, 1, 0)
    const remove = () => -map.remove(map.scratchKey(key(1))) + 0
    expect([remove(), remove()]).toEqual(deletes)
  })
})
