/**
 * BTF type by type, as `bpftool btf dump` prints it: text (`format raw`) or JSON. Printed from the section's bytes to bytes: a kernel's types come to
 * 12 MB of text, and decoding them first takes ten times as long.
 */
import { ascii, TextBytes } from '../../base/text-bytes.js'
import { asBtfFile } from './btf-builder.js'
import type { BtfFile } from './btf-file.js'
import { type BtfId, BtfKind, type BtfSet } from './btf-types.js'

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

const kindNames = BTF_KIND_NAMES.map(ascii)
const KIND_STARTS = BTF_KIND_NAMES.map(name => ascii(`] ${name} '`))
const LINKAGES = ['static', 'global', 'extern'].map(ascii)
const UNKNOWN_LINKAGE = ascii('(unknown)')
const ANONYMOUS = ascii('(anon)')
const word = {
  signed: ascii('SIGNED'),
  unsigned: ascii('UNSIGNED'),
  char: ascii('CHAR'),
  bool: ascii('BOOL'),
  none: ascii('(none)'),
  struct: ascii('struct'),
  union: ascii('union'),
}
const SUFFIXES = [ascii('ULL'), ascii('LL')] as const

/** Names of fields, by the numbers that stand for them here. */
const KEY_NAMES = [
  'bitfield_size',
  'bits_offset',
  'component_idx',
  'encoding',
  'fwd_kind',
  'index_type_id',
  'linkage',
  'members',
  'nr_bits',
  'nr_elems',
  'offset',
  'params',
  'ret_type_id',
  'size',
  'type_id',
  'val',
  'values',
  'vars',
  'vlen',
] as const
const K_BITFIELD_SIZE = 0
const K_BITS_OFFSET = 1
const K_COMPONENT_IDX = 2
const K_ENCODING = 3
const K_FWD_KIND = 4
const K_INDEX_TYPE_ID = 5
const K_LINKAGE = 6
const K_MEMBERS = 7
const K_NR_BITS = 8
const K_NR_ELEMS = 9
const K_OFFSET = 10
const K_PARAMS = 11
const K_RET_TYPE_ID = 12
const K_SIZE = 13
const K_TYPE_ID = 14
const K_VAL = 15
const K_VALUES = 16
const K_VARS = 17
const K_VLEN = 18

/** What stands around values in text and in JSON. */
abstract class Syntax {
  private readonly keys: readonly Uint8Array[] = KEY_NAMES.map(name => ascii(this.keyText(name)))

  constructor(
    protected readonly out: TextBytes,
    private readonly btf: BtfFile,
  ) {}

  abstract type(id: BtfId, kind: number, name: number): void
  abstract endType(): void
  protected abstract keyText(name: string): string
  /** A value that is no number. */
  abstract word(key: number, value: Uint8Array): void
  abstract parts(key: number): void
  abstract endParts(): void
  abstract partNamed(name: number, first: boolean): void
  abstract part(first: boolean): void
  abstract endPart(): void
  /** An enumerator's value; `wide` numbers of 64 bits come as two halves. */
  abstract value(low: number, high: number, wide: boolean, signed: boolean): void
  abstract variable(kind: number, name: number): void

  key(key: number): void {
    this.out.put(this.keys[key]!)
  }

  number(key: number, value: number): void {
    this.key(key)
    this.out.number(value)
  }

  protected name(offset: number): void {
    if (offset === 0) this.out.put(ANONYMOUS)
    else this.btf.putString(offset, this.out)
  }

  protected decimal(low: number, high: number, wide: boolean, signed: boolean): void {
    if (wide) this.out.number64(low, high, signed)
    else this.out.number(signed ? low | 0 : low)
  }
}

class TextSyntax extends Syntax {
  private readonly rowStart = ascii("\n\t'")
  private readonly nameless = ascii('\n\t')
  private readonly openingKeys = KEY_NAMES.map(name => ascii(`${name}=`))
  private nextKeyOpensRow = false

  protected keyText(name: string): string {
    return ` ${name}=`
  }

  override key(key: number): void {
    // The first of a row without a name has no blank before it.
    if (this.nextKeyOpensRow) this.out.put(this.openingKeys[key]!)
    else super.key(key)
    this.nextKeyOpensRow = false
  }

  type(id: BtfId, kind: number, name: number): void {
    const { out } = this
    out.byte(91)
    out.number(id)
    out.put(KIND_STARTS[kind]!)
    this.name(name)
    out.byte(39)
  }

