/**
 * Checks a whole BTF: every reference and string is there, sizes and offsets fit, nothing contains itself. Stricter than
 * reading (which checks what it needs) and about as strict as libbpf's btf_sanity_check with the kernel's rules on sizes.
 */
import { FormatError } from '../../base/outcome.js'
import { type BtfFile, sizeOf } from './btf-file.js'
import { BTF_LINKAGE_EXTERN, type BtfId, BtfKind, type BtfType } from './btf-types.js'
import { references } from './remap.js'

/** Throws a `FormatError` with the offset of the first type that is wrong. */
export function validateBtf(btf: BtfFile): void {
  const fault = (id: BtfId, message: string) => new FormatError('F0204', `BTF type ${id}: ${message}`, btf.offsetOf(id))
  for (let id = btf.firstId; id < btf.count; id++) {
    const type = decoded(btf, id)
    for (const ref of references(type))
      if (ref >= btf.count)
        throw new FormatError('F0203', `BTF type ${id} refers to type ${ref} of ${btf.count - 1}`, btf.offsetOf(id))
    const problem = checkHeader(btf, id, type) ?? checkType(btf, type)
    if (problem) throw fault(id, problem)
  }
  checkLoops(btf)
  // Only now sizes can be asked for.
  for (let id = btf.firstId; id < btf.count; id++) {
    const problem = checkSizes(btf, btf.type(id))
    if (problem) throw fault(id, problem)
  }
}

/** A type; where one of its names is not there, the fault is at the type. */
function decoded(btf: BtfFile, id: BtfId): BtfType {
  try {
    return btf.type(id)
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    throw new FormatError(error.code, `BTF type ${id}: ${error.message}`, btf.offsetOf(id))
  }
}

/** Bits of `info` that mean something (kernel/bpf/btf.c, BTF_INFO_MASK; 6.12). */
const INFO_MASK = 0x9f00ffff
/** Kinds whose `info` holds a number of entries, or a linkage. */
const COUNTED: ReadonlySet<number> = new Set([
  BtfKind.Struct,
  BtfKind.Union,
  BtfKind.Enum,
  BtfKind.Enum64,
  BtfKind.FuncProto,
  BtfKind.Func,
  BtfKind.Datasec,
])
/** Kinds that have a use for the flag; tags of attributes since 6.14. */
const FLAGGED: ReadonlySet<number> = new Set([
  BtfKind.Struct,
  BtfKind.Union,
  BtfKind.Enum,
  BtfKind.Enum64,
  BtfKind.Fwd,
  BtfKind.DeclTag,
  BtfKind.TypeTag,
])
const NAMELESS: ReadonlySet<number> = new Set([
  BtfKind.Ptr,
  BtfKind.Array,
  BtfKind.Const,
  BtfKind.Volatile,
  BtfKind.Restrict,
  BtfKind.FuncProto,
])
/** Names of these kinds are C's, with dots (kernel/bpf/btf.c, __btf_name_valid; 6.12); tags, sections and basic types are free. */
const IDENTIFIED: ReadonlySet<number> = new Set([
  BtfKind.Struct,
  BtfKind.Union,
  BtfKind.Enum,
  BtfKind.Enum64,
  BtfKind.Fwd,
  BtfKind.Typedef,
  BtfKind.Func,
  BtfKind.Var,
])
const IDENTIFIER = /^[A-Za-z_.][\w.]*$/

/** What is wrong with the three words that each type starts with. */
function checkHeader(btf: BtfFile, id: BtfId, type: BtfType): string | undefined {
  const { kind } = type
  const info = btf.u32At(btf.placeOf(id) + 4)
  if ((info & ~INFO_MASK) !== 0) return `bits of its info that mean nothing are set: 0x${info.toString(16)}`
  const vlen = info & 0xffff
  if (vlen !== 0 && !COUNTED.has(kind)) return `it has ${vlen} entries, its kind has none`
  if (info >>> 31 !== 0 && !FLAGGED.has(kind)) return 'it has the kind flag, for which its kind has no use'
  const name = btf.nameOf(id)
  if (name !== '' && NAMELESS.has(kind)) return `it has the name ${name}, its kind has none`
  return name !== '' && IDENTIFIED.has(kind) ? checkName(name) : undefined
}

const checkName = (name: string): string | undefined =>
  name === '' || IDENTIFIER.test(name) ? undefined : `${JSON.stringify(name)} is no name of C`

const firstBadName = (parts: readonly { readonly name: string }[]): string | undefined => {
  for (const { name } of parts) {
    const problem = checkName(name)
    if (problem) return problem
  }
  return undefined
}

const NO_SIZE = 'has a type that has no size'

/** What is wrong with a type in the light of the sizes of others. */
function checkSizes(btf: BtfFile, type: BtfType): string | undefined {
  switch (type.kind) {
    case BtfKind.Struct:
    case BtfKind.Union: {
      const unsized = type.members.find(member => sizeOf(btf, member.type) < 0)
      if (unsized) return `member ${unsized.name} ${NO_SIZE}`
      const outside = memberOutside(btf, type)
      return outside === undefined ? undefined : `member ${outside} is outside of it`
    }
    case BtfKind.Array:
      return sizeOf(btf, type.type) < 0 ? `its element ${NO_SIZE}` : undefined
    case BtfKind.Var:
      // What another object defines may be of a type that only that one knows.
      return type.linkage !== BTF_LINKAGE_EXTERN && sizeOf(btf, type.type) < 0 ? `variable ${type.name} ${NO_SIZE}` : undefined
    default:
      return undefined
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
      return [type.signed, type.char, type.bool].filter(Boolean).length <= 1 ? undefined : 'an int of more than one encoding'
    case BtfKind.Float:
      if (!named) return 'a float without name'
      return [2, 4, 8, 12, 16].includes(type.size) ? undefined : `a float of ${type.size} bytes`
    case BtfKind.Enum:
    case BtfKind.Enum64:
      if (!POWERS.has(type.size) && (type.size !== 0 || type.values.length > 0)) return `an enum of ${type.size} bytes`
      if (type.values.some(value => value.name === '')) return 'an enumerator without name'
      return firstBadName(type.values)
    case BtfKind.Struct:
    case BtfKind.Union: {
      let last = 0
      for (const member of type.members) {
        if (type.kind === BtfKind.Union && member.bitOffset !== 0)
          return `member ${member.name} of a union is at bit ${member.bitOffset}`
        if (member.bitOffset + member.bitSize > type.size * 8)
          return `member ${member.name} at bit ${member.bitOffset} is outside ${type.size} bytes`
        if (member.bitOffset < last) return `member ${member.name} is before the one in front of it`
        last = member.bitOffset
      }
      return firstBadName(type.members)
    }
    case BtfKind.FuncProto: {
      const early = type.params.findIndex((param, i) => param.type === 0 && (param.name !== '' || i < type.params.length - 1))
      return early < 0 ? firstBadName(type.params) : `parameter ${early + 1} has no type`
    }
    case BtfKind.TypeTag:
      return named ? undefined : 'a tag without value'
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
      let end = 0
      for (const info of type.vars) {
        const kind = kindOf(info.type)
        if (kind !== BtfKind.Var && kind !== BtfKind.Func)
          return `section ${type.name} holds type ${info.type}, which is no variable`
        if (type.size > 0 && info.offset + info.size > type.size)
          return `section ${type.name} has a variable outside its ${type.size} bytes`
        if (type.size > 0 && info.offset < end) return `section ${type.name} has variables that overlap`
        end = info.offset + info.size
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
