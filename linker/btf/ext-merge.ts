/**
 * .BTF.ext of several objects as one, record by record from bytes to bytes: a large program has tens of thousands of lines, which an object each
 * would take longer than all else that a linker does.
 */
import { type ExtTable, type ExtTables, extHeader } from './btf-ext.js'
import type { BtfFile } from './btf-file.js'
import type { LinkedBtf } from './linked-btf.js'

/** What the words of a record are. */
const OFFSET = 0
const TYPE = 1
const STRING = 2
const NUMBER = 3

type Kind = 'funcInfo' | 'lineInfo' | 'coreRelos'
const KINDS: readonly { readonly kind: Kind; readonly words: readonly number[] }[] = [
  { kind: 'funcInfo', words: [OFFSET, TYPE] },
  { kind: 'lineInfo', words: [OFFSET, STRING, STRING, NUMBER] },
  { kind: 'coreRelos', words: [OFFSET, TYPE, STRING, NUMBER] },
]

/** What one object's records refer to. */
interface Origin {
  readonly ext: ExtTables
  readonly btf: BtfFile
  /** Ids in the linked object's BTF before it is deduplicated. */
  readonly types: Uint32Array
}

/** Records that follow each other in the object, and how far their section has moved. */
interface Part {
  readonly origin: Origin
  readonly table: ExtTable
  readonly moved: number
}

export class BtfExtMerger {
  /** One entry a section, as readers expect. */
  private readonly parts: Readonly<Record<Kind, Map<string, Part[]>>> = {
    funcInfo: new Map(),
    lineInfo: new Map(),
    coreRelos: new Map(),
  }

  /** Adds an object's; `placeOf` gives the bytes that a section starts at in the output, undefined for one that is left out. */
  add(ext: ExtTables, btf: BtfFile, types: Uint32Array, placeOf: (section: string) => number | undefined): void {
    const origin = { ext, btf, types }
    for (const { kind } of KINDS)
      for (const table of ext[kind]) {
        const moved = placeOf(table.section)
        if (moved === undefined) continue
        const known = this.parts[kind].get(table.section)
        const part = { origin, table, moved }
        if (known) known.push(part)
        else this.parts[kind].set(table.section, [part])
      }
  }

  /** The section. Strings go into `btf`, so this comes before that is encoded; `ids` are the types' after deduplication. */
  finish(btf: LinkedBtf, ids: Uint32Array, little: boolean): Uint8Array {
    const places: number[] = []
    let length = 0
    for (const { kind, words } of KINDS) {
      const start = length
      for (const parts of this.parts[kind].values()) length += 8 + 4 * words.length * countOf(parts)
      if (length > start) length += 4
      places.push(start, length - start)
    }
    const body = new DataView(new ArrayBuffer(length))
    let at = 0
    const u32 = (value: number) => {
      body.setUint32(at, value, little)
      at += 4
    }
    for (const { kind, words } of KINDS) {
      if (this.parts[kind].size > 0) u32(4 * words.length)
      for (const parts of this.parts[kind].values()) {
        const { origin, table } = parts[0]!
        u32(btf.strings.at(origin.btf, table.sectionName))
        u32(countOf(parts))
        for (const part of parts) at = copyRecords(part, words, body, at, little, btf, ids)
      }
    }
    return extHeader(places, little).append(new Uint8Array(body.buffer)).take()
  }
}

const countOf = (parts: readonly Part[]) => parts.reduce((sum, { table }) => sum + table.count, 0)

/** Writes records behind each other from `at` on; gives their end. */
function copyRecords(
  { origin, table, moved }: Part,
  words: readonly number[],
  to: DataView,
  at: number,
  little: boolean,
  btf: LinkedBtf,
  ids: Uint32Array,
): number {
  const { bytes, view } = origin.ext.reader
  const { types } = origin
  const width = words.length
  if (moved === 0 && table.size === 4 * width && !words.includes(TYPE) && btf.strings.keepsOffsetsOf(origin.btf)) {
    const size = table.count * table.size
    new Uint8Array(to.buffer, at, size).set(bytes.subarray(table.start, table.start + size))
    return at + size
  }
  for (let i = 0, from = table.start; i < table.count; i++, from += table.size)
    for (let word = 0; word < width; word++, at += 4) {
      let value = view.getUint32(from + 4 * word, little)
      const meaning = words[word]
      if (meaning === STRING) value = btf.strings.at(origin.btf, value)
      else if (meaning === OFFSET) value += moved
      else if (meaning === TYPE) value = ids[types[value] ?? 0]!
      to.setUint32(at, value, little)
    }
  return at
}
