import { describe, expect, it } from 'vitest'
import { bundledBtf } from '../../../linker/btf/bundled-btf.js'
import { BtfBuilder, encodeBtf } from '../../../linker/btf/btf-builder.js'
import { readBtf } from '../../../linker/btf/btf-file.js'
import { decodeIndexedBtf, encodeIndexedBtf } from '../../../linker/btf/btf-index.js'

describe('BTF kept with its index', () => {
  const fresh = bundledBtf()
  const kept = encodeIndexedBtf(fresh.bytes, fresh.index())

  it('opens to the same types, names and sections, wherever the bytes lie', () => {
    for (const start of [0, 4, 3]) {
      const room = new Uint8Array(start + kept.length)
      room.set(kept, start)
      const { bytes, index } = decodeIndexedBtf(room.subarray(start))!
      expect(Buffer.compare(bytes, fresh.bytes)).toBe(0)
      const again = readBtf(bytes, { index })
      expect(again.count).toBe(fresh.count)
      expect(again.datasecIds).toEqual(fresh.datasecIds)
      for (let id = 1; id < fresh.count; id += 7) {
        expect(again.type(id)).toEqual(fresh.type(id))
        const name = fresh.nameOf(id)
        expect(again.byName(name)).toEqual(fresh.byName(name))
        expect(again.byEssentialName(name)).toEqual(fresh.byEssentialName(name))
      }
      expect(again.byName('no such type')).toEqual([])
    }
  })

  it('is not taken where bytes are missing or too many', () => {
    for (const length of [0, 19, 20, kept.length - 4, kept.length - 1])
      expect(decodeIndexedBtf(kept.slice(0, length))).toBeUndefined()
    expect(decodeIndexedBtf(new Uint8Array(kept.length + 4).fill(1))).toBeUndefined()
  })
})

describe('names with flavours', () => {
  it('are found by what is before the flavour', () => {
    // More underscores than three in a row, at the start, or at the end make no flavour.
    const names = ['task', 'task___old', 'task____odd', '___x', 'a___', 'a_b__c', 'task___v1___v2']
    const builder = new BtfBuilder()
    for (const name of names) builder.addInt(name, 4)
    const btf = readBtf(encodeBtf(builder, true))
    const found = (wanted: string) => btf.byEssentialName(wanted).map(id => btf.nameOf(id))
    expect(found('task')).toEqual(['task', 'task___old'])
    for (const name of ['task____odd', '___x', 'a___', 'a_b__c']) expect(found(name)).toEqual([name])
    expect(found('task___v1')).toEqual(['task___v1___v2'])
  })
})
