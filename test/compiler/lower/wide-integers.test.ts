/** 128-bit integers: each operation on chosen numbers, as lowered and optimised, on both byte orders, beside what BigInt says. */
import { describe, expect, it } from 'vitest'
import { DiagnosticSink } from '../../../base/diagnostics.js'
import { runPasses } from '../../../compiler/passes/pass-list.js'
import { testOptions } from '../passes/test-options.js'
import { lowerC } from './compile-c.js'
import { Interpreter } from './ir-interpreter.js'

const unsigned = (value: bigint) => BigInt.asUintN(128, value)
const signed = (value: bigint) => BigInt.asIntN(128, value)

const numbers = [
  0n,
  1n,
  0xffff_ffff_ffff_ffffn,
  1n << 64n,
  (1n << 127n) + 5n,
  0x0123_4567_89ab_cdef_fedc_ba98_7654_3210n,
  (1n << 128n) - 1n,
]

/** An expression or statements over `a`, `b` and `r` (the result), and what they come to. */
const cases: readonly (readonly [string, (a: bigint, b: bigint) => bigint])[] = [
  ['r = a + b;', (a, b) => a + b],
  ['r = a - b;', (a, b) => a - b],
  ['r = a * b;', (a, b) => a * b],
  ['r = (a & b) | (~a ^ b);', (a, b) => (a & b) | (unsigned(~a) ^ b)],
  ['r = -a;', a => -a],
  ['r = a / 16 + a / ((u128)1 << 70);', a => a / 16n + (a >> 70n)],
  ['r = a % 1024 ^ a % ((u128)1 << 100); r /= 2;', a => ((a % 1024n) ^ (a % (1n << 100n))) / 2n],
  ['r = a << 5;', a => a << 5n],
  ['r = a << 64;', a => a << 64n],
  ['r = a << (b & 127);', (a, b) => a << (b & 127n)],
  ['r = a >> (b & 127);', (a, b) => a >> (b & 127n)],
  ['r = (__int128)a >> (b & 127);', (a, b) => signed(a) >> (b & 127n)],
  ['r = a == b;', (a, b) => BigInt(a === b)],
  ['r = a != b;', (a, b) => BigInt(a !== b)],
  ['r = a < b;', (a, b) => BigInt(a < b)],
  ['r = a >= b;', (a, b) => BigInt(a >= b)],
  ['r = (__int128)a > (__int128)b;', (a, b) => BigInt(signed(a) > signed(b))],
  ['r = (__int128)a <= (__int128)b;', (a, b) => BigInt(signed(a) <= signed(b))],
  ['r = a ? b : 7;', (a, b) => (a ? b : 7n)],
  ['r = a ?: b;', (a, b) => a || b],
  ['if (a && !b) r = 1; else r = 2;', (a, b) => (a && !b ? 1n : 2n)],
  ['r = a; r += b; r ^= 3;', (a, b) => unsigned(a + b) ^ 3n],
  ['r = a; r <<= 3; r -= b;', (a, b) => (a << 3n) - b],
  ['r = a; r = r++ + 1;', a => a + 1n],
  ['r = a; ++r; r--; --r;', a => a - 1n],
  ['long l = 3; l += b; r = l;', (_, b) => BigInt.asIntN(64, 3n + b)],
  ['r = (long)a;', a => BigInt.asIntN(64, a)],
  ['r = (unsigned)a + (_Bool)b;', (a, b) => BigInt.asUintN(32, a + (b ? 1n : 0n))],
  ['struct { int x; u128 y; } s = { 1, a }, t = s; r = t.y + t.x;', a => a + 1n],
  ['static const u128 k = ((u128)0x1234 << 100) | 7; r = k ^ a;', a => ((0x1234n << 100n) | 7n) ^ a],
  ['r = twice(a) + ({ u128 x = b; x; });', (a, b) => 2n * a + b],
]

describe('128-bit integers', () => {
  it.each(cases)('%s', (body, expected) => {
    const source = `typedef unsigned __int128 u128; typedef unsigned long u64;
static __attribute__((noinline)) u128 twice(u128 x) { return x + x; }
u64 test(u64 al, u64 ah, u64 bl, u64 bh, int part) {
  u128 a = ((u128)ah << 64) | al, b = ((u128)bh << 64) | bl, r;
  ${body}
  return part ? (u64)(r >> 64) : (u64)r;
}`
    for (const words of [['v3'], ['v3', 'big']]) {
      for (const optimised of [false, true]) {
        const options = testOptions(words)
        const { module } = lowerC(source, options)
        if (optimised) runPasses(module, options, new DiagnosticSink(0))
        const func = module.funcs.find(each => each.name === 'test')!
        const machine = new Interpreter(module, options.target.little)
        const half = (value: bigint, high: boolean) => BigInt.asUintN(64, high ? value >> 64n : value)
        for (const a of numbers) {
          for (const b of numbers) {
            const got = [0n, 1n].map(part =>
              machine.run(func, [half(a, false), half(a, true), half(b, false), half(b, true), part]),
            )
            const want = unsigned(expected(a, b))
            expect([words, optimised, a, b, ...got]).toEqual([words, optimised, a, b, half(want, false), half(want, true)])
          }
        }
      }
    }
  })

  it.each(['a / 10', 'a % b', '(__int128)a / 4'])('refuses %s at its place', expression => {
    const source = `typedef unsigned __int128 u128; u128 f(u128 a, u128 b) { return ${expression}; }`
    expect(() => lowerC(source, testOptions())).toThrow('B0403 eBPF has no division of 128-bit integers')
  })
})
