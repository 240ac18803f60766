/**
 * Keeps the indexes of big headers: in memory for the files of one run, and in the user's cache folder for the next. An entry belongs to the
 * header's content, never to its name or date: it has a copy of it, because comparing takes a quarter of the time that a digest does. A folder
 * that cannot be written is no error, a damaged entry is made anew.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { HeaderRun } from '../compiler/preprocessor/header-index.js'
import { decodeHeaderRun, encodeHeaderRun } from '../compiler/preprocessor/header-run-file.js'
import type { HeaderCache } from '../compiler/preprocessor/preprocessor.js'
import { keepFile, sample } from './cache-folder.js'

/** Below this, making an index takes less than reading one. */
const SMALLEST_STORED = 256 * 1024

interface Known {
  readonly bytes: Uint8Array
  readonly runs: Map<number, HeaderRun>
}

export class StoredHeaderCache implements HeaderCache {
  private readonly known = new Map<string, Known>()

  /** `folder` is where indexes are kept between runs; undefined for nowhere. `version` stands for the code that makes indexes. */
  constructor(
    private readonly folder: string | undefined,
    private readonly version: string,
  ) {}

  get(path: string, bytes: Uint8Array, start: number): HeaderRun | undefined {
    const known = this.entryOf(path, bytes)
    const run = known.runs.get(start)
    if (run) return run
    const file = this.fileOf(known, start)
    if (file === undefined) return undefined
    try {
      const stored = readFileSync(join(this.folder!, file))
      const index = stored.length - bytes.length
      if (index <= 0 || stored.compare(bytes, 0, bytes.length, index) !== 0) return undefined
      const found = decodeHeaderRun(stored.subarray(0, index), bytes.length, start)
      if (found) known.runs.set(start, found)
      return found
    } catch {
      return undefined
    }
  }

  put(path: string, bytes: Uint8Array, start: number, run: HeaderRun): void {
    const known = this.entryOf(path, bytes)
    known.runs.set(start, run)
    const file = this.fileOf(known, start)
    // What covers little is made again as fast as read.
    if (file === undefined || run.stop - start < SMALLEST_STORED) return
    keepFile(this.folder!, file, Buffer.concat([encodeHeaderRun(run, bytes.length, start), bytes]))
  }

  private entryOf(path: string, bytes: Uint8Array): Known {
    const known = this.known.get(path)
    if (known && (known.bytes === bytes || Buffer.compare(known.bytes, bytes) === 0)) return known
    const made: Known = { bytes, runs: new Map() }
    this.known.set(path, made)
    return made
  }

  private fileOf(known: Known, start: number): string | undefined {
    if (this.folder === undefined || known.bytes.length - start < SMALLEST_STORED) return undefined
    return `${this.version}-${sample(known.bytes)}-${start}.idx`
  }
}
