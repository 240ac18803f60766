import { describe, expect, it } from 'vitest'
import { BtfBuilder } from '../../../linker/btf/btf-builder.js'
import { diffBtf } from '../../../linker/btf/diff.js'

function version(later: boolean): BtfBuilder {
  const btf = new BtfBuilder()
  const int = btf.addInt('int', 4, { signed: true })
  const u64 = btf.addInt('u64', 8)
  const inner = btf.addStruct('', 8, [{ name: 'port', type: u64, bitOffset: 0 }])
  btf.addStruct('sock', later ? 24 : 16, [
    { name: 'family', type: int, bitOffset: later ? 32 : 0 },
    ...(later ? [{ name: 'mark', type: int, bitOffset: 0 }] : [{ name: 'state', type: int, bitOffset: 32 }]),
    { name: '', type: inner, bitOffset: later ? 128 : 64 },
  ])
  btf.addEnum('state', 4, false, [
    { name: 'OPEN', value: later ? 2n : 1n },
    ...(later ? [{ name: 'NEW', value: 9n }] : [{ name: 'OLD', value: 3n }]),
  ])
  btf.addFunc('connect', btf.addFuncProto(int, [{ name: later ? 'socket' : 'sock', type: btf.addPtr(later ? u64 : int) }]), 0)
  btf.addTypedef('id_t', later ? u64 : int)
  btf.addStruct('same', 4, [{ name: 'n', type: int, bitOffset: 0 }])
  btf.addStruct(later ? 'fresh' : 'gone', 4, [])
  return btf
}

describe('diffBtf', () => {
  it('names what was added, removed and changed', () => {
    expect(diffBtf(version(false), version(true))).toEqual([
      { kind: 'enum', name: 'state', change: 'changed', details: ['OPEN: 1 -> 2', '- OLD', '+ NEW = 9'] },
      { kind: 'func', name: 'connect', change: 'changed', details: ['int connect(int * sock) -> int connect(u64 * socket)'] },
      { kind: 'struct', name: 'fresh', change: 'added', details: [] },
      { kind: 'struct', name: 'gone', change: 'removed', details: [] },
      {
        kind: 'struct',
        name: 'sock',
        change: 'changed',
        details: ['size 16 -> 24', 'moved family @0 -> @32', '- int state', 'moved port @64 -> @128', '+ int mark @0'],
      },
      { kind: 'typedef', name: 'id_t', change: 'changed', details: ['int -> u64'] },
    ])
  })

  it('finds nothing between equal ones', () => {
    expect(diffBtf(version(true), version(true))).toEqual([])
  })
})
