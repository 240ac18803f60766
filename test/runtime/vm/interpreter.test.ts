/** The checking interpreter: results of single operations against BigInt, faults, limits, calls, tail calls, callbacks. */
import { describe, expect, it } from 'vitest'
import { LimitReached, NotImplemented } from '../../../base/outcome.js'
import { seededRandom } from '../../../runtime/vm/environment.js'
import { MapType } from '../../../runtime/vm/maps/map.js'
import { Vm } from '../../../runtime/vm/vm.js'
import { mapDef, object, program, vmOf } from './bare.js'

const u64 = (value: bigint) => BigInt.asUintN(64, value)
const s64 = (value: bigint) => BigInt.asIntN(64, value)

/** What RFC 9669 section 4.1 says of each operation, in BigInt. */
const operations: Readonly<Record<string, (a: bigint, b: bigint, bits: 32 | 64) => bigint>> = {
  '+=': (a, b) => a + b,
  '-=': (a, b) => a - b,
  '*=': (a, b) => a * b,
  '/=': (a, b) => (b === 0n ? 0n : a / b),
  '%=': (a, b) => (b === 0n ? a : a % b),
  's/=': (a, b, bits) => (b === 0n ? 0n : BigInt.asIntN(bits, a) / BigInt.asIntN(bits, b)),
  's%=': (a, b, bits) => (b === 0n ? a : BigInt.asIntN(bits, a) % BigInt.asIntN(bits, b)),
  '|=': (a, b) => a | b,
  '&=': (a, b) => a & b,
  '^=': (a, b) => a ^ b,
  '<<=': (a, b, bits) => a << (b & BigInt(bits - 1)),
  '>>=': (a, b, bits) => a >> (b & BigInt(bits - 1)),
  's>>=': (a, b, bits) => BigInt.asIntN(bits, a) >> (b & BigInt(bits - 1)),
}

const comparisons: Readonly<Record<string, (a: bigint, b: bigint, bits: 32 | 64) => boolean>> = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '&': (a, b) => (a & b) !== 0n,
  's>': (a, b, bits) => BigInt.asIntN(bits, a) > BigInt.asIntN(bits, b),
  's>=': (a, b, bits) => BigInt.asIntN(bits, a) >= BigInt.asIntN(bits, b),
  's<': (a, b, bits) => BigInt.asIntN(bits, a) < BigInt.asIntN(bits, b),
  's<=': (a, b, bits) => BigInt.asIntN(bits, a) <= BigInt.asIntN(bits, b),
}

const random = seededRandom(7)
const EDGES = [
  0n,
  1n,
  2n,
  7n,
  31n,
  32n,
  63n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  1n << 52n,
  1n << 53n,
  (1n << 53n) + 1n,
  1n << 63n,
  u64(-1n),
  u64(-5n),
  u64(-(1n << 31n)),
]
const value = () => (random() % 3 === 0 ? (BigInt(random()) << 32n) | BigInt(random()) : EDGES[random() % EDGES.length]!)

