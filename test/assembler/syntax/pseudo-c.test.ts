/** Pseudo-C in and out: text to instruction and back to the text that llvm-objdump-19 and bpftool print. */
import { describe, expect, it } from 'vitest'
import { assembleInline } from '../../../assembler/inline-asm.js'
import { Insns } from '../../../assembler/isa/insns.js'
import { formatInsn } from '../../../assembler/syntax/pseudo-c.js'

function rows(text: string): Insns {
  const { items, diagnostics } = assembleInline(text)
  if (diagnostics.length) throw new Error(diagnostics.map(each => each.message).join('; '))
  const insns = items.filter(item => item.kind === 'insn').map(item => item.insn)
  const out = new Insns(insns.reduce((sum, each) => sum + each.slots, 0))
  let slot = 0
  for (const insn of insns) {
    out.set(slot++, insn.code, insn.dst, insn.src, insn.off, insn.imm)
    if (insn.slots === 2) out.set(slot++, 0, 0, 0, 0, insn.immHigh)
  }
  return out
}

const bytes = (insns: Insns) => [...insns.toBytes()].map(byte => byte.toString(16).padStart(2, '0')).join('')

/** Text, bytes as clang-19 -mcpu=v4 encodes it, llvm-objdump-19's text, bpftool's text. */
const table: readonly (readonly [string, string, string, string])[] = [
  ['r1 = *(u32 *)(r2 + 4)', '6121040000000000', 'r1 = *(u32 *)(r2 + 0x4)', '(61) r1 = *(u32 *)(r2 +4)'],
  ['w1 = *(u8 *)(r2 - 4)', '7121fcff00000000', 'r1 = *(u8 *)(r2 - 0x4)', '(71) r1 = *(u8 *)(r2 -4)'],
  ['r1 = *(s32 *)(r2 - 4)', '8121fcff00000000', 'r1 = *(s32 *)(r2 - 0x4)', '(81) r1 = *(s32 *)(r2 -4)'],
  ['*(u32 *)(r1+0)=w2', '6321000000000000', '*(u32 *)(r1 + 0x0) = r2', '(63) *(u32 *)(r1 +0) = r2'],
  ['*(u8 *)(r1 + 2) = -5', '72010200fbffffff', '*(u8 *)(r1 + 0x2) = -0x5', '(72) *(u8 *)(r1 +2) = -5'],
  ['r1 += -5', '07010000fbffffff', 'r1 += -0x5', '(07) r1 += -5'],
  ['w1 = 0x80000000', 'b401000000000080', 'w1 = -0x80000000', '(b4) w1 = -2147483648'],
  ['w1 s>>= 3', 'c401000003000000', 'w1 s>>= 0x3', '(c4) w1 s>>= 3'],
  ['r1 s/= 3', '3701010003000000', 'r1 s/= 0x3', '(37) r1 s/= 3'],
  ['w1 s%= w2', '9c21010000000000', 'w1 s%= w2', '(9c) w1 s%= w2'],
  ['r1 = -r1', '8701000000000000', 'r1 = -r1', '(87) r1 = -r1'],
  ['r1 = be16 r1', 'dc01000010000000', 'r1 = be16 r1', '(dc) r1 = be16 r1'],
  ['r1 = le64 r1', 'd401000040000000', 'r1 = le64 r1', '(d4) r1 = le64 r1'],
  ['r1 = bswap32 r1', 'd701000020000000', 'r1 = bswap32 r1', '(d7) r1 = bswap32 r1'],
  ['r1 = (s8)r2', 'bf21080000000000', 'r1 = (s8)r2', '(bf) r1 = (s8)r2'],
  ['w1 = (s16)w2', 'bc21100000000000', 'w1 = (s16)w2', '(bc) w1 = (s16)w2'],
  [
    'r1 = 0x1234567890abcdef ll',
    '18010000efcdab900000000078563412',
    'r1 = 0x1234567890abcdef ll',
    '(18) r1 = 0x1234567890abcdef',
  ],
  ['r1 = -1 ll', '18010000ffffffff00000000ffffffff', 'r1 = -0x1 ll', '(18) r1 = 0xffffffffffffffff'],
  ['goto +3', '0500030000000000', 'goto +0x3', '(05) goto pc+3'],
  ['gotol -1', '06000000ffffffff', 'gotol -0x1', '(06) gotol pc-1'],
  ['may_goto +1', 'e500010000000000', 'may_goto +0x1', '(e5) may_goto pc+1'],
  ['if r1 == r2 goto +1', '1d21010000000000', 'if r1 == r2 goto +0x1', '(1d) if r1 == r2 goto pc+1'],
  ['if w1 s> -5 goto -2', '6601feff' + 'fbffffff', 'if w1 s> -0x5 goto -0x2', '(66) if w1 s> 0xfffffffb goto pc-2'],
  ['if r1 & 5 goto 0', '4501000005000000', 'if r1 & 0x5 goto +0x0', '(45) if r1 & 0x5 goto pc+0'],
  ['call 7', '8500000007000000', 'call 0x7', '(85) call unknown#7'],
  ['callx r2', '8d02000000000000', 'callx r2', '(8d) callx r2'],
  ['exit', '9500000000000000', 'exit', '(95) exit'],
  ['lock *(u64 *)(r1 + 0) += r2', 'db21000000000000', 'lock *(u64 *)(r1 + 0x0) += r2', '(db) lock *(u64 *)(r1 +0) += r2'],
  [
    'r0 = atomic_fetch_add((u64 *)(r1 + 0), r0)',
    'db01000001000000',
    'r0 = atomic_fetch_add((u64 *)(r1 + 0x0), r0)',
    '(db) r0 = atomic64_fetch_add((u64 *)(r1 +0), r0)',
  ],
  ['w0 = xchg32_32(r1 - 8, w0)', 'c301f8ffe1000000', '<unknown>', '(c3) r0 = atomic_xchg((u32 *)(r1 -8), r0)'],
  [
    'r0 = cmpxchg_64(r1 + 8, r0, r2)',
    'db210800f1000000',
    'r0 = cmpxchg_64(r1 + 0x8, r0, r2)',
    '(db) r0 = atomic64_cmpxchg((u64 *)(r1 +8), r0, r2)',
  ],
  ['r0 = *(u8 *)skb[12]', '300000000c000000', 'r0 = *(u8 *)skb[0xc]', '(30) r0 = *(u8 *)skb[12]'],
  ['r0 = *(u16 *)skb[r1]', '4810000000000000', 'r0 = *(u16 *)skb[r1]', '(48) r0 = *(u16 *)skb[r1 + 0]'],
  [
    'r0 = addr_space_cast(r1, 0, 1)',
    'bf10010001000000',
    'r0 = addr_space_cast(r1, 0x0, 0x1)',
    '(bf) r0 = addr_space_cast(r1, 0, 1)',
  ],
  ['w1 = load_acquire((u8 *)(r2 + 0))', 'd321000000010000', '<unknown>', '(d3) r1 = load_acquire((u8 *)(r2 +0))'],
  ['store_release((u64 *)(r1 - 8), r2)', 'db21f8ff10010000', '<unknown>', '(db) store_release((u64 *)(r1 -8), r2)'],
  ["r3 = 'a'", 'b703000061000000', 'r3 = 0x61', '(b7) r3 = 97'],
  ['r0 = 1 + 2*3 # six', 'b700000007000000', 'r0 = 0x7', '(b7) r0 = 7'],
  ['r1 = 5ll', 'b701000005000000', 'r1 = 0x5', '(b7) r1 = 5'],
  ['.8byte 0x0500000002b7', 'b702000000050000', 'r2 = 0x500', '(b7) r2 = 1280'],
  ['ld_pseudo r1, 1, 5', '18110000050000000000000000000000', 'ld_pseudo\tr1, 0x1, 0x5', '(18) r1 = 0x5'],
]

