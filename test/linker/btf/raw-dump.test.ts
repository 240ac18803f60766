import { describe, expect, it } from 'vitest'
import { BtfBuilder } from '../../../linker/btf/btf-builder.js'
import { dumpJson, dumpRaw } from '../../../linker/btf/raw-dump.js'

function some(): BtfBuilder {
  const btf = new BtfBuilder()
  const int = btf.addInt('int', 4, { signed: true })
  btf.addStruct('s', 8, [
    { name: 'a', type: int, bitOffset: 0, bitSize: 3 },
    { name: '', type: int, bitOffset: 32 },
  ])
  btf.addEnum('e', 4, true, [{ name: 'A', value: -1n }])
  btf.addEnum64('', 8, false, [{ name: 'B', value: 1n << 60n }])
  const variable = btf.addVar('v', int, 1)
  btf.addDatasec('.data', 4, [{ type: variable, offset: 0, size: 4 }])
  btf.addFunc('f', btf.addFuncProto(int, [{ name: 'x', type: 0 }]), 2)
  btf.addDeclTag('tag', 2, 0)
  btf.addFwd('w', true)
  return btf
}

describe('dumpRaw and dumpJson', () => {
  it('print as bpftool does', () => {
    expect(dumpRaw(some())).toBe(`[1] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED
[2] STRUCT 's' size=8 vlen=2
	'a' type_id=1 bits_offset=0 bitfield_size=3
	'(anon)' type_id=1 bits_offset=32
[3] ENUM 'e' encoding=SIGNED size=4 vlen=1
	'A' val=-1
[4] ENUM64 '(anon)' encoding=UNSIGNED size=8 vlen=1
	'B' val=1152921504606846976ULL
[5] VAR 'v' type_id=1, linkage=global
[6] DATASEC '.data' size=4 vlen=1
	type_id=5 offset=0 size=4 (VAR 'v')
[7] FUNC_PROTO '(anon)' ret_type_id=1 vlen=1
	'x' type_id=0
[8] FUNC 'f' type_id=7 linkage=extern
[9] DECL_TAG 'tag' type_id=2 component_idx=0
[10] FWD 'w' fwd_kind=union
`)
    expect(JSON.parse(dumpJson(some())).types[1]).toEqual({
      id: 2,
      kind: 'STRUCT',
      name: 's',
      size: 8,
      vlen: 2,
      members: [
        { name: 'a', type_id: 1, bits_offset: 0, bitfield_size: 3 },
        { name: '(anon)', type_id: 1, bits_offset: 32 },
      ],
    })
  })
})
