/**
 * .BTF.ext: which function a slot starts, which source line it is from, and where CO-RE relocations are, by section.
 * Offsets of instructions are in bytes from the start of the section. Format: Documentation/bpf/btf.rst, section 4.
 */
import { ByteReader, ByteWriter } from '../../base/bytes.js'
import { FormatError } from '../../base/outcome.js'
import type { BtfId } from './btf-types.js'

export interface FuncInfoRecord {
  readonly insnOffset: number
  readonly type: BtfId
}

export interface LineInfoRecord {
  readonly insnOffset: number
  readonly file: string
  readonly text: string
  readonly line: number
  readonly column: number
}

export interface CoreReloRecord {
  readonly insnOffset: number
  readonly type: BtfId
  readonly access: string
  readonly kind: number
}

/** The records of one section, in the file's order. */
export interface ExtSection<Record> {
  readonly section: string
  readonly records: readonly Record[]
}

export interface BtfExt {
  readonly funcInfo: readonly ExtSection<FuncInfoRecord>[]
  readonly lineInfo: readonly ExtSection<LineInfoRecord>[]
  readonly coreRelos: readonly ExtSection<CoreReloRecord>[]
}

/** Gives strings of the .BTF section by offset. */
interface StringSource {
  string(offset: number): string
}

const MAGIC = 0xeb9f
/** A program of a million instructions, the kernel's limit, has about as many lines at most. */
const RECORD_LIMIT = 1_500_000

/** Where the records of one section are in .BTF.ext. */
export interface ExtTable {
  readonly section: string
  /** Offset of that name among the strings of .BTF. */
  readonly sectionName: number
  readonly count: number
  /** Offset of the first, and bytes from one to the next: at least those of the fields that are known. */
  readonly start: number
  readonly size: number
}

/** .BTF.ext with its records as they are. */
export interface ExtTables {
  readonly reader: ByteReader
  readonly funcInfo: readonly ExtTable[]
  readonly lineInfo: readonly ExtTable[]
  readonly coreRelos: readonly ExtTable[]
}

const FUNC_INFO_BYTES = 8
const LINE_INFO_BYTES = 16
const CORE_RELO_BYTES = 16

/** Finds the records of .BTF.ext; `btf` is the .BTF it belongs to, `origin` the section's offset in the file. Throws a `FormatError`. */
export function readExtTables(bytes: Uint8Array, btf: StringSource, little: boolean, origin = 0): ExtTables {
  const reader = new ByteReader(bytes, little, '.BTF.ext', origin)
  if (reader.u16(0) !== MAGIC) throw new FormatError('F0211', '.BTF.ext: the magic is not 0xeb9f', origin)
  if (reader.u8(2) !== 1) throw new FormatError('F0211', `.BTF.ext version ${reader.u8(2)} is not 1`, origin + 2)
  const header = reader.u32(4)
  if (header < 24 || header > bytes.length) throw new FormatError('F0211', `.BTF.ext header of ${header} bytes`, origin + 4)
  const part = (at: number, minimum: number) =>
    at + 8 <= header ? readPart(reader, header + reader.u32(at), reader.u32(at + 4), minimum, btf) : []
  return {
    reader,
    funcInfo: part(8, FUNC_INFO_BYTES),
    lineInfo: part(16, LINE_INFO_BYTES),
    coreRelos: part(24, CORE_RELO_BYTES),
  }
}

/** Reads .BTF.ext as `readExtTables` does; throws a `FormatError` about a single record when the records of its section are asked for. */
export function readBtfExt(bytes: Uint8Array, btf: StringSource, little: boolean, origin = 0): BtfExt {
  const { reader, funcInfo, lineInfo, coreRelos } = readExtTables(bytes, btf, little, origin)
  // Lines and files come again and again; as one string each they are also hashed once by those who count them.
  const known = new Map<number, string>()
  const string = (offset: number): string => {
    let text = known.get(offset)
    if (text === undefined) known.set(offset, (text = btf.string(offset)))
    return text
  }
  const part = <Record>(tables: readonly ExtTable[], read: (offset: number) => Record) =>
    tables.map(table => lazySection(table, read))
  return {
    funcInfo: part(funcInfo, at => ({ insnOffset: reader.u32(at), type: reader.u32(at + 4) })),
    lineInfo: part(lineInfo, at => {
      const place = reader.u32(at + 12)
      return {
        insnOffset: reader.u32(at),
        file: string(reader.u32(at + 4)),
        text: string(reader.u32(at + 8)),
        line: place >>> 10,
        column: place & 1023,
      }
    }),
    coreRelos: part(coreRelos, at => ({
      insnOffset: reader.u32(at),
      type: reader.u32(at + 4),
      access: string(reader.u32(at + 8)),
      kind: reader.u32(at + 12),
    })),
  }
}

