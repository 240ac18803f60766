/** 64-bit words and tnums against BigInt. */
import { describe, expect, it } from 'vitest'
import * as t from '../../../../runtime/verifier/state/tnum.js'
import * as w from '../../../../runtime/verifier/state/u64.js'
import { random64, randomTnum, Randoms } from '../randoms.js'

const M = (1n << 64n) - 1n
const signed = (x: bigint) => BigInt.asIntN(64, x)
const randoms = new Randoms(12345)

describe('u64', () => {
  const binary: [string, (a: w.U64, b: w.U64) => w.U64, (a: bigint, b: bigint) => bigint][] = [
    ['add', w.add, (a, b) => (a + b) & M],
    ['sub', w.sub, (a, b) => (a - b) & M],
    ['mul', w.mul, (a, b) => (a * b) & M],
    ['and', w.and, (a, b) => a & b],
    ['or', w.or, (a, b) => a | b],
    ['xor', w.xor, (a, b) => a ^ b],
    ['andNot', w.andNot, (a, b) => a & ~b & M],
    ['umin', w.umin, (a, b) => (a < b ? a : b)],
    ['umax', w.umax, (a, b) => (a > b ? a : b)],
    ['smin', w.smin, (a, b) => (signed(a) < signed(b) ? a : b)],
    ['smax', w.smax, (a, b) => (signed(a) > signed(b) ? a : b)],
  ]
  it.each(binary)('%s', (_, ours, oracle) => {
    for (let i = 0; i < 3000; i++) {
      const a = random64(randoms)
      const b = random64(randoms)
      expect(w.toBigInt(ours(w.fromBigInt(a), w.fromBigInt(b)))).toBe(oracle(a, b))
    }
  })
  const orders: [string, (a: w.U64, b: w.U64) => boolean, (a: bigint, b: bigint) => boolean][] = [
    ['ult', w.ult, (a, b) => a < b],
    ['ule', w.ule, (a, b) => a <= b],
    ['slt', w.slt, (a, b) => signed(a) < signed(b)],
    ['sle', w.sle, (a, b) => signed(a) <= signed(b)],
    ['eq', w.eq, (a, b) => a === b],
    ['saddOverflows', (a, b) => w.saddOverflows(a, b, w.add(a, b)), (a, b) => signed(a) + signed(b) !== signed((a + b) & M)],
    ['ssubOverflows', (a, b) => w.ssubOverflows(a, b, w.sub(a, b)), (a, b) => signed(a) - signed(b) !== signed((a - b) & M)],
  ]
  it.each(orders)('%s', (_, ours, oracle) => {
    for (let i = 0; i < 3000; i++) {
      const a = random64(randoms)
      const b = i % 5 ? random64(randoms) : a
      expect(ours(w.fromBigInt(a), w.fromBigInt(b))).toBe(oracle(a, b))
    }
  })
  it('shifts, converts, prints', () => {
    for (let i = 0; i < 3000; i++) {
      const a = random64(randoms)
      const by = randoms.below(64)
      const word = w.fromBigInt(a)
      expect(w.toBigInt(w.shl(word, by))).toBe((a << BigInt(by)) & M)
      expect(w.toBigInt(w.shr(word, by))).toBe(a >> BigInt(by))
      expect(w.toBigInt(w.sar(word, by))).toBe((signed(a) >> BigInt(by)) & M)
      expect(w.fls64(word)).toBe(a === 0n ? 0 : a.toString(2).length)
      expect(w.toDecimal(word)).toBe(signed(a).toString())
      expect(w.toUnsignedDecimal(word)).toBe(a.toString())
      expect(w.toHex(word)).toBe(`0x${a.toString(16)}`)
    }
  })
})

