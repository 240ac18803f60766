/** Assembly files: sections, symbols and relocations as clang -c makes them of the same text. */
import { describe, expect, it } from 'vitest'
import { assemble } from '../../assembler/assemble.js'

const SOURCE = `
	.text
	.file	"demo.c"
	.section	xdp,"ax",@progbits
	.globl	prog                            # -- Begin function prog
	.p2align	3
	.type	prog,@function
prog:                                   # @prog
.Lfunc_begin0:
	.loc	0 5 0 // line 5
	r1 = counter ll
	r2 = .Lstr ll
	call local_fn
	call other
	call undefined_fn
	if w0 s> 5 goto .LBB0_2
	goto .LBB0_1
.LBB0_1:
	w0 = 1; exit
.LBB0_2:
	gotol .LBB0_1
.Lfunc_end0:
	.size	prog, .Lfunc_end0-prog
	.type local_fn,@function
local_fn: r0 = 0
	exit
	.text
	.globl other
	.weak other
	.type other,@function
other:
	exit
	.data
	.type	counter,@object
	.globl	counter
	.p2align	3, 0x0
counter:
	.quad	7                               # 0x7
	.quad	counter+4
	.long	.Lfunc_end0-.Lfunc_begin0
	.byte	1, 2, 'a'
	.zero	1
	.size	counter, 24
	.section	.rodata.str1.1,"aMS",@progbits,1
.Lstr:
	.asciz	"a\\tb\\001"
	.bss
big:	.zero 100
	.section ".BTF","",@progbits
	.long .Ltmp
	.long counter
	.set alias, counter+4
	.section xdp
.Ltmp:
	exit
`

describe('assemble', () => {
  const assembly = assemble(SOURCE)
  const section = (name: string) => assembly.sections.find(each => each.name === name)!
  const hex = (name: string) => [...section(name).bytes].map(byte => byte.toString(16).padStart(2, '0')).join('')

  it('takes it without complaint', () => {
    expect(assembly.diagnostics).toEqual([])
  })

  it('makes code with branches resolved and calls of local functions resolved', () => {
    const rows = hex('xdp').match(/.{16}/g)!
    expect(rows).toEqual([
      '1801000000000000',
      '0000000000000000',
      '1802000000000000',
      '0000000000000000',
      '8510000007000000',
      '85100000ffffffff',
      '85100000ffffffff',
      '6600030005000000',
      '0500000000000000',
      'b400000001000000',
      '9500000000000000',
      '06000000fdffffff',
      'b700000000000000',
      '9500000000000000',
      '9500000000000000',
    ])
  })

  it('makes data, strings and zeros', () => {
    expect(hex('.data')).toBe(`0700000000000000${'0400000000000000'}${'60000000'}01026100`)
    expect(hex('.rodata.str1.1')).toBe('6109620100')
    expect(section('.bss')).toMatchObject({ size: 100, type: 8, bytes: new Uint8Array() })
    expect(section('.rodata.str1.1')).toMatchObject({ flags: 0x32, entsize: 1 })
    expect(section('xdp')).toMatchObject({ flags: 6, align: 8 })
  })

  it('leaves relocations to globals by symbol, to locals by section', () => {
    const name = (target: string | number) => (typeof target === 'string' ? target : assembly.sections[target]!.name)
    expect(
      assembly.relocations.map(
        each => `${assembly.sections[each.section]!.name}+${each.offset} ${each.type} ${name(each.target)}`,
      ),
    ).toEqual([
      'xdp+0 1 counter',
      'xdp+16 1 .rodata.str1.1',
      'xdp+40 10 other',
      'xdp+48 10 undefined_fn',
      '.data+8 2 counter',
      '.BTF+0 4 xdp',
      '.BTF+4 4 counter',
    ])
    expect(hex('.BTF')).toBe('7000000000000000')
  })

  it('lists the symbols', () => {
    const named = Object.fromEntries(assembly.symbols.map(each => [each.name, each]))
    expect(named['prog']).toMatchObject({ binding: 'global', type: 'func', size: 96, value: 0 })
    expect(named['other']).toMatchObject({ binding: 'weak', type: 'func' })
    expect(named['local_fn']).toMatchObject({ binding: 'local', value: 96 })
    expect(named['undefined_fn']).toMatchObject({ section: -1, binding: 'global' })
    expect(named['counter']).toMatchObject({ type: 'object', size: 24 })
    expect(named['alias']).toMatchObject({ value: 4 })
    expect(named['demo.c']).toMatchObject({ type: 'file' })
    expect(named['.Lstr']).toBeUndefined()
  })

  it('writes big-endian code and data', () => {
    const big = assemble('r1 = *(u16 *)(r2 + 4)\n.long 0x11223344\n.quad 1', { little: false })
    expect([...big.sections[0]!.bytes].map(byte => byte.toString(16).padStart(2, '0')).join('')).toBe(
      '6912000400000000112233440000000000000001',
    )
  })

  it('calculates with the distance of two labels', () => {
    const text =
      'a: exit\n1: .byte 0xe5, 0; .long ((b - 1b - 8) / 8) & 0xffff; .short 0\nexit\nb: exit\n.long (b - a) * 2 + 1, -(b - a) >> 60'
    const { sections, diagnostics } = assemble(`.section x\n${text}`)
    expect(diagnostics).toEqual([])
    const { bytes } = sections.find(each => each.name === 'x')!
    expect(
      [...bytes]
        .map(byte => byte.toString(16).padStart(2, '0'))
        .join('')
        .match(/.{8,16}/g),
    ).toEqual(['9500000000000000', 'e500010000000000', '9500000000000000', '9500000000000000', '310000000f000000'])
  })

  it.each([
    ['.long x / 8', "'/' cannot be applied to a symbol"],
    ['a: exit; .long (a - a) / 0', 'division by zero'],
    ['a: exit; .data; b: .long (b - a) / 8', 'subtracted from nothing'],
    ['goto nowhere', "label 'nowhere' is not defined"],
    ['.quad .Lnowhere', "label '.Lnowhere' is not defined"],
    ['r1 = .Lnowhere ll', "label '.Lnowhere' is not defined"],
    ['x: x: exit', "symbol 'x' is already defined"],
    ['.section .bss\n.long 5', 'can only hold zeros'],
    ['.frobnicate 5', 'unknown directive .frobnicate'],
    ['.zero 0x7fffffffff', 'would grow beyond'],
    ['/* open', 'comment is not closed'],
    ['.asciz "open', 'string is not closed'],
    ['a: exit\n.long a - b', 'subtracted from nothing'],
    ['.popsection', 'without .pushsection'],
    ['.p2align 40', 'no power of two'],
    ['goto .Lx\n.data\n.Lx: .long 1', 'in another section'],
    ['.fill 4, 9', '.fill takes'],
    ['.size x, y', "the size of 'x' is no number"],
  ])('refuses %j', (text, message) => {
    const { diagnostics } = assemble(text, { base: 100 })
    expect(diagnostics.map(each => each.message).join()).toContain(message)
    expect(diagnostics[0]!.span!.start).toBeGreaterThanOrEqual(100)
  })
})
