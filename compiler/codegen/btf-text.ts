/** BTF types as text, the way `bpftool btf dump file` writes them, for people and tests. */
import { type BtfId, BtfKind, type BtfSet } from '../../linker/btf/btf-types.js'

const NAMES = new Map<number, string>([
  [BtfKind.Int, 'INT'],
  [BtfKind.Ptr, 'PTR'],
  [BtfKind.Array, 'ARRAY'],
  [BtfKind.Struct, 'STRUCT'],
  [BtfKind.Union, 'UNION'],
  [BtfKind.Enum, 'ENUM'],
  [BtfKind.Fwd, 'FWD'],
  [BtfKind.Typedef, 'TYPEDEF'],
  [BtfKind.Volatile, 'VOLATILE'],
  [BtfKind.Const, 'CONST'],
  [BtfKind.Restrict, 'RESTRICT'],
  [BtfKind.Func, 'FUNC'],
  [BtfKind.FuncProto, 'FUNC_PROTO'],
  [BtfKind.Var, 'VAR'],
  [BtfKind.Datasec, 'DATASEC'],
  [BtfKind.Float, 'FLOAT'],
  [BtfKind.DeclTag, 'DECL_TAG'],
  [BtfKind.TypeTag, 'TYPE_TAG'],
  [BtfKind.Enum64, 'ENUM64'],
])

const name = (text: string) => `'${text || '(anon)'}'`
const FUNC_LINKAGE = ['static', 'global', 'extern']

export function btfText(btf: BtfSet): string {
  const lines: string[] = []
  for (let id = 1; id < btf.count; id++) lines.push(...typeLines(btf, id))
  return `${lines.join('\n')}\n`
}

function typeLines(btf: BtfSet, id: BtfId): string[] {
  const type = btf.type(id)
  const head = `[${id}] ${NAMES.get(type.kind)} ${name('name' in type ? type.name : '')}`
  switch (type.kind) {
    case BtfKind.Int: {
      const encoding = type.signed ? 'SIGNED' : type.bool ? 'BOOL' : type.char ? 'CHAR' : '(none)'
      return [`${head} size=${type.size} bits_offset=${type.offset} nr_bits=${type.bits} encoding=${encoding}`]
    }
    case BtfKind.Array:
      return [`${head} type_id=${type.type} index_type_id=${type.indexType} nr_elems=${type.nelems}`]
    case BtfKind.Struct:
    case BtfKind.Union:
      return [
        `${head} size=${type.size} vlen=${type.members.length}`,
        ...type.members.map(
          member =>
            `\t${name(member.name)} type_id=${member.type} bits_offset=${member.bitOffset}${member.bitSize ? ` bitfield_size=${member.bitSize}` : ''}`,
        ),
      ]
    case BtfKind.Enum:
    case BtfKind.Enum64: {
      const suffix = type.kind === BtfKind.Enum64 ? (type.signed ? 'LL' : 'ULL') : ''
      return [
        `${head} encoding=${type.signed ? 'SIGNED' : 'UNSIGNED'} size=${type.size} vlen=${type.values.length}`,
        ...type.values.map(each => `\t${name(each.name)} val=${each.value}${suffix}`),
      ]
    }
    case BtfKind.Fwd:
      return [`${head} fwd_kind=${type.union ? 'union' : 'struct'}`]
    case BtfKind.Func:
      return [`${head} type_id=${type.type} linkage=${FUNC_LINKAGE[type.linkage]}`]
    case BtfKind.FuncProto:
      return [
        `${head} ret_type_id=${type.type} vlen=${type.params.length}`,
        ...type.params.map(param => `\t${name(param.name)} type_id=${param.type}`),
      ]
    case BtfKind.Var:
      return [`${head} type_id=${type.type}, linkage=${FUNC_LINKAGE[type.linkage]}`]
    case BtfKind.Datasec:
      return [
        `${head} size=${type.size} vlen=${type.vars.length}`,
        ...type.vars.map(info => `\ttype_id=${info.type} offset=${info.offset} size=${info.size}`),
      ]
    case BtfKind.Float:
      return [`${head} size=${type.size}`]
    case BtfKind.DeclTag:
      return [`${head} type_id=${type.type} component_idx=${type.componentIdx}`]
    case BtfKind.Void:
      return []
    default:
      return [`${head} type_id=${type.type}`]
  }
}
