/**
 * When a local type and a kernel's type are the same for CO-RE. Three different questions (libbpf 1.5, relo_core.c): may a field of
 * this type be relocated to one of that (fieldsCompatible), does the type exist (typesCompatible), does it match in depth (typesMatch).
 * Names of the roots were compared before. Modifiers and typedefs never count.
 */
import { essentialName, skipModifiers } from '../btf/btf-file.js'
import { type BtfId, BtfKind, type BtfSet, type BtfType } from '../btf/btf-types.js'

const MAX_DEPTH = 32

/** The two types are nested deeper than libbpf follows. */
export class TooDeep extends Error {
  override readonly name = 'TooDeep'
}

const isEnum = (type: BtfType) => type.kind === BtfKind.Enum || type.kind === BtfKind.Enum64
const isComposite = (type: BtfType) => type.kind === BtfKind.Struct || type.kind === BtfKind.Union
export const nameOf = (type: BtfType): string => ('name' in type ? type.name : '')

/** Kinds that may stand for each other: the same, or any two enums. */
export const kindsCompatible = (a: BtfType, b: BtfType): boolean => a.kind === b.kind || (isEnum(a) && isEnum(b))

/** bpf_core_fields_are_compat. */
export function fieldsCompatible(localBtf: BtfSet, localId: BtfId, targetBtf: BtfSet, targetId: BtfId): boolean {
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const local = skipModifiers(localBtf, localId).type
    const target = skipModifiers(targetBtf, targetId).type
    if (isComposite(local) && isComposite(target)) return true
    if (!kindsCompatible(local, target)) return false
    switch (local.kind) {
      case BtfKind.Ptr:
      case BtfKind.Float:
        return true
      case BtfKind.Fwd:
      case BtfKind.Enum:
      case BtfKind.Enum64: {
        const a = essentialName(nameOf(local))
        const b = essentialName(nameOf(target))
        return a === '' || b === '' || a === b
      }
      case BtfKind.Int:
        return local.offset === 0 && target.kind === BtfKind.Int && target.offset === 0
      case BtfKind.Array:
        if (target.kind !== BtfKind.Array) return false
        localId = local.type
        targetId = target.type
        break
      default:
        return false
    }
  }
  throw new TooDeep()
}

/** __bpf_core_types_are_compat. */
export function typesCompatible(
  localBtf: BtfSet,
  localId: BtfId,
  targetBtf: BtfSet,
  targetId: BtfId,
  level = MAX_DEPTH,
): boolean {
  if (!kindsCompatible(localBtf.type(localId), targetBtf.type(targetId))) return false
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const local = skipModifiers(localBtf, localId).type
    const target = skipModifiers(targetBtf, targetId).type
    if (!kindsCompatible(local, target)) return false
    switch (local.kind) {
      case BtfKind.Void:
      case BtfKind.Struct:
      case BtfKind.Union:
      case BtfKind.Enum:
      case BtfKind.Enum64:
      case BtfKind.Fwd:
        return true
      case BtfKind.Int:
        return local.offset === 0 && target.kind === BtfKind.Int && target.offset === 0
      case BtfKind.Ptr:
        if (target.kind !== BtfKind.Ptr) return false
        localId = local.type
        targetId = target.type
        break
      case BtfKind.Array:
        if (target.kind !== BtfKind.Array) return false
        localId = local.type
        targetId = target.type
        break
      case BtfKind.FuncProto: {
        if (target.kind !== BtfKind.FuncProto || local.params.length !== target.params.length) return false
        for (let i = 0; i < local.params.length; i++) {
          if (level <= 0) throw new TooDeep()
          const a = skipModifiers(localBtf, local.params[i]!.type).id
          const b = skipModifiers(targetBtf, target.params[i]!.type).id
          if (!typesCompatible(localBtf, a, targetBtf, b, level - 1)) return false
        }
        localId = local.type
        targetId = target.type
        break
      }
      default:
        return false
    }
  }
  throw new TooDeep()
}

/** bpf_core_names_match. */
const namesMatch = (local: string, target: string) =>
  target === '' ? local === '' : essentialName(local) === essentialName(target)

/** __bpf_core_types_match. */
export function typesMatch(
  localBtf: BtfSet,
  localId: BtfId,
  targetBtf: BtfSet,
  targetId: BtfId,
  behindPointer = false,
  level = MAX_DEPTH,
): boolean {
  if (level <= 0) throw new TooDeep()
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const local = skipModifiers(localBtf, localId).type
    const target = skipModifiers(targetBtf, targetId).type
    if (!namesMatch(nameOf(local), nameOf(target))) return false
    switch (local.kind) {
      case BtfKind.Void:
        return target.kind === BtfKind.Void
      case BtfKind.Fwd:
        if (target.kind === BtfKind.Fwd) return local.union === target.union
        return behindPointer && target.kind === (local.union ? BtfKind.Union : BtfKind.Struct)
      case BtfKind.Enum:
      case BtfKind.Enum64: {
        if (target.kind !== BtfKind.Enum && target.kind !== BtfKind.Enum64) return false
        if (local.size !== target.size || local.values.length > target.values.length) return false
        const names = new Set(target.values.map(value => essentialName(value.name)))
        return local.values.every(value => names.has(essentialName(value.name)))
      }
      case BtfKind.Struct:
      case BtfKind.Union: {
        if (behindPointer) {
          if (local.kind === target.kind) return true
          return target.kind === BtfKind.Fwd && (local.kind === BtfKind.Union) === target.union
        }
        if ((target.kind !== BtfKind.Struct && target.kind !== BtfKind.Union) || local.kind !== target.kind) return false
        if (local.members.length > target.members.length) return false
        return local.members.every(member =>
          target.members.some(
            other =>
              namesMatch(member.name, other.name) &&
              typesMatch(localBtf, member.type, targetBtf, other.type, behindPointer, level - 1),
          ),
        )
      }
      case BtfKind.Int:
        return target.kind === BtfKind.Int && local.size === target.size && local.signed === target.signed
      case BtfKind.Ptr:
        if (target.kind !== BtfKind.Ptr) return false
        behindPointer = true
        localId = local.type
        targetId = target.type
        break
      case BtfKind.Array:
        if (target.kind !== BtfKind.Array || local.nelems !== target.nelems) return false
        localId = local.type
        targetId = target.type
        break
      case BtfKind.FuncProto: {
        if (target.kind !== BtfKind.FuncProto || local.params.length !== target.params.length) return false
        for (let i = 0; i < local.params.length; i++)
          if (!typesMatch(localBtf, local.params[i]!.type, targetBtf, target.params[i]!.type, behindPointer, level - 1))
            return false
        localId = local.type
        targetId = target.type
        break
      }
      default:
        return false
    }
  }
  throw new TooDeep()
}
