/** A BTF type as one line (and one for each part), in the words of `bpftool btf dump format raw`. */
import { type BtfId, BtfKind, type BtfSet } from './btf-types.js'

const kindNames = new Map<number, string>(
  Object.entries(BtfKind).map(([name, kind]) => [kind, name.replace(/([a-z])([A-Z])/g, '$1_$2').toUpperCase()]),
)

const funcLinkage = ['static', 'global', 'extern']
const varLinkage = ['static', 'global', 'extern']

/** The text of type `id`, without a line end behind it. */
export function printBtfType(btf: BtfSet, id: BtfId): string {
  const type = btf.type(id)
  const named = 'name' in type ? ` '${type.name || '(anon)'}'` : " '(anon)'"
  const head = `[${id}] ${kindNames.get(type.kind)}${named}`
  switch (type.kind) {
    case BtfKind.Void:
      return `[${id}] VOID`
    case BtfKind.Int: {
      const encoding = [type.signed && 'SIGNED', type.char && 'CHAR', type.bool && 'BOOL'].filter(Boolean).join(' ') || '(none)'
      return `${head} size=${type.size} bits_offset=${type.offset} nr_bits=${type.bits} encoding=${encoding}`
    }
    case BtfKind.Ptr:
    case BtfKind.Const:
    case BtfKind.Volatile:
    case BtfKind.Restrict:
    case BtfKind.Typedef:
    case BtfKind.TypeTag:
      return `${head} type_id=${type.type}`
    case BtfKind.Array:
      return `${head} type_id=${type.type} index_type_id=${type.indexType} nr_elems=${type.nelems}`
    case BtfKind.Struct:
    case BtfKind.Union:
      return [
        `${head} size=${type.size} vlen=${type.members.length}`,
        ...type.members.map(
          member =>
            `\t'${member.name || '(anon)'}' type_id=${member.type} bits_offset=${member.bitOffset}${member.bitSize ? ` bitfield_size=${member.bitSize}` : ''}`,
        ),
      ].join('\n')
    case BtfKind.Enum:
    case BtfKind.Enum64:
      return [
        `${head} encoding=${type.signed ? 'SIGNED' : 'UNSIGNED'} size=${type.size} vlen=${type.values.length}`,
        ...type.values.map(
          ({ name, value }) => `\t'${name}' val=${value}${type.kind === BtfKind.Enum64 ? (type.signed ? 'LL' : 'ULL') : ''}`,
        ),
      ].join('\n')
    case BtfKind.Fwd:
      return `${head} fwd_kind=${type.union ? 'union' : 'struct'}`
    case BtfKind.Func:
      return `${head} type_id=${type.type} linkage=${funcLinkage[type.linkage] ?? type.linkage}`
    case BtfKind.FuncProto:
      return [
        `${head} ret_type_id=${type.type} vlen=${type.params.length}`,
        ...type.params.map(param => `\t'${param.name || '(anon)'}' type_id=${param.type}`),
      ].join('\n')
    case BtfKind.Var:
      return `${head} type_id=${type.type}, linkage=${varLinkage[type.linkage] ?? type.linkage}`
    case BtfKind.Datasec:
      return [
        `${head} size=${type.size} vlen=${type.vars.length}`,
        ...type.vars.map(entry => `\ttype_id=${entry.type} offset=${entry.offset} size=${entry.size}`),
      ].join('\n')
    case BtfKind.Float:
      return `${head} size=${type.size}`
    case BtfKind.DeclTag:
      return `${head} type_id=${type.type} component_idx=${type.componentIdx}`
  }
}

/** All types of a set, one after the other. */
export function printBtf(btf: BtfSet): string {
  const lines: string[] = []
  for (let id = 1; id < btf.count; id++) lines.push(printBtfType(btf, id))
  return `${lines.join('\n')}\n`
}
