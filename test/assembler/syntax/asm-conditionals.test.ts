/** `.ifc`, `.if`, `.rept`: which statements are left, in code of functions and in assembly files. */
import { describe, expect, it } from 'vitest'
import { assemble } from '../../../assembler/assemble.js'
import { assembleInline } from '../../../assembler/inline-asm.js'

/** The bytes that `.byte` directives of a text leave in `.data`, and what was complained about. */
function bytes(text: string): string {
  const { sections, diagnostics } = assemble(`.data\n${text}`)
  const data = sections.find(section => section.name === '.data')!
  return [[...data.bytes].join(' '), ...diagnostics.map(each => each.message)].join(' | ')
}

describe('conditions and repetitions', () => {
  it.each([
    ['.ifc r1, r1; .byte 1; .else; .byte 2; .endif; .byte 3', '1 3'],
    ['.ifc r1,r2; .byte 1; .else; .byte 2; .endif', '2'],
    ['.ifc r1 , r1 # compared\n.byte 1\n.endif', '1'],
    ['.ifc (a, b), (a, b)\n.byte 1\n.else\n.byte 2\n.endif', '2'],
    ['.ifnc w3, r3; .byte 1; .endif', '1'],
    ['.ifb ; .byte 1; .endif; .ifnb x; .byte 2; .endif', '1 2'],
    ['.if 2 > 1; .byte 1; .elseif 1; .byte 2; .else; .byte 3; .endif', '1'],
    ['.if 0; .byte 1; .elseif 1; .byte 2; .elseif 1; .byte 4; .else; .byte 3; .endif', '2'],
    ['.ifeq 1; .byte 1; .else; .byte 3; .endif; .iflt -1; .byte 4; .endif', '3 4'],
    ['.if 0; .if 1; .byte 1; .else; .byte 2; .endif; .else; .byte 3; .endif', '3'],
    ['.if 0; not an insn [; .unknown; .endif; .byte 7', '7'],
    ['.rept 3; .byte 1, 2; .endr', '1 2 1 2 1 2'],
    ['.rept 0; .byte 1; .endr; .byte 9', '9'],
    ['.rept 2; .byte 1; .rept 2; .byte 2; .endr; .endr', '1 2 2 1 2 2'],
    ['.rep 2; .ifc a, a; .byte 5; .endif; .endr', '5 5'],
    ['.if 0; .rept 2; .byte 1; .endr; .endif', ''],
    ['a: .rept 2; 1: .byte 1b - a; .endr', '0 1'],
    ['.rept 1; .byte 1', ' | .rept has no .endr'],
    ['.rept -1; .byte 1; .endr', ' | the count of .rept is negative'],
    ['.endr; .byte 1', '1 | .endr without .rept'],
    ['.else; .endif', ' | .else without .if | .endif without .if'],
    ['.if 1; .else; .else; .endif', ' | .else behind .else'],
    ['.if 1; .byte 1', '1 | this condition has no .endif'],
    ['.ifc r1 r1; .byte 1; .endif', ' | .ifc compares two texts: expected a comma'],
    ['.if undefined_one; .byte 1; .endif', ' | the condition of .if must be a number'],
    ['.rept 2000; .rept 2000; .skip 0; .endr; .endr', ' | repetitions make more than 1048576 statements'],
  ])('%s', (text, expected) => expect(bytes(text)).toBe(expected))

  it('code of a function: an instruction of bytes whose registers .ifc picks', () => {
    const cast = (register: string) =>
      `.byte 0xbf; ${[1, 2, 3].map(n => `.ifc ${register}, r${n}; .byte ${n * 17}; .endif;`).join(' ')} .short 1; .long 65536`
    for (const n of [1, 2, 3]) {
      const { items, diagnostics } = assembleInline(cast(`r${n}`))
      expect(diagnostics).toEqual([])
      expect(items).toMatchObject([{ kind: 'insn', insn: { code: 0xbf, dst: n, src: n, off: 1, imm: 65536 } }])
    }
  })

  it('code of a function: a repeated body, with labels of its own', () => {
    const { items, diagnostics } = assembleInline('0: r0 = 0; .rept 40000; r0 += 1; .endr; .rept 2; 1: goto 1b; .endr; gotol 0b')
    expect(diagnostics).toEqual([])
    expect(items.filter(item => item.kind === 'insn')).toHaveLength(40004)
    expect(items.flatMap(item => (item.kind === 'insn' && item.symbol ? [item.symbol.name] : []))).toEqual([
      '.Lasm.1.1',
      '.Lasm.1.2',
      '.Lasm.0.1',
    ])
  })

  it('code of a function: the distance of a branch written out, as headers do it for assemblers without may_goto', () => {
    const text = (distance: string) => `1:.byte 0xe5; .byte 0; .long ${distance}; .short 0; exit`
    const goto = {
      kind: 'insn',
      insn: { code: 0xe5, dst: 0, src: 0, off: 0, imm: 0 },
      symbol: { field: 'branch16', name: 'out' },
    }
    const little = assembleInline(text('((out - 1b - 8) / 8) & 0xffff'))
    const big = assembleInline(text('(((out - 1b - 8) / 8) & 0xffff) << 16'), { little: false })
    for (const { items, diagnostics } of [little, big]) {
      expect(diagnostics).toEqual([])
      expect(items).toMatchObject([{ kind: 'label' }, goto, { kind: 'insn', insn: { code: 0x95 } }])
    }
    for (const other of ['((out - 1b - 8) / 4) & 0xffff', '((out - 1b) / 8) & 0xffff', '((out - x - 8) / 8) & 0xffff', 'out'])
      expect(assembleInline(text(other)).diagnostics[0]!.message).toContain('must be a number, or the distance of a branch')
  })
})
