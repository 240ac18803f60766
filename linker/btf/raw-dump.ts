/** BTF type by type, as `bpftool btf dump` prints it: text (`format raw`) or JSON. */
import { type BtfId, BtfKind, type BtfSet, type BtfType } from './btf-types.js'

export const BTF_KIND_NAMES: readonly string[] = [
  'UNKNOWN',
  'INT',
  'PTR',
  'ARRAY',
  'STRUCT',
  'UNION',
  'ENUM',
  'FWD',
  'TYPEDEF',
  'VOLATILE',
  'CONST',
  'RESTRICT',
  'FUNC',
  'FUNC_PROTO',
  'VAR',
  'DATASEC',
  'FLOAT',
  'DECL_TAG',
  'TYPE_TAG',
  'ENUM64',
]

const LINKAGES = ['static', 'global', 'extern']
const linkage = (value: number) => LINKAGES[value] ?? '(unknown)'

/** A field of a type or of one of its parts; bigint where it may go beyond 53 bits. */
type Field = readonly [string, string | number | bigint]

interface Entry {
  readonly fields: readonly Field[]
  /** Members, enumerators, parameters, variables: under which name JSON has them. */
  readonly parts?: { readonly name: string; readonly rows: readonly (readonly Field[])[] }
}

const orAnon = (name: string) => name || '(anon)'

function entryOf(type: BtfType): Entry {
  switch (type.kind) {
    case BtfKind.Int: {
      const encoding = type.signed ? 'SIGNED' : type.char ? 'CHAR' : type.bool ? 'BOOL' : '(none)'
      return {
        fields: [
          ['size', type.size],
          ['bits_offset', type.offset],
          ['nr_bits', type.bits],
          ['encoding', encoding],
        ],
      }
    }
    case BtfKind.Array:
      return {
        fields: [
          ['type_id', type.type],
          ['index_type_id', type.indexType],
          ['nr_elems', type.nelems],
        ],
      }
    case BtfKind.Struct:
    case BtfKind.Union:
      return {
        fields: [
          ['size', type.size],
          ['vlen', type.members.length],
        ],
        parts: {
          name: 'members',
          rows: type.members.map(member => [
            ['name', orAnon(member.name)],
            ['type_id', member.type],
            ['bits_offset', member.bitOffset],
            ...(member.bitSize ? [['bitfield_size', member.bitSize] as const] : []),
          ]),
        },
      }
    case BtfKind.Enum:
    case BtfKind.Enum64:
      return {
        fields: [
          ['encoding', type.signed ? 'SIGNED' : 'UNSIGNED'],
          ['size', type.size],
          ['vlen', type.values.length],
        ],
        parts: {
          name: 'values',
          rows: type.values.map(({ name, value }) => [
            ['name', orAnon(name)],
            ['val', value],
          ]),
        },
      }
    case BtfKind.Fwd:
      return { fields: [['fwd_kind', type.union ? 'union' : 'struct']] }
    case BtfKind.Func:
    case BtfKind.Var:
      return {
        fields: [
          ['type_id', type.type],
          ['linkage', linkage(type.linkage)],
        ],
      }
    case BtfKind.FuncProto:
      return {
        fields: [
          ['ret_type_id', type.type],
          ['vlen', type.params.length],
        ],
        parts: {
          name: 'params',
          rows: type.params.map(param => [
            ['name', orAnon(param.name)],
            ['type_id', param.type],
          ]),
        },
      }
    case BtfKind.Datasec:
      return {
        fields: [
          ['size', type.size],
          ['vlen', type.vars.length],
        ],
        parts: {
          name: 'vars',
          rows: type.vars.map(info => [
            ['type_id', info.type],
            ['offset', info.offset],
            ['size', info.size],
          ]),
        },
      }
    case BtfKind.Float:
      return { fields: [['size', type.size]] }
    case BtfKind.DeclTag:
      return {
        fields: [
          ['type_id', type.type],
          ['component_idx', type.componentIdx],
        ],
      }
    case BtfKind.Void:
      return { fields: [] }
    default:
      return { fields: [['type_id', type.type]] }
  }
}

const nameOf = (type: BtfType) => orAnon('name' in type ? type.name : '')

/** One type as text, its parts on lines of their own, without the last line's end. */
export function printBtfType(btf: BtfSet, id: BtfId): string {
  const type = btf.type(id)
  const { fields, parts } = entryOf(type)
  // bpftool puts a comma after a variable's type.
  const words = fields.map(([name, value], i) => `${name}=${value}${type.kind === BtfKind.Var && i === 0 ? ',' : ''}`)
  const head = [`[${id}] ${BTF_KIND_NAMES[type.kind]} '${nameOf(type)}'`, ...words].join(' ')
  if (!parts) return head
  const suffix = type.kind === BtfKind.Enum64 ? (type.signed ? 'LL' : 'ULL') : ''
  const rows = parts.rows.map(row => {
    const text = row
      .map(([name, value]) => (name === 'name' ? `'${value}'` : `${name}=${value}${name === 'val' ? suffix : ''}`))
      .join(' ')
    return `\n\t${text}${type.kind === BtfKind.Datasec ? partName(btf, row[0]![1] as number) : ''}`
  })
  return head + rows.join('')
}

function partName(btf: BtfSet, id: BtfId): string {
  const type = btf.type(id)
  return ` (${BTF_KIND_NAMES[type.kind]} '${nameOf(type)}')`
}

/** Everything as text, from an id on (a split BTF starts after its base). */
export function dumpRaw(btf: BtfSet, from: BtfId = 1): string {
  const lines: string[] = []
  for (let id = from; id < btf.count; id++) lines.push(printBtfType(btf, id))
  return lines.length ? `${lines.join('\n')}\n` : ''
}

const json = (value: string | number | bigint) => (typeof value === 'string' ? JSON.stringify(value) : `${value}`)
const object = (fields: readonly Field[]) => fields.map(([name, value]) => `${JSON.stringify(name)}:${json(value)}`).join()

/** Everything as one JSON document, `{"types":[…]}`. */
export function dumpJson(btf: BtfSet, from: BtfId = 1): string {
  const types: string[] = []
  for (let id = from; id < btf.count; id++) {
    const type = btf.type(id)
    const { fields, parts } = entryOf(type)
    const head: Field[] = [
      ['id', id],
      ['kind', BTF_KIND_NAMES[type.kind]!],
      ['name', nameOf(type)],
    ]
    const rows = parts ? `,${JSON.stringify(parts.name)}:[${parts.rows.map(row => `{${object(row)}}`).join()}]` : ''
    types.push(`{${object([...head, ...fields])}${rows}}`)
  }
  return `{"types":[${types.join()}]}`
}
