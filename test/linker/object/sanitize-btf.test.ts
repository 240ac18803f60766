import { describe, expect, it } from 'vitest'
import { BtfKind } from '../../../linker/btf/btf-types.js'
import { kernelVersion } from '../../../linker/object/prepare-options.js'
import { sanitizeBtf } from '../../../linker/object/sanitize-btf.js'
import { kitchen } from './kitchen.js'

describe('sanitizeBtf', () => {
  const btf = kitchen().btf!
  const kinds = (version: number) => {
    const sanitized = sanitizeBtf(btf, version)
    const found = new Set<number>()
    for (let id = 1; id < sanitized.count; id++) found.add(sanitized.type(id).kind)
    return found
  }

  it('leaves BTF alone where the kernel knows all of it', () => {
    expect(sanitizeBtf(btf, kernelVersion(6, 12))).toBe(btf)
  })

  const cases: readonly [number, number, readonly number[]][] = [
    [5, 19, [BtfKind.Enum64]],
    [5, 1, [BtfKind.Enum64, BtfKind.Datasec, BtfKind.Var]],
    [4, 19, [BtfKind.Enum64, BtfKind.Datasec, BtfKind.Var, BtfKind.Func, BtfKind.FuncProto]],
  ]
  it.each(cases)('%d.%d gets no kind that came later', (major, minor, absent) => {
    const found = kinds(kernelVersion(major, minor))
    for (const kind of absent) expect(found.has(kind), `${kind}`).toBe(false)
  })

  it('keeps sizes and ids', () => {
    const old = sanitizeBtf(btf, kernelVersion(5, 1))
    const data = btf.byName('.data')[0]!
    expect(old.type(data)).toMatchObject({
      kind: BtfKind.Struct,
      name: '_data',
      size: 5,
      members: [{ name: 'start' }, { name: 'hidden_flag' }],
    })
  })

  it('makes global functions static before 5.6', () => {
    const id = btf.byName('helper_global')[0]!
    expect(sanitizeBtf(btf, kernelVersion(5, 5)).type(id)).toMatchObject({ kind: BtfKind.Func, linkage: 0 })
    expect(sanitizeBtf(btf, kernelVersion(5, 6)).type(id)).toMatchObject({ kind: BtfKind.Func, linkage: 1 })
  })
})