describe('arithmetic', () => {
  it.each(Object.keys(operations))('%s on registers of both widths agrees with BigInt', sign => {
    const input = new Uint8Array(16)
    const view = new DataView(input.buffer)
    for (const bits of [64, 32] as const) {
      const letter = bits === 64 ? 'r' : 'w'
      const vm = vmOf(`r2 = *(u64 *)(r1 + 8); r0 = *(u64 *)(r1 + 0); ${letter}0 ${sign} ${letter}2; exit`)
      for (let i = 0; i < 300; i++) {
        const a = value()
        const b = value()
        view.setBigUint64(0, a, true)
        view.setBigUint64(8, b, true)
        const want = BigInt.asUintN(bits, operations[sign]!(BigInt.asUintN(bits, a), BigInt.asUintN(bits, b), bits))
        const { ret } = vm.program('main').run({ ctx: input })
        if (ret !== want) expect(`${a} ${sign} ${b} (${bits}) = ${ret}`).toBe(`${a} ${sign} ${b} (${bits}) = ${want}`)
      }
    }
  })

  it.each(Object.keys(comparisons))('if … %s … agrees with BigInt', sign => {
    const input = new Uint8Array(16)
    const view = new DataView(input.buffer)
    for (const bits of [64, 32] as const) {
      const letter = bits === 64 ? 'r' : 'w'
      const vm = vmOf(
        `r2 = *(u64 *)(r1 + 8); r3 = *(u64 *)(r1 + 0); r0 = 1; if ${letter}3 ${sign} ${letter}2 goto +1; r0 = 0; exit`,
      )
      for (let i = 0; i < 200; i++) {
        const a = value()
        const b = random() % 4 === 0 ? a : value()
        view.setBigUint64(0, a, true)
        view.setBigUint64(8, b, true)
        const want = comparisons[sign]!(BigInt.asUintN(bits, a), BigInt.asUintN(bits, b), bits) ? 1n : 0n
        const { ret } = vm.program('main').run({ ctx: input })
        if (ret !== want) expect(`${a} ${sign} ${b} (${bits}) = ${ret}`).toBe(`${a} ${sign} ${b} (${bits}) = ${want}`)
      }
    }
  })

  it.each([
    ['r0 = -7', u64(-7n)],
    ['w0 = -7', 0xfffffff9n],
    ['r1 = 0x80; r0 = (s8)r1', u64(-128n)],
    ['r1 = 0x80; w0 = (s8)w1', 0xffffff80n],
    ['r1 = 0x80000000 ll; r0 = (s32)r1', u64(-0x80000000n)],
    ['r0 = 0x1122334455667788 ll; r0 = bswap64 r0', 0x8877665544332211n],
    ['r0 = 0x1122334455667788 ll; r0 = be32 r0', 0x88776655n],
    ['r0 = 0x1122334455667788 ll; r0 = le16 r0', 0x7788n],
    ['r0 = 5; r0 = -r0', u64(-5n)],
    ['w0 = 5; w0 = -w0', 0xfffffffbn],
    ['r0 = 7; r0 s/= -2', u64(-3n)],
    ['r0 = -7; r0 s%= 3', u64(-1n)],
    ['r0 = 10; r0 /= -2', 0n],
    ['*(u64 *)(r10 - 8) = -1; r0 = *(u16 *)(r10 - 5)', 0xffffn],
    ['*(u32 *)(r10 - 8) = 0x8000; r0 = *(s16 *)(r10 - 8)', u64(-0x8000n)],
    [
      '*(u64 *)(r10 - 8) = 5; r1 = 3; r1 = atomic_fetch_add((u64 *)(r10 - 8), r1); r0 = *(u64 *)(r10 - 8); r0 *= 10; r0 += r1',
      85n,
    ],
    ['*(u64 *)(r10 - 8) = 5; r0 = 5; r2 = 9; r0 = cmpxchg_64(r10 - 8, r0, r2); r0 = *(u64 *)(r10 - 8)', 9n],
    ['*(u64 *)(r10 - 8) = 5; r0 = 6; r2 = 9; r0 = cmpxchg_64(r10 - 8, r0, r2)', 5n],
    ['*(u64 *)(r10 - 8) = -1; w1 = 1; lock *(u32 *)(r10 - 8) += w1; r0 = *(u64 *)(r10 - 8)', 0xffffffff00000000n],
    ['r1 = 77; store_release((u16 *)(r10 - 8), w1); w0 = load_acquire((u16 *)(r10 - 8))', 77n],
  ])('%s', (text, want) => {
    expect(vmOf(`${text}; exit`).program('main').run()).toMatchObject({ ret: want, fault: undefined })
  })
})

describe('faults', () => {
  it.each([
    ['r0 = *(u64 *)(r10 + 0)', 0, 'read of 8 bytes at offset 512 of stack of frame 0'],
    ['r0 = *(u64 *)(r10 - 520)', 0, 'read of 8 bytes'],
    ['r1 = 0; r0 = *(u32 *)(r1 + 4)', 1, 'a null pointer'],
    ['r1 = -1; *(u8 *)(r1 + 0) = 1', 1, 'which is no address'],
    ['*(u8 *)(r1 + 4) = 1', 0, 'write of 1 byte at offset 4 of memory, which has 4 bytes'],
    ['r1 = arr ll; r0 = *(u32 *)(r1 + 0)', 2, 'through a map handle'],
    ['r1 = 5; call 1', 1, 'argument 1 is no map'],
    ['r1 = arr ll; r2 = 0; call 1', 3, 'a null pointer'],
    ['f: call f', 0, 'deeper than 8 frames'],
    ['r1 = 1; call 132', 1, 'no record of a ring buffer'],
  ])('%s', (text, slot, message) => {
    const maps = [mapDef({ name: 'arr', type: MapType.ARRAY })]
    const { fault } = vmOf(`${text}; exit`, maps)
      .program('main')
      .run({ ctx: new Uint8Array(4) })
    expect(fault).toMatchObject({ slot, program: 'main', message: expect.stringContaining(message) })
  })

  it('one element of an array map does not reach into the next', () => {
    const maps = [mapDef({ name: 'arr', type: MapType.ARRAY, valueSize: 12 })]
    const text = (offset: number) =>
      `*(u32 *)(r10 - 4) = 1; r2 = r10; r2 += -4; r1 = arr ll; call 1; r0 = *(u64 *)(r0 + ${offset}); exit`
    expect(vmOf(text(4), maps).program('main').run().fault).toBeUndefined()
    expect(vmOf(text(8), maps).program('main').run().fault).toMatchObject({
      message: 'read of 8 bytes at offset 8 of value of map arr, which has 12 bytes',
    })
  })

  it('a run after a fault starts afresh', () => {
    const vm = new Vm(
      object({ bad: { insns: program('r0 = *(u8 *)(r10 + 8); exit') }, good: { insns: program('r0 = 3; exit') } }),
    )
    expect(vm.program('bad').run().fault).toBeDefined()
    expect(vm.program('good').run()).toMatchObject({ ret: 3n, fault: undefined, insns: 2 })
  })

  it('a read-only map may not be written', () => {
    const maps = [mapDef({ name: '.rodata', type: MapType.ARRAY, maxEntries: 1, flags: 1 << 7 })]
    const { fault } = vmOf('r1 = .rodata ll; *(u32 *)(r10 - 4) = 0; r2 = r10; r2 += -4; call 1; *(u8 *)(r0 + 0) = 1; exit', maps)
      .program('main')
      .run()
    expect(fault!.message).toContain('may only be read')
  })
})