describe('pseudo-C', () => {
  it.each(table)('%s', (text, encoded, llvm, bpftool) => {
    const insns = rows(text)
    expect(bytes(insns)).toBe(encoded)
    expect(formatInsn(insns, 0, 'llvm')).toBe(llvm)
    expect(formatInsn(insns, 0, 'bpftool')).toBe(bpftool)
  })

  it.each([
    ['r1 = w2', 'register widths differ'],
    ['r1 = be16 r2', 'in place'],
    ['r12 = 1', 'not an instruction'],
    ['*(u8 *)(r1 + 40000) = r2', 'does not fit 16 bits'],
    ['goto 40000', 'does not fit 16 bits'],
    ['goto 1b', 'no label 1:'],
    ['r1 = foo', "write 'll'"],
    ['exit exit', 'after the statement'],
    ['r1 = 5 $', 'unexpected'],
    ['w0 = 5 ll', 'needs an r register'],
    ['.long 5', 'no whole number of instructions'],
    ['.globl x', 'no meaning inside'],
    ['r1 = *(s64 *)(r2 + 0)', "'s64' is no access type"],
  ])('%s is refused', (text, message) => {
    const { diagnostics } = assembleInline(text)
    expect(diagnostics.map(each => each.message).join()).toContain(message)
    expect(diagnostics[0]!.code).toBe('F0501')
  })

  it('keeps labels, functions and objects symbolic', () => {
    const { items, diagnostics } = assembleInline(
      'l0_%=: if r1 > 5 goto l1_7; call helper_fn; r2 = some_map ll;\n1: goto 1b; goto 1f; l1_7: r3 = data + 8 ll; 1: exit'.replace(
        '%=',
        '7',
      ),
    )
    expect(diagnostics).toEqual([])
    expect(
      items.map(item =>
        item.kind === 'label'
          ? `${item.name}:`
          : item.symbol
            ? `${item.symbol.field} ${item.symbol.name} ${item.symbol.addend}`
            : '-',
      ),
    ).toEqual([
      'l0_7:',
      'branch16 l1_7 0',
      'call helper_fn 0',
      'imm64 some_map 0',
      '.Lasm.1.1:',
      'branch16 .Lasm.1.1 0',
      'branch16 .Lasm.1.2 0',
      'l1_7:',
      'imm64 data 8',
      '.Lasm.1.2:',
      '-',
    ])
  })
})
