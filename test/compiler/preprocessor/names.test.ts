import { describe, expect, it } from 'vitest'
import { hashBytes, Keyword, keywordCount, Names, Punct, plainKeyword } from '../../../compiler/preprocessor/names.js'

describe('Names', () => {
  it('gives keywords and punctuators the atoms that the constants promise', () => {
    const names = new Names()
    for (const [text, atom] of [...Object.entries(Keyword), ...Object.entries(Punct)]) {
      expect(names.intern(text)).toBe(atom)
      expect(names.text(atom)).toBe(text)
    }
    expect(Math.max(...Object.values(Keyword))).toBe(keywordCount - 1)
    expect(Math.min(...Object.values(Punct))).toBe(keywordCount)
  })

  it('maps alternate spellings to the plain ones', () => {
    expect(plainKeyword(Keyword.__volatile__)).toBe(Keyword.volatile)
    expect(plainKeyword(Keyword.__alignof__)).toBe(Keyword._Alignof)
    expect(plainKeyword(Keyword.int)).toBe(Keyword.int)
    expect(plainKeyword(keywordCount + 5)).toBe(keywordCount + 5)
  })

  it('keeps equal spellings equal and others apart while it grows', () => {
    const names = new Names()
    const atoms = Array.from({ length: 20_000 }, (_, i) => names.intern(`name_${i}`))
    expect(new Set(atoms).size).toBe(20_000)
    const bytes = new TextEncoder().encode('xx name_12345 é')
    expect(names.internBytes(bytes, 3, 13)).toBe(atoms[12345])
    expect(names.text(names.internBytes(bytes, 14, 16))).toBe('é')
    expect(names.find(bytes, 0, 2, hashBytes(bytes, 0, 2))).toBe(-1)
    expect(names.length(atoms[7]!)).toBe(6)
  })
})
