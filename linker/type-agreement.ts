/**
 * Whether two objects mean the same by a symbol that they share: the rule of static linking (libbpf 1.5, linker.c:
 * glob_sym_btf_matches). Stricter than CO-RE: nothing may differ in layout.
 */
import { skipModifiers } from './btf/btf-file.js'
import { type BtfId, BtfKind, type BtfSet, type BtfType } from './btf/btf-types.js'

const nameOf = (type: BtfType): string => ('name' in type ? type.name : '')
const isComposite = (type: BtfType) => type.kind === BtfKind.Struct || type.kind === BtfKind.Union
const MAX_DEPTH = 64

/** What differs, in words; undefined if the types agree. `exact`: contents of structs count, not only their names. */
export function disagreement(a: BtfSet, aId: BtfId, b: BtfSet, bId: BtfId, exact: boolean, depth = 0): string | undefined {
  for (; depth < MAX_DEPTH; depth++) {
    const first = skipModifiers(a, aId).type
    const second = skipModifiers(b, bId).type
    if (!exact && (first.kind === BtfKind.Fwd) !== (second.kind === BtfKind.Fwd)) {
      const [fwd, full] = first.kind === BtfKind.Fwd ? [first, second] : [second, first]
      if (
        fwd.kind === BtfKind.Fwd &&
        isComposite(full) &&
        fwd.union === (full.kind === BtfKind.Union) &&
        fwd.name === nameOf(full)
      )
        return undefined
    }
    if (first.kind !== second.kind) return `${say(first)} and ${say(second)}`
    if (NAMED.has(first.kind) && nameOf(first) !== nameOf(second)) return `${say(first)} and ${say(second)}`
    switch (first.kind) {
      case BtfKind.Int:
      case BtfKind.Float:
      case BtfKind.Enum:
      case BtfKind.Enum64:
        return 'size' in second && first.size === second.size ? undefined : `different sizes of ${say(first)}`
      case BtfKind.Ptr:
        // Behind a pointer only the shape counts.
        exact = false
        aId = first.type
        bId = (second as typeof first).type
        break
      case BtfKind.Array:
        if (first.nelems !== (second as typeof first).nelems)
          return `arrays of ${first.nelems} and ${(second as typeof first).nelems}`
        aId = first.type
        bId = (second as typeof first).type
        break
      case BtfKind.Func:
      case BtfKind.Var:
        aId = first.type
        bId = (second as typeof first).type
        break
      case BtfKind.Struct:
      case BtfKind.Union: {
        if (!exact) return undefined
        const other = second as typeof first
        if (first.size !== other.size || first.members.length !== other.members.length)
          return `different definitions of ${say(first)}`
        for (const [i, member] of first.members.entries()) {
          const twin = other.members[i]!
          if (member.name !== twin.name || member.bitOffset !== twin.bitOffset || member.bitSize !== twin.bitSize)
            return `member ${member.name} of ${say(first)} and member ${twin.name}`
          const deeper = disagreement(a, member.type, b, twin.type, exact, depth + 1)
          if (deeper) return deeper
        }
        return undefined
      }
      case BtfKind.FuncProto: {
        const other = second as typeof first
        if (first.params.length !== other.params.length) return `${first.params.length} and ${other.params.length} parameters`
        for (const [i, param] of first.params.entries()) {
          const deeper = disagreement(a, param.type, b, other.params[i]!.type, exact, depth + 1)
          if (deeper) return deeper
        }
        aId = first.type
        bId = other.type
        break
      }
      default:
        return undefined
    }
  }
  return 'types are nested too deep'
}

const NAMED: ReadonlySet<number> = new Set([
  BtfKind.Struct,
  BtfKind.Union,
  BtfKind.Fwd,
  BtfKind.Enum,
  BtfKind.Enum64,
  BtfKind.Func,
  BtfKind.Var,
])

const WORDS: Readonly<Record<number, string>> = {
  [BtfKind.Void]: 'void',
  [BtfKind.Ptr]: 'a pointer',
  [BtfKind.Array]: 'an array',
  [BtfKind.Struct]: 'struct',
  [BtfKind.Union]: 'union',
  [BtfKind.Enum]: 'enum',
  [BtfKind.Enum64]: 'enum',
  [BtfKind.Fwd]: 'struct',
  [BtfKind.Func]: 'function',
  [BtfKind.FuncProto]: 'a function type',
  [BtfKind.Var]: 'variable',
}

const say = (type: BtfType): string => [WORDS[type.kind], nameOf(type)].filter(Boolean).join(' ') || 'an anonymous type'