describe('tnum', () => {
  const contains = (tnum: t.Tnum, x: bigint) => (x & ~w.toBigInt(tnum.mask) & M) === w.toBigInt(tnum.value)
  const pick = (tnum: t.Tnum) => (w.toBigInt(tnum.value) | (random64(randoms) & w.toBigInt(tnum.mask))) & M
  const operations: [string, (a: t.Tnum, b: t.Tnum) => t.Tnum, (a: bigint, b: bigint) => bigint][] = [
    ['add', t.tnumAdd, (a, b) => (a + b) & M],
    ['sub', t.tnumSub, (a, b) => (a - b) & M],
    ['and', t.tnumAnd, (a, b) => a & b],
    ['or', t.tnumOr, (a, b) => a | b],
    ['xor', t.tnumXor, (a, b) => a ^ b],
    ['mul until 6.17', t.tnumMulClassic, (a, b) => (a * b) & M],
    ['mul from 6.18', t.tnumMulUnion, (a, b) => (a * b) & M],
    ['union', t.tnumUnion, a => a],
  ]
  it.each(operations)('%s holds every result and keeps value and mask apart', (_, ours, oracle) => {
    for (let i = 0; i < 1500; i++) {
      const a = randomTnum(randoms)
      const b = randomTnum(randoms)
      const result = ours(a, b)
      expect(w.toBigInt(result.value) & w.toBigInt(result.mask)).toBe(0n)
      for (let j = 0; j < 4; j++) expect(contains(result, oracle(pick(a), pick(b)))).toBe(true)
    }
  })
  const half: [string, (a: t.Tnum, b: t.Tnum) => t.Tnum, (a: t.Tnum, b: t.Tnum) => t.Tnum][] = [
    [
      'mul until 6.17',
      t.tnumMulClassic,
      (a, b) => {
        let sum = t.TNUM_ZERO
        for (let bit = 0; bit < 64; bit++) {
          const y = t.lshift(b, bit)
          const x = t.rshift(a, bit)
          if (x.value.lo & 1) sum = t.tnumAdd(sum, new t.Tnum(w.ZERO, y.mask))
          else if (x.mask.lo & 1) sum = t.tnumAdd(sum, new t.Tnum(w.ZERO, w.or(y.value, y.mask)))
        }
        return t.tnumAdd(t.tnumConst(w.mul(a.value, b.value)), sum)
      },
    ],
    [
      'mul from 6.18',
      t.tnumMulUnion,
      (a, b) => {
        let sum = t.TNUM_ZERO
        for (let bit = 0; bit < 64; bit++) {
          const y = t.lshift(b, bit)
          const x = t.rshift(a, bit)
          if (x.value.lo & 1) sum = t.tnumAdd(sum, y)
          else if (x.mask.lo & 1) sum = t.tnumUnion(sum, t.tnumAdd(sum, y))
        }
        return sum
      },
    ],
  ]
  it.each(half)('%s is that of tnum.c, bit by bit', (_, ours, long) => {
    for (let i = 0; i < 3000; i++) {
      const a = i % 3 === 0 ? t.tnumConst(w.fromBigInt(random64(randoms))) : randomTnum(randoms)
      const b = i % 5 === 0 ? t.tnumConst(w.fromBigInt(random64(randoms))) : randomTnum(randoms)
      expect(t.same(ours(a, b), long(a, b))).toBe(true)
    }
  })
  it('ranges hold their ends and what is between', () => {
    for (let i = 0; i < 2000; i++) {
      const [low, high] = [random64(randoms), random64(randoms)].sort((a, b) => (a < b ? -1 : 1)) as [bigint, bigint]
      const range = t.tnumRange(w.fromBigInt(low), w.fromBigInt(high))
      for (const x of [low, high, (low + high) / 2n]) expect(contains(range, x)).toBe(true)
    }
  })
  it('intersection, inclusion, overlap, casts', () => {
    for (let i = 0; i < 2000; i++) {
      const a = randomTnum(randoms)
      const x = pick(a)
      const b = new t.Tnum(
        w.fromBigInt(x & ~w.toBigInt(a.value) & 0xffffn),
        w.fromBigInt(M & ~(x & ~w.toBigInt(a.value) & 0xffffn)),
      )
      expect(t.overlap(a, t.tnumConst(w.fromBigInt(x)))).toBe(true)
      expect(t.tnumIn(a, t.tnumConst(w.fromBigInt(x)))).toBe(true)
      if (contains(b, x)) expect(contains(t.intersect(a, b), x)).toBe(true)
      for (const size of [1, 2, 4]) expect(contains(t.cast(a, size), x & ((1n << BigInt(size * 8)) - 1n))).toBe(true)
      expect(contains(t.arshift(a, 7, 64), (signed(x) >> 7n) & M)).toBe(true)
    }
  })
})
