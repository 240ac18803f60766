/** The instruction table: decode(encode(x)) = x over all valid forms, and a reason for everything else. */
import { describe, expect, it } from 'vitest'
import { Insns } from '../../../assembler/isa/insns.js'
import { classify, decode, encode, type FieldRule, forms, isForm } from '../../../assembler/isa/isa-table.js'

const sample = (rule: FieldRule, values: readonly number[]): readonly number[] =>
  rule === 'any' ? values : rule === 'zero' ? [0] : rule === 'register' ? Array.from({ length: 11 }, (_, i) => i) : rule

const OFFSETS = [0, 1, -1, 8, 32767, -32768]
const IMMEDIATES = [0, 1, -1, 16, 0x7fffffff, -0x80000000]

describe('instruction forms', () => {
  it('names are unique and no two forms overlap', () => {
    expect(new Set(forms.map(form => form.name)).size).toBe(forms.length)
  })

  it.each(['little', 'big'])('every valid instruction survives encoding and decoding (%s endian)', order => {
    const insns = new Insns(2)
    let count = 0
    for (const form of forms)
      for (const dst of sample(form.dst, []))
        for (const src of sample(form.src, []))
          for (const off of sample(form.off, OFFSETS))
            for (const imm of sample(form.imm, IMMEDIATES))
              for (const immHigh of form.slots === 2 ? IMMEDIATES : [0]) {
                const insn = { form, dst, src, off, imm, immHigh }
                encode(insn, insns, 0)
                const little = order === 'little'
                const back = Insns.fromBytes(insns.toBytes(little), little)
                const decoded = decode(back, 0)
                if (JSON.stringify(decoded) !== JSON.stringify(insn)) expect(decoded).toEqual(insn)
                count++
              }
    expect(count).toBeGreaterThan(60_000)
  })

  it('every other pattern is invalid and says why: all opcodes times fields that no form allows', () => {
    const insns = new Insns(2)
    const valid = new Set(forms.map(form => form.code))
    for (let code = 0; code < 256; code++)
      for (const [dst, src, off, imm] of [
        [0, 0, 0, 0],
        [11, 0, 0, 0],
        [0, 15, 0, 0],
        [1, 2, 3, 4],
        [15, 15, -1, -1],
      ] as const) {
        insns.set(0, code, dst, src, off, imm)
        const result = classify(insns, 0)
        if (isForm(result)) expect(valid.has(code)).toBe(true)
        else expect(result.reason).not.toBe('')
      }
  })

  it.each([
    [[0x95, 1, 0, 0, 0], 'exit (0x95): destination must be 0, is 1'],
    [[0xb7, 12, 0, 0, 1], 'mov64_k (0xb7): destination register r12 does not exist'],
    [[0xbf, 1, 2, 5, 0], 'mov64_x (0xbf): offset must be 0, is 5'],
    [[0xd4, 1, 0, 0, 8], 'le16 (0xd4): immediate must be 16, is 8'],
    [[0xff, 0, 0, 0, 0], 'opcode 0xff is not an instruction'],
    [[0x37, 1, 0, 2, 3], 'div64_k (0x37): offset must be 0, is 2'],
    [[0xc3, 1, 2, 0, 0x99], 'immediate must be'],
  ] as const)('%j is invalid', ([code, dst, src, off, imm], reason) => {
    const insns = new Insns(1)
    insns.set(0, code, dst, src, off, imm)
    expect(classify(insns, 0)).toMatchObject({ invalid: true, reason: expect.stringContaining(reason) })
  })

  it('a 64-bit immediate load needs a clean second slot', () => {
    const short = new Insns(1)
    short.set(0, 0x18, 1, 0, 0, 5)
    expect(classify(short, 0)).toMatchObject({ reason: expect.stringContaining('two slots') })
    const dirty = new Insns(2)
    dirty.set(0, 0x18, 1, 0, 0, 5)
    dirty.set(1, 0, 1, 0, 0, 0)
    expect(classify(dirty, 0)).toMatchObject({ reason: expect.stringContaining('second slot') })
  })
})
