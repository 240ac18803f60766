/** Compatibility of types (C11 6.2.7) and the composite of two compatible ones. Records and enums are compared by identity. */
import { unqualified } from './type-facts.js'
import { type CType, canonical, type FunctionType, type Param, qualifiersOf } from './types.js'

/** Whether two types are compatible, their qualifiers included. */
export function compatible(a: CType, b: CType): boolean {
  return a === b || (qualifiersOf(a) === qualifiersOf(b) && compatibleUnqualified(a, b))
}

/** Whether two types are compatible, whatever their qualifiers at the top. */
export function compatibleUnqualified(a: CType, b: CType): boolean {
  const left = canonical(a)
  const right = canonical(b)
  if (left === right || left.kind === 'error' || right.kind === 'error') return true
  if (left.kind !== right.kind) {
    // An enum is compatible with the type of its values.
    if (left.kind === 'enum') return left.underlying === right
    if (right.kind === 'enum') return right.underlying === left
    return false
  }
  switch (left.kind) {
    case 'void':
      return true
    case 'float':
      return right.kind === 'float' && left.name === right.name
    case 'pointer':
      return right.kind === 'pointer' && left.space === right.space && compatible(left.to, right.to)
    case 'array':
      return (
        right.kind === 'array' &&
        (left.count === undefined || right.count === undefined || left.count === right.count) &&
        compatible(left.element, right.element)
      )
    case 'function':
      return right.kind === 'function' && compatibleFunctions(left, right)
    default:
      return false
  }
}

function compatibleFunctions(a: FunctionType, b: FunctionType): boolean {
  if (!compatible(unqualified(a.result), unqualified(b.result))) return false
  if (!a.prototyped || !b.prototyped) return true
  if (a.params.length !== b.params.length || a.variadic !== b.variadic) return false
  return a.params.every((param, i) => compatibleUnqualified(param.type, b.params[i]!.type))
}

/** The type that two declarations of one thing give together. They must be compatible. */
export function composite(older: CType, newer: CType): CType {
  const a = canonical(older)
  const b = canonical(newer)
  if (a.kind === 'array' && b.kind === 'array') return a.count === undefined && b.count !== undefined ? newer : older
  if (a.kind === 'function' && b.kind === 'function') return compositeFunction(a, b)
  return newer
}

export function compositeFunction(older: FunctionType, newer: FunctionType): FunctionType {
  if (!newer.prototyped) return older.prototyped ? older : newer
  if (!older.prototyped) return newer
  const params = newer.params.map((param, i): Param => {
    const other = older.params[i]
    if (!other || (param.declTags.length >= other.declTags.length && param.name !== undefined)) return param
    return {
      name: param.name ?? other.name,
      type: param.type,
      declTags: param.declTags.length >= other.declTags.length ? param.declTags : other.declTags,
    }
  })
  return { ...newer, params }
}
