/** What both kinds of skeletons say about an object: its maps by the names a user types, and the variables of its data sections. */
import { sizeOf } from '../btf/btf-file.js'
import { BTF_LINKAGE_STATIC, type BtfId, BtfKind } from '../btf/btf-types.js'
import type { BpfObject, MapDef } from '../object/bpf-object.js'

export interface SkeletonVar {
  readonly name: string
  readonly type: BtfId
  readonly offset: number
  readonly size: number
}

export interface SkeletonMap {
  /** `counters`, `data`, `rodata_str1_1`: a name that C and TypeScript take. */
  readonly identifier: string
  readonly index: number
  readonly def: MapDef
  /** For data sections: the variables that are not static, by offset. */
  readonly vars: readonly SkeletonVar[]
}

const identifier = (text: string) => text.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(?=\d)/, '_')

/** Maps in the object's order; without those of data sections that no loader shows, such as literal pools without BTF. */
export function skeletonMaps(object: BpfObject): SkeletonMap[] {
  return object.maps.flatMap((def, index): SkeletonMap[] => {
    const section = def.data && def.type === 2 ? def.data.section : undefined
    if (section === undefined) return [{ identifier: identifier(def.name), index, def, vars: [] }]
    return [{ identifier: identifier(section.slice(1)), index, def, vars: variables(object, section) }]
  })
}

function variables(object: BpfObject, section: string): SkeletonVar[] {
  const { btf } = object
  const id = btf?.byName(section).find(candidate => btf.type(candidate).kind === BtfKind.Datasec)
  const datasec = id === undefined ? undefined : btf!.type(id)
  if (datasec?.kind !== BtfKind.Datasec) return []
  return datasec.vars.flatMap(info => {
    const type = btf!.type(info.type)
    if (type.kind !== BtfKind.Var || type.linkage === BTF_LINKAGE_STATIC) return []
    return [{ name: type.name, type: type.type, offset: info.offset, size: info.size || Math.max(0, sizeOf(btf!, type.type)) }]
  })
}