  endType(): void {
    this.out.byte(10)
  }

  word(key: number, value: Uint8Array): void {
    this.key(key)
    this.out.put(value)
  }

  parts(): void {}
  endParts(): void {}

  partNamed(name: number): void {
    this.out.put(this.rowStart)
    this.name(name)
    this.out.byte(39)
  }

  part(): void {
    this.out.put(this.nameless)
    this.nextKeyOpensRow = true
  }

  endPart(): void {}

  value(low: number, high: number, wide: boolean, signed: boolean): void {
    this.key(K_VAL)
    this.decimal(low, high, wide, signed)
    if (wide) this.out.put(SUFFIXES[signed ? 1 : 0])
  }

  variable(kind: number, name: number): void {
    const { out } = this
    out.byte(32)
    out.byte(40)
    out.put(kindNames[kind]!)
    out.byte(32)
    out.byte(39)
    this.name(name)
    out.byte(39)
    out.byte(41)
  }
}

class JsonSyntax extends Syntax {
  private readonly typeStart = ascii('{"id":')
  private readonly kindKey = ascii(',"kind":"')
  private readonly nameKey = ascii('","name":')
  private readonly partName = ascii('{"name":')
  private readonly openingKeys = KEY_NAMES.map(name => ascii(`"${name}":`))
  private started = false
  private opensRow = false

  protected keyText(name: string): string {
    return `,"${name}":`
  }

  override key(key: number): void {
    if (this.opensRow) this.out.put(this.openingKeys[key]!)
    else super.key(key)
    this.opensRow = false
  }

  /** The name as a string of JSON. */
  private quoted(offset: number): void {
    const { out } = this
    out.byte(34)
    const start = out.end
    this.name(offset)
    const bytes = out.finish()
    for (let at = start; at < bytes.length; at++) {
      const code = bytes[at]!
      if (code >= 32 && code < 127 && code !== 34 && code !== 92) continue
      const text = JSON.stringify(new TextDecoder().decode(bytes.subarray(start)))
      out.advance(start)
      out.text(text.slice(1, -1))
      break
    }
    out.byte(34)
  }

  type(id: BtfId, kind: number, name: number): void {
    const { out } = this
    if (this.started) out.byte(44)
    this.started = true
    out.put(this.typeStart)
    out.number(id)
    out.put(this.kindKey)
    out.put(kindNames[kind]!)
    out.put(this.nameKey)
    this.quoted(name)
  }

  endType(): void {
    this.out.byte(125)
  }

  word(key: number, value: Uint8Array): void {
    this.key(key)
    this.out.byte(34)
    this.out.put(value)
    this.out.byte(34)
  }

  parts(key: number): void {
    this.key(key)
    this.out.byte(91)
  }

  endParts(): void {
    this.out.byte(93)
  }

  partNamed(name: number, first: boolean): void {
    if (!first) this.out.byte(44)
    this.out.put(this.partName)
    this.quoted(name)
  }

  part(first: boolean): void {
    if (!first) this.out.byte(44)
    this.out.byte(123)
    this.opensRow = true
  }

  endPart(): void {
    this.out.byte(125)
  }

  value(low: number, high: number, wide: boolean, signed: boolean): void {
    this.key(K_VAL)
    this.decimal(low, high, wide, signed)
  }

  variable(): void {}
}

