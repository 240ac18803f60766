import { describe, expect, it } from 'vitest'
import { BtfBuilder } from '../../../linker/btf/btf-builder.js'
import { readBtf } from '../../../linker/btf/btf-file.js'
import { type BtfId, BtfKind } from '../../../linker/btf/btf-types.js'
import { dedupBtf } from '../../../linker/btf/dedup.js'
import { LinkedBtf } from '../../../linker/btf/linked-btf.js'
import { validateBtf } from '../../../linker/btf/validate.js'

/** A list and a tree that refer to each other, as one source file brings them; `full` leaves the tree a forward declaration. */
function unit(btf: BtfBuilder, full: boolean): BtfId {
  const int = btf.addInt('int', 4, { signed: true })
  const list = btf.reserve()
  const tree = full ? btf.reserve() : btf.addFwd('tree', false)
  if (full)
    btf.defineStruct(tree, 'tree', 16, [
      { name: 'list', type: btf.addPtr(list), bitOffset: 0 },
      { name: 'n', type: int, bitOffset: 64 },
    ])
  btf.defineStruct(list, 'list', 16, [
    { name: 'next', type: btf.addPtr(list), bitOffset: 0 },
    { name: 'tree', type: btf.addPtr(tree), bitOffset: 64 },
  ])
  return list
}

/** What deduplication leaves: new ids by old ones, and the types under them. */
function deduplicated(builder: BtfBuilder) {
  const linked = LinkedBtf.of(readBtf(builder.finish(true)))
  const deduplication = dedupBtf(linked)
  return { ids: deduplication.ids, btf: readBtf(linked.encode(deduplication, true)) }
}

describe('dedupBtf', () => {
  it('takes equal cyclic types together', () => {
    const btf = new BtfBuilder()
    const one = unit(btf, true)
    const single = btf.count
    const two = unit(btf, true)
    const result = deduplicated(btf)
    // Within a unit the two pointers to the list are equal too.
    expect(result.btf.count).toBe(single - 1)
    expect(result.ids[one]).toBe(result.ids[two])
    validateBtf(result.btf)
  })

  it('resolves forward declarations where there is one definition', () => {
    const btf = new BtfBuilder()
    const one = unit(btf, false)
    const two = unit(btf, true)
    const result = deduplicated(btf)
    expect(result.ids[one]).toBe(result.ids[two])
    expect(result.btf.byName('tree').map(id => result.btf.type(id).kind)).toEqual([BtfKind.Struct])
  })

  it('keeps apart what differs, even far away', () => {
    const btf = new BtfBuilder()
    const chain = (name: string) => {
      const end = btf.addStruct('end', 4, [{ name, type: btf.addInt('int', 4, { signed: true }), bitOffset: 0 }])
      let type = end
      for (let i = 0; i < 20; i++) type = btf.addStruct(`s${i}`, 8, [{ name: 'p', type: btf.addPtr(type), bitOffset: 0 }])
      return type
    }
    const one = chain('a')
    const two = chain('b')
    const three = chain('a')
    const { ids } = deduplicated(btf)
    expect(ids[one]).toBe(ids[three])
    expect(ids[one]).not.toBe(ids[two])
  })

  // As gcc writes them.
  it('knows a name again that stands in the table twice', () => {
    const builder = new BtfBuilder()
    const [one, two] = ['twin', 'twix'].map(name => builder.addStruct(name, 8, []))
    const bytes = builder.finish(true)
    bytes.set([0x6e], bytes.length - 2)
    const btf = readBtf(bytes)
    expect([1, 2].map(id => btf.nameOf(id))).toEqual(['twin', 'twin'])
    const linked = LinkedBtf.of(btf)
    const deduplication = dedupBtf(linked)
    expect(deduplication.ids[one!]).toBe(deduplication.ids[two!])
    expect(Buffer.from(linked.encode(deduplication, true)).toString('latin1').match(/twin/g)).toHaveLength(1)
  })

  it('leaves variables alone', () => {
    const btf = new BtfBuilder()
    const int = btf.addInt('int', 4)
    const vars = [btf.addVar('v', int, 0), btf.addVar('v', int, 0)]
    const { ids } = deduplicated(btf)
    expect(ids[vars[0]!]).not.toBe(ids[vars[1]!])
  })
})

describe('validateBtf', () => {
  const cases: readonly [string, (btf: BtfBuilder) => void, string][] = [
    ['a reference to nothing', btf => btf.addPtr(99), 'F0203'],
    [
      'a struct in itself',
      btf => btf.defineStruct(btf.reserve(), 's', 8, [{ name: 'self', type: btf.count - 1, bitOffset: 0 }]),
      'F0204',
    ],
    ['a typedef of itself', btf => btf.define(btf.reserve(), { kind: BtfKind.Typedef, name: 't', type: btf.count - 1 }), 'F0204'],
    ['a member outside', btf => btf.addStruct('s', 4, [{ name: 'm', type: btf.addInt('int', 4), bitOffset: 8 }]), 'F0204'],
    ['a function without prototype', btf => btf.addFunc('f', btf.addInt('int', 4), 1), 'F0204'],
    ['an int without name', btf => btf.addInt('', 4), 'F0204'],
    ['an odd enum', btf => btf.addEnum('e', 3, false, [{ name: 'A', value: 1n }]), 'F0204'],
    ['a tag on no member', btf => btf.addDeclTag('t', btf.addStruct('s', 0, []), 1), 'F0204'],
  ]
  it.each(cases)('refuses %s', (_name, build, code) => {
    const btf = new BtfBuilder()
    build(btf)
    expect(() => validateBtf(readBtf(btf.finish(true)))).toThrow(expect.objectContaining({ code, offset: expect.any(Number) }))
  })
})