describe('limits and gaps', () => {
  it('an endless program reaches the budget', () => {
    expect(() => vmOf('l: goto l; exit', [], { budget: 10_000 }).program('main').run()).toThrow(LimitReached)
  })

  it('memory is bounded', () => {
    const maps = [mapDef({ name: 'big', type: MapType.ARRAY, valueSize: 1 << 20, maxEntries: 1 << 10 })]
    expect(() => vmOf('exit', maps, { memoryLimit: 1 << 24 })).toThrow(LimitReached)
  })

  it('what is not there says its name', () => {
    expect(() => vmOf('call 4000; exit').program('main').run()).toThrow(NotImplemented)
    expect(() => vmOf('call 4000; exit').program('main').run()).toThrow('helper #4000')
    const maps = [mapDef({ name: 'm', type: 99 })]
    expect(() => vmOf('r1 = m ll; r2 = r10; r2 += -8; call 1; exit', maps).program('main').run()).toThrow('map type 99')
    expect(() => vmOf('exit', [], {}, 99).program('main').run()).toThrow('type 99')
  })
})

describe('control flow', () => {
  it('local calls keep registers 6 to 9 and have their own frame', () => {
    const text =
      'r6 = 1; r7 = 2; *(u64 *)(r10 - 8) = 40; r1 = 5; call f; r0 += r6; r0 += r7; r1 = *(u64 *)(r10 - 8); r0 += r1; exit; f: r6 = 99; *(u64 *)(r10 - 8) = 7; r0 = r1; exit'
    expect(vmOf(text).program('main').run().ret).toBe(48n)
  })

  it('bpf_loop calls back and stops early', () => {
    const text =
      '*(u64 *)(r10 - 8) = 0; r1 = 10; r2 = cb ll; r3 = r10; r3 += -8; r4 = 0; call 181; r6 = r0; r0 = *(u64 *)(r10 - 8); r6 *= 100; r0 += r6; exit; cb: r3 = *(u64 *)(r2 + 0); r3 += r1; *(u64 *)(r2 + 0) = r3; r0 = 0; if r1 != 4 goto +1; r0 = 1; exit'
    expect(vmOf(text).program('main').run()).toMatchObject({ ret: 510n, fault: undefined })
  })

  it('tail calls go on in another program, 33 at most', () => {
    const progs = mapDef({ name: 'progs', type: MapType.PROG_ARRAY, valueSize: 4 })
    const cnt = mapDef({ name: 'cnt', type: MapType.ARRAY, maxEntries: 1 })
    const maps = [progs, cnt]
    const bump = '*(u32 *)(r10 - 4) = 0; r2 = r10; r2 += -4; r1 = cnt ll; call 1; r1 = 1; lock *(u64 *)(r0 + 0) += r1;'
    const text = `r6 = r1; ${bump} r1 = r6; r2 = progs ll; r3 = 1; call 12; r0 = 9; exit`
    const vm = new Vm(object({ main: { insns: program(text, maps) } }, maps))
    const key = Uint8Array.of(1, 0, 0, 0)
    expect(vm.program('main').run().ret).toBe(9n)
    vm.maps['progs']!.set(key, Uint8Array.of(0, 0, 0, 0))
    expect(vm.program('main').run()).toMatchObject({ ret: 9n, fault: undefined })
    expect(new DataView(vm.maps['cnt']!.get(new Uint8Array(4))!.buffer).getBigUint64(0, true)).toBe(1n + 34n)
  })

  it('counts instructions and, when asked, how often each ran', () => {
    const vm = vmOf('r1 = 3; l: r1 += -1; if r1 != 0 goto l; r0 = 0; exit', [], { coverage: true })
    expect(vm.program('main').run().insns).toBe(9)
    expect([...vm.program('main').hits!]).toEqual([1, 3, 3, 1, 1])
    expect(s64(vm.program('main').run().ret)).toBe(0n)
  })
})