/** One type of `file`, whose bytes start at `at`; `btf` has all types that it may name. */
function printType(id: BtfId, file: BtfFile, at: number, btf: BtfFile, to: Syntax, comma: () => void): void {
  const u32 = (offset: number) => file.u32At(at + offset)
  const info = u32(4)
  const kind = (info >>> 24) & 31
  const vlen = info & 0xffff
  const flag = info >>> 31 === 1
  to.type(id, kind, u32(0))
  switch (kind) {
    case BtfKind.Int: {
      const data = u32(12)
      const encoding = (data >>> 24) & 15
      to.number(K_SIZE, u32(8))
      to.number(K_BITS_OFFSET, (data >>> 16) & 255)
      to.number(K_NR_BITS, data & 255)
      to.word(K_ENCODING, encoding & 1 ? word.signed : encoding & 2 ? word.char : encoding & 4 ? word.bool : word.none)
      break
    }
    case BtfKind.Array:
      to.number(K_TYPE_ID, u32(12))
      to.number(K_INDEX_TYPE_ID, u32(16))
      to.number(K_NR_ELEMS, u32(20))
      break
    case BtfKind.Struct:
    case BtfKind.Union:
      to.number(K_SIZE, u32(8))
      to.number(K_VLEN, vlen)
      to.parts(K_MEMBERS)
      for (let i = 0, row = 12; i < vlen; i++, row += 12) {
        const place = u32(row + 8)
        to.partNamed(u32(row), i === 0)
        to.number(K_TYPE_ID, u32(row + 4))
        to.number(K_BITS_OFFSET, flag ? place & 0xffffff : place)
        if (flag && place >>> 24 !== 0) to.number(K_BITFIELD_SIZE, place >>> 24)
        to.endPart()
      }
      to.endParts()
      break
    case BtfKind.Enum:
    case BtfKind.Enum64: {
      const wide = kind === BtfKind.Enum64
      to.word(K_ENCODING, flag ? word.signed : word.unsigned)
      to.number(K_SIZE, u32(8))
      to.number(K_VLEN, vlen)
      to.parts(K_VALUES)
      for (let i = 0, row = 12; i < vlen; i++, row += wide ? 12 : 8) {
        to.partNamed(u32(row), i === 0)
        to.value(u32(row + 4), wide ? u32(row + 8) : 0, wide, flag)
        to.endPart()
      }
      to.endParts()
      break
    }
    case BtfKind.Fwd:
      to.word(K_FWD_KIND, flag ? word.union : word.struct)
      break
    case BtfKind.Func:
      to.number(K_TYPE_ID, u32(8))
      to.word(K_LINKAGE, LINKAGES[vlen] ?? UNKNOWN_LINKAGE)
      break
    case BtfKind.Var:
      to.number(K_TYPE_ID, u32(8))
      // bpftool puts a comma after a variable's type.
      comma()
      to.word(K_LINKAGE, LINKAGES[u32(12)] ?? UNKNOWN_LINKAGE)
      break
    case BtfKind.FuncProto:
      to.number(K_RET_TYPE_ID, u32(8))
      to.number(K_VLEN, vlen)
      to.parts(K_PARAMS)
      for (let i = 0, row = 12; i < vlen; i++, row += 8) {
        to.partNamed(u32(row), i === 0)
        to.number(K_TYPE_ID, u32(row + 4))
        to.endPart()
      }
      to.endParts()
      break
    case BtfKind.Datasec:
      to.number(K_SIZE, u32(8))
      to.number(K_VLEN, vlen)
      to.parts(K_VARS)
      for (let i = 0, row = 12; i < vlen; i++, row += 12) {
        const type = u32(row)
        to.part(i === 0)
        to.number(K_TYPE_ID, type)
        to.number(K_OFFSET, u32(row + 4))
        to.number(K_SIZE, u32(row + 8))
        to.variable(btf.kindOf(type), btf.nameOffsetOf(type))
        to.endPart()
      }
      to.endParts()
      break
    case BtfKind.Float:
      to.number(K_SIZE, u32(8))
      break
    case BtfKind.DeclTag:
      to.number(K_TYPE_ID, u32(8))
      to.number(K_COMPONENT_IDX, u32(12) | 0)
      break
    default:
      to.number(K_TYPE_ID, u32(8))
  }
  to.endType()
}

function print(file: BtfFile, from: BtfId, to: Syntax, comma: () => void): void {
  for (let id = from; id < file.count; id++) {
    const holder = file.holderOf(id)
    printType(id, holder, holder.placeOf(id), file, to, comma)
  }
}

/** Everything as text in UTF-8, from an id on (a split BTF starts after its base). */
export function dumpRawBytes(btf: BtfSet, from: BtfId = 1): Uint8Array {
  const file = asBtfFile(btf)
  // Text is two to three times as long as the section.
  const out = new TextBytes(file.bytes.length * 3)
  print(file, from, new TextSyntax(out, file), () => out.byte(44))
  return out.finish()
}

/** Everything as one JSON document in UTF-8, `{"types":[…]}`. */
export function dumpJsonBytes(btf: BtfSet, from: BtfId = 1): Uint8Array {
  const file = asBtfFile(btf)
  const out = new TextBytes(file.bytes.length * 4)
  out.text('{"types":[')
  print(file, from, new JsonSyntax(out, file), () => undefined)
  out.text(']}')
  return out.finish()
}

const utf8 = new TextDecoder()

export const dumpRaw = (btf: BtfSet, from: BtfId = 1): string => utf8.decode(dumpRawBytes(btf, from))

export const dumpJson = (btf: BtfSet, from: BtfId = 1): string => utf8.decode(dumpJsonBytes(btf, from))