function readPart(reader: ByteReader, start: number, length: number, minimum: number, strings: StringSource): ExtTable[] {
  if (length === 0) return []
  const end = start + length
  if (end > reader.bytes.length)
    throw new FormatError('F0212', `.BTF.ext records (${length} bytes at ${start}) go beyond the section`, reader.origin + start)
  const size = reader.u32(start)
  if (size < minimum || size % 4 !== 0)
    throw new FormatError('F0212', `.BTF.ext records of ${size} bytes, at least ${minimum} are needed`, reader.origin + start)
  const tables: ExtTable[] = []
  if (length / size > RECORD_LIMIT)
    throw new FormatError('F0212', `.BTF.ext with more than ${RECORD_LIMIT} records of a kind`, reader.origin + start)
  let at = start + 4
  while (at < end) {
    if (at + 8 > end) throw new FormatError('F0212', '.BTF.ext section head ends early', reader.origin + at)
    const sectionName = reader.u32(at)
    const section = strings.string(sectionName)
    const count = reader.u32(at + 4)
    if (count === 0 || count > (end - at - 8) / size)
      throw new FormatError('F0212', `.BTF.ext: ${count} records for section ${section} do not fit`, reader.origin + at + 4)
    tables.push({ section, sectionName, count, start: at + 8, size })
    at += 8 + count * size
  }
  return tables
}

/** Decodes its records when they are asked for: line info is most of the section, and much is done without it. */
function lazySection<Record>({ section, count, start, size }: ExtTable, read: (offset: number) => Record): ExtSection<Record> {
  let known: Record[] | undefined
  return {
    section,
    get records() {
      if (known) return known
      known = new Array<Record>(count)
      for (let i = 0, offset = start; i < count; i++, offset += size) known[i] = read(offset)
      return known
    },
  }
}

/** Writes .BTF.ext; strings go into the table that `strings` keeps for .BTF (a `BtfBuilder`), so write this before `finish`. */
export function writeBtfExt(ext: BtfExt, strings: { string(text: string): number }, little: boolean): Uint8Array {
  const body = new ByteWriter(little, 1024)
  const places: number[] = []
  const part = <Record>(sections: readonly ExtSection<Record>[], size: number, write: (record: Record) => void) => {
    const start = body.length
    const filled = sections.filter(section => section.records.length > 0)
    if (filled.length > 0) {
      body.u32(size)
      for (const section of filled) {
        body.u32(strings.string(section.section)).u32(section.records.length)
        section.records.forEach(write)
      }
    }
    places.push(start, body.length - start)
  }
  part(ext.funcInfo, FUNC_INFO_BYTES, record => body.u32(record.insnOffset).u32(record.type))
  part(ext.lineInfo, LINE_INFO_BYTES, record =>
    body
      .u32(record.insnOffset)
      .u32(strings.string(record.file))
      .u32(strings.string(record.text))
      .u32(((record.line << 10) | Math.min(record.column, 1023)) >>> 0),
  )
  part(ext.coreRelos, CORE_RELO_BYTES, record =>
    body.u32(record.insnOffset).u32(record.type).u32(strings.string(record.access)).u32(record.kind),
  )
  return extHeader(places, little).append(body.take()).take()
}

/** A writer after the header of a section with parts of these places: for each kind of record, its start and its length. */
export function extHeader(places: readonly number[], little: boolean): ByteWriter {
  const out = new ByteWriter(little, 32 + places[4]! + places[5]!)
  out.u16(MAGIC).u8(1).u8(0).u32(32)
  for (const place of places) out.u32(place)
  return out
}
