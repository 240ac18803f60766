import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { BtfBuilder } from '../../../linker/btf/btf-builder.js'
import { CDump } from '../../../linker/btf/c-definitions.js'
import { btfToC } from '../../../linker/btf/c-dump.js'

/** One of each thing that C makes hard. */
function awkward(): BtfBuilder {
  const btf = new BtfBuilder()
  const int = btf.addInt('int', 4, { signed: true })
  const unsigned = btf.addInt('unsigned int', 4)
  const char = btf.addInt('char', 1, { char: true, signed: true })
  const long = btf.addInt('long unsigned int', 8)
  // Recursion through pointers, and two structs that point to each other.
  const list = btf.reserve()
  const other = btf.reserve()
  btf.defineStruct(list, 'list', 16, [
    { name: 'next', type: btf.addPtr(list), bitOffset: 0 },
    { name: 'other', type: btf.addPtr(other), bitOffset: 64 },
  ])
  btf.defineStruct(other, 'other', 24, [
    { name: 'embedded', type: list, bitOffset: 0 },
    { name: 'back', type: btf.addPtr(btf.addConst(list)), bitOffset: 128 },
  ])
  // Bit fields with holes, an anonymous union, an array of function pointers.
  const anonymous = btf.addUnion('', 8, [
    { name: 'word', type: long, bitOffset: 0 },
    { name: 'bytes', type: btf.addArray(char, int, 8), bitOffset: 0 },
  ])
  const proto = btf.addFuncProto(int, [
    { name: 'a', type: btf.addPtr(0) },
    { name: '', type: 0 },
  ])
  btf.addStruct('bits', 56, [
    { name: 'a', type: unsigned, bitOffset: 0, bitSize: 3 },
    { name: 'b', type: unsigned, bitOffset: 5, bitSize: 2 },
    { name: 'c', type: unsigned, bitOffset: 32, bitSize: 7 },
    { name: '', type: anonymous, bitOffset: 64 },
    { name: 'handlers', type: btf.addArray(btf.addPtr(proto), int, 3), bitOffset: 128 },
    { name: 'last', type: char, bitOffset: 320 },
  ])
  btf.addStruct('packed', 5, [
    { name: 'tag', type: char, bitOffset: 0 },
    { name: 'value', type: int, bitOffset: 8 },
  ])
  btf.addStruct('empty', 0, [])
  btf.addStruct('aligned', 64, [{ name: 'hot', type: int, bitOffset: 0 }])
  btf.addEnum('small', 1, false, [{ name: 'ONE', value: 1n }])
  btf.addEnum('', 4, true, [{ name: 'CONSTANT', value: -5n }])
  btf.addEnum64('wide', 8, false, [{ name: 'HUGE', value: 1n << 40n }])
  btf.addEnum64('word', 8, true, [{ name: 'TINY', value: 1n }])
  btf.addTypedef('list', btf.addPtr(btf.addVolatile(list)))
  btf.addTypedef('matrix', btf.addArray(btf.addArray(int, int, 4), int, 2))
  btf.addTypedef('callback', btf.addPtr(btf.addFuncProto(btf.addPtr(proto), [{ name: 'x', type: int }])))
  btf.addTypedef('nothing', btf.addFuncProto(0, []))
  btf.addTypedef('__builtin_va_list', btf.addArray(char, int, 24))
  btf.addStruct('list', 8, [{ name: 'next', type: btf.addPtr(btf.addTypeTag('user', char)), bitOffset: 0 }])
  btf.addFwd('unknown', true)
  return btf
}

describe('btfToC', () => {
  it('writes what C makes hard', async () => {
    await expect(btfToC(awkward())).toMatchFileSnapshot(join(import.meta.dirname, 'golden/awkward.h'))
  })

  it('gives the same for the same', () => {
    expect(btfToC(awkward())).toBe(btfToC(awkward()))
  })

  it('writes only what is asked for, and all that it needs', () => {
    const btf = awkward()
    const dump = new CDump(btf)
    dump.add(btf.byName('other')[0]!)
    expect(dump.take()).toBe(
      'struct other;\n\nstruct list {\n\tstruct list *next;\n\tstruct other *other;\n};\n\nstruct other {\n\tstruct list embedded;\n\tconst struct list *back;\n};\n\n',
    )
    dump.add(btf.byName('other')[0]!)
    expect(dump.take()).toBe('')
    expect(dump.declare(btf.byName('matrix')[0]!, 'm')).toBe('matrix m')
  })

  it('declares kfuncs on demand', () => {
    const btf = new BtfBuilder()
    const int = btf.addInt('int', 4, { signed: true })
    const func = btf.addFunc('bpf_thing', btf.addFuncProto(int, [{ name: 'n', type: int }]), 0)
    btf.addDeclTag('bpf_kfunc', func)
    expect(btfToC(btf)).not.toContain('bpf_thing')
    expect(btfToC(btf, { kfuncs: true })).toContain('extern int bpf_thing(int n) __weak __ksym;\n')
  })

  it('refuses types that contain themselves, and endless chains', () => {
    const loop = new BtfBuilder()
    const id = loop.reserve()
    loop.defineStruct(id, 'loop', 8, [{ name: 'self', type: id, bitOffset: 0 }])
    expect(() => btfToC(loop)).toThrow(expect.objectContaining({ code: 'F0204' }))
    const deep = new BtfBuilder()
    let type = deep.addInt('int', 4)
    for (let i = 0; i < 100_000; i++) type = deep.addArray(type, 1, 1)
    expect(() => btfToC(deep, { ids: [type] })).toThrow(expect.objectContaining({ code: 'F0204' }))
  })
})
