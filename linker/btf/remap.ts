/** Types with other ids: a copy of a type whose references go through a function. The one place that knows where each kind keeps its ids. */
import { type BtfId, BtfKind, type BtfType } from './btf-types.js'

/** A copy of `type` that refers to `to(id)` wherever it referred to `id`. `to` is called for 0 (void) too. */
export function remapType(type: BtfType, to: (id: BtfId) => BtfId): BtfType {
  switch (type.kind) {
    case BtfKind.Ptr:
    case BtfKind.Volatile:
    case BtfKind.Const:
    case BtfKind.Restrict:
      return { ...type, type: to(type.type) }
    case BtfKind.Typedef:
      return { ...type, type: to(type.type) }
    case BtfKind.TypeTag:
      return { ...type, type: to(type.type) }
    case BtfKind.Func:
      return { ...type, type: to(type.type) }
    case BtfKind.Var:
      return { ...type, type: to(type.type) }
    case BtfKind.DeclTag:
      return { ...type, type: to(type.type) }
    case BtfKind.Array:
      return { ...type, type: to(type.type), indexType: to(type.indexType) }
    case BtfKind.Struct:
    case BtfKind.Union:
      return { ...type, members: type.members.map(member => ({ ...member, type: to(member.type) })) }
    case BtfKind.FuncProto:
      return { ...type, type: to(type.type), params: type.params.map(param => ({ ...param, type: to(param.type) })) }
    case BtfKind.Datasec:
      return { ...type, vars: type.vars.map(info => ({ ...info, type: to(info.type) })) }
    default:
      return type
  }
}

/** Ids that a type refers to, in the order of the section's bytes. */
export function references(type: BtfType): BtfId[] {
  switch (type.kind) {
    case BtfKind.Ptr:
    case BtfKind.Volatile:
    case BtfKind.Const:
    case BtfKind.Restrict:
    case BtfKind.Typedef:
    case BtfKind.TypeTag:
    case BtfKind.Func:
    case BtfKind.Var:
    case BtfKind.DeclTag:
      return [type.type]
    case BtfKind.Array:
      return [type.type, type.indexType]
    case BtfKind.Struct:
    case BtfKind.Union:
      return type.members.map(member => member.type)
    case BtfKind.FuncProto:
      return [type.type, ...type.params.map(param => param.type)]
    case BtfKind.Datasec:
      return type.vars.map(info => info.type)
    default:
      return []
  }
}
