/** The syntax of the bpf_conformance suite. */
import { describe, expect, it } from 'vitest'
import { assembleConformance, parseConformanceCase } from '../../../assembler/syntax/conformance.js'
import { formatInsn } from '../../../assembler/syntax/pseudo-c.js'

const texts = (source: string) => {
  const insns = assembleConformance(source)
  const out: string[] = []
  for (let slot = 0; slot < insns.length; slot++) {
    out.push(formatInsn(insns, slot, 'bpftool').slice(5))
    if (insns.code[slot] === 0x18) slot++
  }
  return out
}

describe('conformance syntax', () => {
  it.each([
    ['mov %r0, -1', 'r0 = -1'],
    ['mov32 %r0, %r2', 'w0 = w2'],
    ['sdiv32 %r0, -3', 'w0 s/= -3'],
    ['smod %r0, %r1', 'r0 s%= r1'],
    ['movsx1632 %r1, %r2', 'w1 = (s16)w2'],
    ['neg %r3', 'r3 = -r3'],
    ['be16 %r3', 'r3 = be16 r3'],
    ['swap64 %r3', 'r3 = bswap64 r3'],
    ['ldxh %r3, [%r1+12]', 'r3 = *(u16 *)(r1 +12)'],
    ['ldxsw %r3, [%r1]', 'r3 = *(s32 *)(r1 +0)'],
    ['stxdw [%r10-8], %r1', '*(u64 *)(r10 -8) = r1'],
    ['stw [%r1+0x10], 0x11223344', '*(u32 *)(r1 +16) = 287454020'],
    ['lock fetch add32 [%r10-4], %r1', 'r1 = atomic_fetch_add((u32 *)(r10 -4), r1)'],
    ['lock cmpxchg [%r10-8], %r1', 'r0 = atomic64_cmpxchg((u64 *)(r10 -8), r0, r1)'],
    ['lock xor [%r10-8], %r1', 'lock *(u64 *)(r10 -8) ^= r1'],
    ['lddw %r0, 0x1122334455667788', 'r0 = 0x1122334455667788'],
    ['call 5', 'call unknown#5'],
    ['call %r2', 'callx r2'],
    ['jsgt32 %r1, -1, +3', 'if w1 s> 0xffffffff goto pc+3'],
  ])('%s', (source, text) => {
    expect(texts(source)).toEqual([text])
  })

  it('the label exit is the first exit instruction', () => {
    expect(texts('jeq %r0, 1, exit # out\nexit\nl: ja l\ncall local l'.replace('l: ', 'l:\n'))).toEqual([
      'if r0 == 0x1 goto pc+0',
      'exit',
      'goto pc-1',
      'call pc-2',
    ])
  })

  it.each([
    ['frob %r1', "line 1: 'frob' is not an instruction"],
    ['exit\nmov %r1', 'line 2: mov takes 2 operands, 1 are given'],
    ['ja away', "label 'away' is not defined"],
    ['mov %r1, x', "expected a number, found 'x'"],
    ['a:\na:\nexit', 'defined twice'],
    ['ldxb %r1, [%r1+99999]', 'does not fit 16 bits'],
  ])('refuses %j', (source, message) => {
    expect(() => assembleConformance(source)).toThrow(message)
  })

  it('takes a data file apart', () => {
    expect(parseConformanceCase('# c\n-- asm\nexit\n-- mem\n00 ff # x\n01\n-- result\n0x10\n')).toEqual({
      asm: 'exit',
      raw: undefined,
      memory: Uint8Array.of(0, 255, 1),
      result: 16n,
      error: undefined,
    })
  })
})
