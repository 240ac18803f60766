import { describe, expect, it } from 'vitest'
import { BtfBuilder, encodeBtf } from '../../../linker/btf/btf-builder.js'
import { readBtfExt, writeBtfExt } from '../../../linker/btf/btf-ext.js'
import { alignOf, essentialName, readBtf, sizeOf, skipModifiers } from '../../../linker/btf/btf-file.js'
import { BTF_LINKAGE_GLOBAL, BtfKind } from '../../../linker/btf/btf-types.js'

/** One type of every kind. */
function everyKind(): BtfBuilder {
  const btf = new BtfBuilder()
  const int = btf.addInt('int', 4, { signed: true })
  const char = btf.addInt('char', 1, { char: true, signed: true })
  const list = btf.reserve()
  const next = btf.addPtr(list)
  btf.defineStruct(list, 'list', 16, [
    { name: 'next', type: next, bitOffset: 0 },
    { name: 'low', type: int, bitOffset: 64, bitSize: 3 },
    { name: 'high', type: int, bitOffset: 67, bitSize: 29 },
  ])
  btf.addUnion('', 4, [{ name: 'a', type: int, bitOffset: 0 }])
  btf.addEnum('color', 4, true, [
    { name: 'RED', value: -1n },
    { name: 'GREEN', value: 5n },
  ])
  btf.addEnum64('big', 8, false, [{ name: 'HUGE', value: 0xffff_ffff_0000_0001n }])
  btf.addEnum64('small', 8, true, [{ name: 'LOW', value: -2n }])
  btf.addFwd('later', true)
  const typedef = btf.addTypedef('list_t', btf.addConst(btf.addVolatile(btf.addRestrict(list))))
  btf.addArray(char, int, 16)
  const proto = btf.addFuncProto(int, [
    { name: 'x', type: typedef },
    { name: '', type: 0 },
  ])
  btf.addFunc('f', proto, BTF_LINKAGE_GLOBAL)
  const variable = btf.addVar('v', typedef, BTF_LINKAGE_GLOBAL)
  btf.addDatasec('.data', 16, [{ type: variable, offset: 0, size: 16 }])
  btf.addFloat('double', 8)
  btf.addDeclTag('kfunc', variable)
  btf.addDeclTag('user', list, 1)
  btf.addTypeTag('kptr', list)
  btf.addStruct('list___old', 8, [{ name: 'next', type: next, bitOffset: 0 }])
  return btf
}

