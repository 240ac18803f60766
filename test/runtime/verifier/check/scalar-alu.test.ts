/** Bounds after arithmetic and after branches hold every value that can come out, for every kernel. */
import { describe, expect, it } from 'vitest'
import * as op from '../../../../assembler/isa/opcodes.js'
import { kernelProfiles } from '../../../../runtime/kernel/profile.js'
import { scalarAlu } from '../../../../runtime/verifier/check/scalar-alu.js'
import {
  type BoundsRules,
  boundsFault,
  coerceSigned,
  coerceSignedSubreg,
  coerceToSize,
  syncBounds,
  zeroExtend,
} from '../../../../runtime/verifier/state/bounds.js'
import { knownScalar, type RegState, UNKNOWN_SCALAR } from '../../../../runtime/verifier/state/registers.js'
import * as t from '../../../../runtime/verifier/state/tnum.js'
import * as w from '../../../../runtime/verifier/state/u64.js'
import { random64, Randoms } from '../randoms.js'

const M = (1n << 64n) - 1n
const M32 = 0xffffffffn
const s64 = (x: bigint) => BigInt.asIntN(64, x)
const s32 = (x: bigint) => Number(BigInt.asIntN(32, x))

function holds(reg: RegState, x: bigint): boolean {
  const low = Number(x & M32)
  return (
    w.toBigInt(reg.umin) <= x &&
    x <= w.toBigInt(reg.umax) &&
    s64(w.toBigInt(reg.smin)) <= s64(x) &&
    s64(x) <= s64(w.toBigInt(reg.smax)) &&
    reg.u32min <= low &&
    low <= reg.u32max &&
    reg.s32min <= s32(x) &&
    s32(x) <= reg.s32max &&
    t.tnumIn(reg.varOff, t.tnumConst(w.fromBigInt(x)))
  )
}

/** A register that may be any of a few values, described as tightly as a random choice of facts allows. */
function someRegister(randoms: Randoms, values: bigint[], rules: BoundsRules): RegState {
  if (values.length === 1) return knownScalar(w.fromBigInt(values[0]!))
  const reg = UNKNOWN_SCALAR.clone()
  const least = (list: bigint[]) => list.reduce((a, b) => (a < b ? a : b))
  const most = (list: bigint[]) => list.reduce((a, b) => (a > b ? a : b))
  if (randoms.below(2)) {
    reg.umin = w.fromBigInt(least(values))
    reg.umax = w.fromBigInt(most(values))
  }
  if (randoms.below(2)) {
    reg.smin = w.fromBigInt(BigInt.asUintN(64, least(values.map(s64))))
    reg.smax = w.fromBigInt(BigInt.asUintN(64, most(values.map(s64))))
  }
  if (randoms.below(2)) {
    reg.u32min = Number(least(values.map(x => x & M32)))
    reg.u32max = Number(most(values.map(x => x & M32)))
  }
  if (randoms.below(2)) {
    reg.s32min = Math.min(...values.map(s32))
    reg.s32max = Math.max(...values.map(s32))
  }
  if (randoms.below(2)) {
    let tnum = t.tnumConst(w.fromBigInt(values[0]!))
    for (const value of values) tnum = t.tnumUnion(tnum, t.tnumConst(w.fromBigInt(value)))
    reg.varOff = tnum
  }
  syncBounds(reg, rules)
  return reg
}

const someValues = (randoms: Randoms): bigint[] => {
  const base = random64(randoms)
  return Array.from({ length: 1 + randoms.below(3) }, () =>
    randoms.below(2) ? random64(randoms) : BigInt.asUintN(64, base + BigInt(randoms.below(64))),
  )
}

const operations: [string, number, (a: bigint, b: bigint, wide: boolean) => bigint][] = [
  ['add', op.BPF_ADD, (a, b) => a + b],
  ['sub', op.BPF_SUB, (a, b) => a - b],
  ['mul', op.BPF_MUL, (a, b) => a * b],
  ['and', op.BPF_AND, (a, b) => a & b],
  ['or', op.BPF_OR, (a, b) => a | b],
  ['xor', op.BPF_XOR, (a, b) => a ^ b],
  ['neg', op.BPF_NEG, a => -a],
  ['lsh', op.BPF_LSH, (a, b) => a << b],
  ['rsh', op.BPF_RSH, (a, b, wide) => (wide ? a : a & M32) >> b],
  ['arsh', op.BPF_ARSH, (a, b, wide) => (wide ? s64(a) : BigInt.asIntN(32, a)) >> b],
]

describe.each(kernelProfiles.map(profile => [profile.version, profile] as const))('kernel %s', (_, kernel) => {
  it.each(operations)('%s, 32 and 64 bits', (_name, operation, oracle) => {
    const randoms = new Randoms(operation + 7)
    for (let i = 0; i < 2500; i++) {
      const wide = randoms.below(2) === 1
      const shift = operation === op.BPF_LSH || operation === op.BPF_RSH || operation === op.BPF_ARSH
      const left = someValues(randoms)
      const right = shift ? [BigInt(randoms.below(wide ? 64 : 32))] : someValues(randoms)
      const a = someRegister(randoms, left, kernel).clone()
      const b = operation === op.BPF_NEG ? a : someRegister(randoms, right, kernel)
      const result = a.clone()
      if (!scalarAlu(operation, !wide, result, b, kernel)) continue
      syncBounds(result, kernel)
      expect(boundsFault(result)).toBeUndefined()
      for (const x of left)
        for (const y of operation === op.BPF_NEG ? [0n] : right) {
          const value = wide ? oracle(x, y, true) & M : oracle(x & M32, y & (shift ? 31n : M32), false) & M32
          if (!holds(result, value)) throw new Error(`${_name} ${wide ? 64 : 32}: ${x} ${y} gives ${value}, outside`)
        }
    }
  })

  it('loads and sign extensions', () => {
    const randoms = new Randoms(99)
    for (let i = 0; i < 4000; i++) {
      const values = someValues(randoms)
      const reg = someRegister(randoms, values, kernel)
      for (const size of [1, 2, 4]) {
        const bits = size * 8
        const unsigned = reg.clone()
        coerceToSize(unsigned, size, kernel)
        const signed = reg.clone()
        coerceSigned(signed, size)
        for (const x of values) {
          expect(holds(unsigned, BigInt.asUintN(bits, x))).toBe(true)
          expect(holds(signed, BigInt.asUintN(64, BigInt.asIntN(bits, x)))).toBe(true)
        }
        if (size === 4) continue
        const low = reg.clone()
        coerceSignedSubreg(low, size)
        zeroExtend(low)
        syncBounds(low, kernel)
        for (const x of values) expect(holds(low, BigInt.asUintN(32, BigInt.asIntN(bits, x)))).toBe(true)
      }
    }
  })
})
