/**
 * Checks a whole BTF: every reference and string is there, sizes and offsets fit, nothing contains itself. Stricter than
 * reading (which checks what it needs) and about as strict as libbpf's btf_sanity_check with the kernel's rules on sizes.
 */
import { FormatError } from '../../base/outcome.js'
import { type BtfFile, sizeOf } from './btf-file.js'
import { type BtfId, BtfKind, type BtfType } from './btf-types.js'
import { references } from './remap.js'

/** Throws a `FormatError` with the offset of the first type that is wrong. */
export function validateBtf(btf: BtfFile): void {
  for (let id = btf.firstId; id < btf.count; id++) {
    const fault = (message: string) => new FormatError('F0204', `BTF type ${id}: ${message}`, btf.offsetOf(id))
    const type = btf.type(id)
    for (const ref of references(type))
      if (ref >= btf.count)
        throw new FormatError('F0203', `BTF type ${id} refers to type ${ref} of ${btf.count - 1}`, btf.offsetOf(id))
    const problem = checkType(btf, type)
    if (problem) throw fault(problem)
  }
  checkLoops(btf)
  // Only now sizes can be asked for.
  for (let id = btf.firstId; id < btf.count; id++) {
    const outside = memberOutside(btf, btf.type(id))
    if (outside !== undefined)
      throw new FormatError('F0204', `BTF type ${id}: member ${outside} is outside of it`, btf.offsetOf(id))
  }
}

function memberOutside(btf: BtfFile, type: BtfType): string | undefined {
  if (type.kind !== BtfKind.Struct && type.kind !== BtfKind.Union) return undefined
  return type.members.find(
    member => member.bitSize === 0 && member.bitOffset / 8 + Math.max(0, sizeOf(btf, member.type)) > type.size,
  )?.name
}

const POWERS: ReadonlySet<number> = new Set([1, 2, 4, 8])

/** What is wrong with one type; undefined if nothing is. */
function checkType(btf: BtfFile, type: BtfType): string | undefined {
  const named = 'name' in type ? type.name !== '' : true
  const kindOf = (id: BtfId) => btf.kindOf(id)
  switch (type.kind) {
    case BtfKind.Int:
      if (!named) return 'an int without name'
      if (type.bits + type.offset > type.size * 8 || type.bits > 128)
        return `an int of ${type.bits} bits at ${type.offset} in ${type.size} bytes`
      return undefined
    case BtfKind.Float:
      if (!named) return 'a float without name'
      return [2, 4, 8, 12, 16].includes(type.size) ? undefined : `a float of ${type.size} bytes`
    case BtfKind.Enum:
    case BtfKind.Enum64:
      if (!POWERS.has(type.size) && (type.size !== 0 || type.values.length > 0)) return `an enum of ${type.size} bytes`
      return type.values.every(value => value.name !== '') ? undefined : 'an enumerator without name'
    case BtfKind.Struct:
    case BtfKind.Union:
      for (const member of type.members) {
        if (type.kind === BtfKind.Union && member.bitOffset !== 0)
          return `member ${member.name} of a union is at bit ${member.bitOffset}`
        if (member.bitOffset + member.bitSize > type.size * 8)
          return `member ${member.name} at bit ${member.bitOffset} is outside ${type.size} bytes`
      }
      return undefined
    case BtfKind.Fwd:
    case BtfKind.Typedef:
      return named ? undefined : 'has no name'
    case BtfKind.Func:
      if (!named) return 'a function without name'
      if (kindOf(type.type) !== BtfKind.FuncProto) return `function ${type.name} has no prototype`
      return type.linkage <= 2 ? undefined : `linkage ${type.linkage}`
    case BtfKind.Var:
      if (!named) return 'a variable without name'
      return type.linkage <= 2 ? undefined : `linkage ${type.linkage}`
    case BtfKind.Datasec: {
      if (!named) return 'a section without name'
      for (const info of type.vars) {
        const kind = kindOf(info.type)
        if (kind !== BtfKind.Var && kind !== BtfKind.Func)
          return `section ${type.name} holds type ${info.type}, which is no variable`
        if (type.size > 0 && info.offset + info.size > type.size)
          return `section ${type.name} has a variable outside its ${type.size} bytes`
      }
      return undefined
    }
    case BtfKind.DeclTag: {
      if (!named) return 'a tag without value'
      if (type.componentIdx < -1) return `component ${type.componentIdx}`
      const target = btf.type(type.type)
      const parts =
        target.kind === BtfKind.Struct || target.kind === BtfKind.Union
          ? target.members.length
          : target.kind === BtfKind.Func
            ? protoParams(btf, target.type)
            : 0
      if (!TAGGABLE.has(target.kind)) return 'a tag on what cannot be tagged'
      return type.componentIdx < parts ? undefined : `a tag on component ${type.componentIdx} of ${parts}`
    }
    default:
      return undefined
  }
}

const TAGGABLE: ReadonlySet<number> = new Set([BtfKind.Struct, BtfKind.Union, BtfKind.Func, BtfKind.Var, BtfKind.Typedef])

function protoParams(btf: BtfFile, id: BtfId): number {
  const proto = btf.type(id)
  return proto.kind === BtfKind.FuncProto ? proto.params.length : 0
}

/** Ids that a type needs to be complete: those it contains, and through typedefs and modifiers. */
function contained(type: BtfType): readonly BtfId[] {
  switch (type.kind) {
    case BtfKind.Struct:
    case BtfKind.Union:
    case BtfKind.Typedef:
    case BtfKind.Volatile:
    case BtfKind.Const:
    case BtfKind.Restrict:
    case BtfKind.TypeTag:
      return references(type)
    case BtfKind.Array:
      return [type.type]
    default:
      return []
  }
}

/** Nothing may contain itself, directly or through other types; pointers do not count. */
function checkLoops(btf: BtfFile): void {
  const state = new Uint8Array(btf.count)
  for (let root = btf.firstId; root < btf.count; root++) {
    if (state[root] !== 0) continue
    const stack: { id: BtfId; parts: readonly BtfId[]; next: number }[] = []
    const push = (id: BtfId) => {
      state[id] = 1
      stack.push({ id, parts: contained(btf.type(id)), next: 0 })
    }
    push(root)
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!
      if (top.next === top.parts.length) {
        state[top.id] = 2
        stack.pop()
        continue
      }
      const id = top.parts[top.next++]!
      if (state[id] === 1) throw new FormatError('F0204', `BTF type ${id} contains itself`, btf.offsetOf(id))
      if (state[id] === 0) push(id)
    }
  }
}
