/**
 * BTF types as TypeScript: an object type for each struct (no interface, which would not go where any object of values does), and a codec that reads and writes the bytes. Integers up to 32 bits are
 * numbers, wider ones and pointers bigint; arrays of char are strings, of other bytes Uint8Array.
 */
import { sizeOf, skipModifiers } from '../btf/btf-file.js'
import {
  type BtfArray,
  type BtfComposite,
  type BtfEnum,
  type BtfId,
  type BtfInt,
  BtfKind,
  type BtfMember,
  type BtfSet,
} from '../btf/btf-types.js'

/** A type in the generated file: how it is spelled, and the expression of its codec. */
export interface TsType {
  readonly text: string
  readonly codec: string
}

export class TsTypes {
  /** Declarations, in an order in which each stands after what it uses. */
  readonly declarations: string[] = []
  private readonly known = new Map<BtfId, TsType>()
  private readonly names = new Set<string>(RESERVED)

  constructor(private readonly btf: BtfSet) {}

  /** The TypeScript type and codec of a BTF type; declares what it needs. */
  of(id: BtfId): TsType {
    const { id: root, type } = skipModifiers(this.btf, id)
    const known = this.known.get(root)
    if (known) return known
    const made = this.make(root, type)
    this.known.set(root, made)
    return made
  }

  private make(id: BtfId, type: ReturnType<BtfSet['type']>): TsType {
    switch (type.kind) {
      case BtfKind.Int:
        return intType(type)
      case BtfKind.Ptr:
        return { text: 'bigint', codec: 'int(8, false)' }
      case BtfKind.Float:
        return type.size === 4 || type.size === 8 ? { text: 'number', codec: `float(${type.size})` } : rawBytes(type.size)
      case BtfKind.Enum:
      case BtfKind.Enum64:
        return this.enumType(type)
      case BtfKind.Array:
        return this.arrayType(type)
      case BtfKind.Struct:
      case BtfKind.Union:
        return this.compositeType(type)
      default:
        return rawBytes(Math.max(0, sizeOf(this.btf, id)))
    }
  }

  private unique(name: string): string {
    const base = pascal(name) || 'Anonymous'
    let unique = base
    for (let i = 2; this.names.has(unique); i++) unique = `${base}${i}`
    this.names.add(unique)
    return unique
  }

  private enumType(type: BtfEnum): TsType {
    const wide = type.size === 8
    const codec = `int(${type.size}, ${type.signed})`
    if (type.name !== '' && type.values.length > 0) {
      const name = this.unique(type.name)
      const values = type.values.map(value => `  ${property(value.name)}: ${value.value}${wide ? 'n' : ''},`)
      this.declarations.push(`export const ${name} = {\n${values.join('\n')}\n} as const\n`)
    }
    return { text: wide ? 'bigint' : 'number', codec }
  }

  private arrayType(type: BtfArray): TsType {
    const element = skipModifiers(this.btf, type.type).type
    if (element.kind === BtfKind.Int && element.size === 1 && !element.bool)
      return element.name === 'char' ? { text: 'string', codec: `text(${type.nelems})` } : rawBytes(type.nelems)
    const of = this.of(type.type)
    return { text: `${of.text.includes(' ') ? `(${of.text})` : of.text}[]`, codec: `array(${of.codec}, ${type.nelems})` }
  }

  private compositeType(type: BtfComposite): TsType {
    const fields = this.fields(type, 0)
    const name = this.unique(type.name)
    const optional = type.kind === BtfKind.Union
    const lines = fields.map(field => `  ${property(field.name)}${optional || field.optional ? '?' : ''}: ${field.type.text}`)
    const codecName = `${name[0]!.toLowerCase()}${name.slice(1)}Codec`
    const members = fields.map(field => `  [${JSON.stringify(field.name)}, ${field.offset}, ${field.type.codec}],`)
    this.declarations.push(
      `/** ${type.kind === BtfKind.Union ? 'union' : 'struct'} ${type.name || '(anonymous)'}, ${type.size} bytes. */\nexport type ${name} = {\n${lines.join('\n')}\n}\n`,
      `export const ${codecName}: Codec<${name}> = struct(${type.size}, [\n${members.join('\n')}\n])\n`,
    )
    return { text: name, codec: codecName }
  }

  /** Members with byte offsets; those of anonymous structs count as their holder's, as they do in C. */
  private fields(
    type: BtfComposite,
    base: number,
    optional = false,
  ): { name: string; offset: number; type: TsType; optional: boolean }[] {
    return type.members.flatMap(member => {
      const inner = skipModifiers(this.btf, member.type).type
      if (member.name === '') {
        if (inner.kind !== BtfKind.Struct && inner.kind !== BtfKind.Union) return []
        return this.fields(inner, base + member.bitOffset, optional || inner.kind === BtfKind.Union)
      }
      if (member.bitSize > 0) return [this.bitfield(member, base, inner, optional)]
      return [{ name: member.name, offset: (base + member.bitOffset) / 8, type: this.of(member.type), optional }]
    })
  }

  private bitfield(member: BtfMember, base: number, inner: ReturnType<BtfSet['type']>, optional: boolean) {
    const signed = 'signed' in inner && inner.signed
    const text = inner.kind === BtfKind.Int && inner.bool ? 'boolean' : member.bitSize > 32 ? 'bigint' : 'number'
    const bit = base + member.bitOffset
    return {
      name: member.name,
      offset: Math.floor(bit / 8),
      type: { text, codec: `bits<${text}>(${bit % 8}, ${member.bitSize}, ${signed}, '${text}')` },
      optional,
    }
  }
}

function intType(type: BtfInt): TsType {
  if (type.bool) return { text: 'boolean', codec: 'bool(1)'.replace('1', `${type.size}`) }
  if (![1, 2, 4, 8].includes(type.size)) return rawBytes(type.size)
  return type.size === 8
    ? { text: 'bigint', codec: `int(8, ${type.signed})` }
    : { text: 'number', codec: `int(${type.size}, ${type.signed})` }
}

const rawBytes = (size: number): TsType => ({ text: 'Uint8Array', codec: `raw(${size})` })

/** `task_info` to `TaskInfo`. */
const pascal = (name: string): string =>
  name
    .split(/[^A-Za-z0-9]+/)
    .filter(Boolean)
    .map(part => part[0]!.toUpperCase() + part.slice(1))
    .join('')
    .replace(/^(?=\d)/, '_')

export const property = (name: string): string => (/^[A-Za-z_$][A-Za-z0-9_$]*$/.test(name) ? name : JSON.stringify(name))

/** Names that the generated file has from the start. */
const RESERVED: readonly string[] = [
  'Codec',
  'Backend',
  'TypedMap',
  'Global',
  'Program',
  'Uint8Array',
  'DataView',
  'BigInt',
  'Number',
  'String',
  'Array',
]
