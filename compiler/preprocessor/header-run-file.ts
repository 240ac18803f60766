/**
 * A header run as bytes, for a cache between processes: reading one back takes about a millisecond where making it takes fifty. The
 * file belongs to one build of bpfc on one machine (native byte order); what does not fit is treated as absent.
 */
import type { HeaderRun } from './header-index.js'

/** Changes whenever the layout, or what the index finds, changes. */
const MAGIC = 0x62705201

const columns = [
  'starts',
  'ends',
  'nameStarts',
  'nameLengths',
  'nameHashes',
  'owners',
  'chain',
  'ordinary',
  'tags',
  'mentioned',
] as const

/** Words in front of the columns: magic, size of the header, start, stop, eager, declarations, entries, then a length a column. */
const HEAD = 7 + columns.length

/** The run that was made from offset `start` of a file of `size` bytes. */
export function encodeHeaderRun(run: HeaderRun, size: number, start: number): Uint8Array {
  const words = columns.reduce((sum, name) => sum + run[name].length, HEAD)
  const out = new Int32Array(words + ((run.kinds.length + 3) >> 2))
  out.set([
    MAGIC,
    size,
    start,
    run.stop,
    run.eager ? 1 : 0,
    run.declarations,
    run.entries,
    ...columns.map(name => run[name].length),
  ])
  let at = HEAD
  for (const name of columns) {
    out.set(run[name], at)
    at += run[name].length
  }
  const bytes = new Uint8Array(out.buffer)
  bytes.set(run.kinds, words * 4)
  return bytes
}

/** The run, or undefined when the bytes are not one of that header and offset. Shares memory with `bytes` where they are aligned. */
export function decodeHeaderRun(bytes: Uint8Array, size: number, start: number): HeaderRun | undefined {
  if (bytes.length < HEAD * 4 || bytes.length % 4 !== 0) return undefined
  const whole = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice()
  const words = new Int32Array(whole.buffer, whole.byteOffset, whole.length >> 2)
  if (words[0] !== MAGIC || words[1] !== size || words[2] !== start) return undefined
  const entries = words[6]!
  const parts: Int32Array[] = []
  let at = HEAD
  for (let i = 0; i < columns.length; i++) {
    const length = words[7 + i]!
    if (length < 0 || at + length > words.length) return undefined
    parts.push(words.subarray(at, at + length))
    at += length
  }
  if (entries < 0 || at * 4 + entries > whole.length) return undefined
  const [starts, ends, nameStarts, nameLengths, nameHashes, owners, chain, ordinary, tags, mentioned] = parts as [
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
  ]
  return {
    stop: words[3]!,
    eager: words[4] === 1,
    declarations: words[5]!,
    starts,
    ends,
    entries,
    nameStarts,
    nameLengths,
    nameHashes,
    owners,
    chain,
    ordinary,
    tags,
    mentioned,
    kinds: whole.subarray(at * 4, at * 4 + entries),
  }
}
