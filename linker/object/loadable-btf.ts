/**
 * The object's BTF as the kernel takes it (libbpf 1.5: bpf_object__collect_externs and bpf_object__sanitize_and_load_btf): externs
 * turned into variables, hidden functions marked static. Ids stay what they are.
 */
import { BtfOverlay, kindOf } from '../btf/btf-overlay.js'
import { BTF_LINKAGE_GLOBAL, BTF_LINKAGE_STATIC, type BtfDatasec, type BtfId, BtfKind, type BtfSet } from '../btf/btf-types.js'
import type { BpfObject } from './bpf-object.js'

export function loadableBtf(object: BpfObject): BtfSet | undefined {
  const { btf } = object
  if (!btf) return undefined
  const overlay = new BtfOverlay(btf)
  if (object.externs.some(extern => extern.kind !== 'kconfig')) mendKsyms(btf, overlay)
  for (const subprogram of object.subprograms) {
    if (!subprogram.hidden) continue
    const id = btf.byName(subprogram.name).find(candidate => {
      const type = btf.type(candidate)
      return type.kind === BtfKind.Func && type.linkage === BTF_LINKAGE_GLOBAL
    })
    const type = id === undefined ? undefined : btf.type(id)
    if (id !== undefined && type?.kind === BtfKind.Func) overlay.replace(id, { ...type, linkage: BTF_LINKAGE_STATIC })
  }
  return overlay.untouched ? btf : overlay
}

/** The kernel knows no extern variables: each becomes an int of 4 bytes; functions in the section are replaced by one dummy variable. */
function mendKsyms(btf: BtfSet, overlay: BtfOverlay): void {
  const id = btf.byName('.ksyms').find(candidate => btf.type(candidate).kind === BtfKind.Datasec)
  if (id === undefined) return
  const datasec = btf.type(id) as BtfDatasec
  const int = findInt(btf)
  let dummy = 0
  let offset = 0
  const vars = datasec.vars.map(info => {
    const type = btf.type(info.type)
    const place = { type: info.type, offset, size: 4 }
    offset += 4
    if (type.kind === BtfKind.Var) overlay.replace(info.type, { ...type, type: int, linkage: BTF_LINKAGE_GLOBAL })
    if (type.kind !== BtfKind.Func) return place
    if (dummy === 0) dummy = overlay.add({ kind: BtfKind.Var, name: 'dummy_ksym', type: int, linkage: BTF_LINKAGE_GLOBAL })
    overlay.replace(info.type, { ...type, linkage: BTF_LINKAGE_GLOBAL })
    const proto = btf.type(type.type)
    if (proto.kind === BtfKind.FuncProto)
      overlay.replace(type.type, {
        ...proto,
        params: proto.params.map(param => (param.type !== 0 && param.name === '' ? { ...param, name: 'dummy_ksym' } : param)),
      })
    return { ...place, type: dummy }
  })
  overlay.replace(id, { ...datasec, size: offset, vars })
}

function findInt(btf: BtfSet): BtfId {
  for (let id = 1; id < btf.count; id++) {
    if (kindOf(btf, id) !== BtfKind.Int) continue
    const type = btf.type(id)
    if (type.kind === BtfKind.Int && type.bits === 32) return id
  }
  return 0
}
