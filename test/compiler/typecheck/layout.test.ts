import { describe, expect, it } from 'vitest'
import { type LayoutMember, layoutRecord } from '../../../compiler/typecheck/layout.js'

const member = (bytes: number, more: Partial<LayoutMember> = {}): LayoutMember => ({
  typeBits: bytes * 8,
  typeAlign: bytes * 8,
  bits: undefined,
  named: true,
  align: 0,
  packed: false,
  ...more,
})
const bits = (bytes: number, width: number, more: Partial<LayoutMember> = {}): LayoutMember =>
  member(bytes, { bits: width, ...more })
const plain = { union: false, packed: false, pack: 0, align: 0 }

describe('record layout', () => {
  it.each([
    ['empty', [], plain, 0, 1, []],
    ['char, int, char', [member(1), member(4), member(1)], plain, 12, 4, [0, 32, 64]],
    ['packed', [member(1), member(4), member(1)], { ...plain, packed: true }, 6, 1, [0, 8, 40]],
    ['pragma pack(2)', [member(1), member(8)], { ...plain, pack: 2 }, 10, 2, [0, 16]],
    ['aligned(16)', [member(1)], { ...plain, align: 16 }, 16, 16, [0]],
    ['union', [member(1), member(8), member(4)], { ...plain, union: true }, 8, 8, [0, 0, 0]],
    ['bit fields share a unit', [bits(4, 3), bits(4, 5), member(1)], plain, 4, 4, [0, 3, 8]],
    ['a bit field does not cross its unit', [bits(4, 30), bits(4, 4)], plain, 8, 4, [0, 32]],
    ['packed bit fields do', [bits(4, 30), bits(4, 4)], { ...plain, packed: true }, 5, 1, [0, 30]],
    ['zero width closes the unit', [bits(1, 3), bits(4, 0, { named: false }), bits(1, 3)], plain, 5, 1, [0, 32, 32]],
    ['unnamed ones do not align the record', [member(1), bits(4, 3, { named: false })], plain, 2, 1, [0, 8]],
    ['an aligned member', [member(1), member(1, { align: 64 })], plain, 16, 8, [0, 64]],
  ] as const)('%s', (_name, members, options, size, align, offsets) => {
    expect(layoutRecord(members, options)).toEqual({ size, align, offsets })
  })
})
