/** What is remembered is what `formatInsn` says: for every form, with extreme fields, wherever the instruction is. */
import { describe, expect, it } from 'vitest'
import { Insns } from '../../../assembler/isa/insns.js'
import { forms } from '../../../assembler/isa/isa-table.js'
import { InsnTexts } from '../../../assembler/syntax/insn-texts.js'
import { formatInsn, type PseudoCNames, type PseudoCStyle } from '../../../assembler/syntax/pseudo-c.js'

const FIELDS = [0, 1, -1, 16, 0x7fff, -0x8000]
const names: PseudoCNames = {
  label: slot => (slot % 2 ? `there+${slot}` : undefined),
  helper: id => (id === 1 ? 'bpf_map_lookup_elem' : undefined),
  callee: (slot, kind) => (kind === 1 ? `callee${slot}` : undefined),
  immediate: (slot, kind) => (kind === 1 ? `map at ${slot}` : undefined),
}

describe('InsnTexts', () => {
  it.each<PseudoCStyle>(['llvm', 'bpftool'])('%s', style => {
    const rows: [number, number, number, number, number][] = []
    for (const { code } of forms)
      for (const off of FIELDS)
        for (const imm of FIELDS) for (const src of [0, 1, 9]) rows.push([code, 3, src, off, imm], [code, 3, src, off, imm])
    const insns = new Insns(rows.length)
    for (const [slot, row] of rows.entries()) insns.set(slot, ...row)
    const texts = new InsnTexts(style)
    const decoder = new TextDecoder()
    // Twice, so that everything comes from memory once.
    for (let round = 0; round < 2; round++)
      for (let slot = 0; slot < insns.length; slot++) {
        const text = decoder.decode(texts.at(insns, slot, names))
        if (text !== `: ${formatInsn(insns, slot, style, names)}`)
          expect.fail(`slot ${slot} (${rows[slot]}): ${text}, not ${formatInsn(insns, slot, style, names)}`)
      }
  })

  it('takes the second half of a 64-bit load into account', () => {
    const insns = new Insns(5)
    insns.set(0, 0x18, 1, 0, 0, 5)
    insns.set(2, 0x18, 1, 0, 0, 5)
    insns.set(3, 0, 0, 0, 0, 7)
    insns.set(4, 0x18, 1, 0, 0, 5)
    const texts = new InsnTexts('llvm')
    expect([0, 2, 4].map(slot => new TextDecoder().decode(texts.at(insns, slot, {})))).toEqual([
      ': r1 = 0x5 ll',
      ': r1 = 0x700000005 ll',
      ': <unknown>',
    ])
  })
})