describe('BtfBuilder and readBtf', () => {
  it.each([true, false])('give back every kind, little %s', little => {
    const builder = everyKind()
    const bytes = builder.finish(little)
    expect(builder.finish(little)).toEqual(bytes)
    const btf = readBtf(bytes, { little })
    expect(btf.count).toBe(builder.count)
    for (let id = 0; id < btf.count; id++) expect(btf.type(id), `${id}`).toEqual(builder.type(id))
    expect(encodeBtf(btf, little)).toEqual(bytes)
    expect(btf.kindOf(3)).toBe(BtfKind.Struct)
    expect(btf.nameOf(3)).toBe('list')
  })

  it('finds types by name and by essential name', () => {
    const btf = readBtf(everyKind().finish(true))
    expect(btf.byName('list')).toEqual([3])
    expect(btf.byName('list___old')).toEqual([btf.count - 1])
    expect(btf.byEssentialName('list')).toEqual([3, btf.count - 1])
    expect(btf.byName('nothing')).toEqual([])
    expect(btf.byName('')).toEqual([])
  })

  it('measures types', () => {
    const btf = readBtf(everyKind().finish(true))
    const typedef = btf.byName('list_t')[0]!
    expect(sizeOf(btf, typedef)).toBe(16)
    expect(alignOf(btf, typedef)).toBe(8)
    expect(skipModifiers(btf, typedef).id).toBe(3)
    expect(sizeOf(btf, 0)).toBe(-1)
  })

  it('reads split BTF over its base', () => {
    const base = readBtf(everyKind().finish(true))
    const own = new BtfBuilder()
    own.addInt('module_int', 4)
    own.addInt('int', 8)
    const bytes = own.finish(true)
    // In a split BTF string offsets go on where the base's end; move the names accordingly.
    const view = new DataView(bytes.buffer)
    const shift = new DataView(base.bytes.buffer).getUint32(20, true)
    for (const at of [24, 40]) view.setUint32(at, view.getUint32(at, true) + shift, true)
    const split = readBtf(bytes, { base })
    expect(split.count).toBe(base.count + 2)
    expect(split.nameOf(base.count)).toBe('module_int')
    expect(split.byName('int')).toEqual([1, base.count + 1])
    expect(split.type(3)).toEqual(base.type(3))
  })

  it('refuses malformed sections with the offset of the fault', () => {
    const change = (offset: number, value: number) => {
      const bytes = everyKind().finish(true)
      new DataView(bytes.buffer).setUint32(offset, value, true)
      return bytes
    }
    const cases: readonly [string, Uint8Array, string, number][] = [
      ['short', new Uint8Array(10), 'F0201', 0],
      ['magic', change(0, 0), 'F0201', 0],
      ['version', change(0, 0x0002eb9f), 'F0201', 2],
      ['type length', change(12, 1 << 20), 'F0201', 8],
      ['string length', change(20, 1 << 20), 'F0201', 16],
      ['kind', change(28, 31 << 24), 'F0202', 28],
      ['entries', change(28, (4 << 24) | 0xffff), 'F0202', 24],
    ]
    for (const [name, bytes, code, offset] of cases)
      expect(() => readBtf(bytes, { origin: 1000 }), name).toThrow(expect.objectContaining({ code, offset: 1000 + offset }))
    const btf = readBtf(everyKind().finish(true))
    expect(() => btf.type(1000)).toThrow(expect.objectContaining({ code: 'F0203' }))
  })

  it('essential names end before a flavour', () => {
    const cases: readonly [string, string][] = [
      ['sock', 'sock'],
      ['sock___old', 'sock'],
      ['sock___a___b', 'sock___a'],
      ['___x', '___x'],
      ['a____b', 'a____b'],
      ['a___', 'a___'],
    ]
    for (const [name, want] of cases) expect(essentialName(name)).toBe(want)
  })
})

describe('.BTF.ext', () => {
  it.each([true, false])('is read as it was written, little %s', little => {
    const strings = new BtfBuilder()
    const ext = {
      funcInfo: [{ section: 'xdp', records: [{ insnOffset: 0, type: 7 }] }],
      lineInfo: [{ section: 'xdp', records: [{ insnOffset: 8, file: 'a.c', text: 'int a;', line: 70000, column: 1000 }] }],
      coreRelos: [{ section: 'tc', records: [{ insnOffset: 16, type: 3, access: '0:1', kind: 2 }] }],
    }
    const bytes = writeBtfExt(ext, strings, little)
    const btf = readBtf(strings.finish(little))
    expect(readBtfExt(bytes, btf, little)).toEqual(ext)
  })

  it('refuses records that do not fit', () => {
    const strings = new BtfBuilder()
    const bytes = writeBtfExt(
      { funcInfo: [{ section: 'x', records: [{ insnOffset: 0, type: 1 }] }], lineInfo: [], coreRelos: [] },
      strings,
      true,
    )
    const btf = readBtf(strings.finish(true))
    const view = new DataView(bytes.buffer)
    view.setUint32(32 + 8, 1000, true)
    expect(() => readBtfExt(bytes, btf, true)).toThrow(expect.objectContaining({ code: 'F0212' }))
    view.setUint32(32, 4, true)
    expect(() => readBtfExt(bytes, btf, true, 50)).toThrow(expect.objectContaining({ code: 'F0212', offset: 82 }))
  })
})
