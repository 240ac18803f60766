/**
 * Keeps the indexes of big headers: in memory for the files of one run, and in the user's cache folder for the next. An entry belongs to the
 * header's content, never to its name or date. A folder that cannot be written is no error, a damaged entry is made anew.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { HeaderRun } from '../compiler/preprocessor/header-index.js'
import { decodeHeaderRun, encodeHeaderRun } from '../compiler/preprocessor/header-run-file.js'
import type { HeaderCache } from '../compiler/preprocessor/preprocessor.js'

/** Below this, making an index takes less than reading one. */
const SMALLEST_STORED = 256 * 1024
/** Files kept; the oldest go first. One takes about a sixth of its header. */
const KEPT = 32

interface Known {
  readonly bytes: Uint8Array
  readonly runs: Map<number, HeaderRun>
  digest: string | undefined
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
      const stored = decodeHeaderRun(readFileSync(file), bytes.length, start)
      if (stored) known.runs.set(start, stored)
      return stored
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
    const temporary = `${file}.${process.pid}.tmp`
    try {
      mkdirSync(this.folder!, { recursive: true, mode: 0o700 })
      writeFileSync(temporary, encodeHeaderRun(run, bytes.length, start), { mode: 0o600 })
      renameSync(temporary, file)
      this.dropOldest()
    } catch {
      try {
        rmSync(temporary, { force: true })
      } catch {
        // Nothing was written there.
      }
    }
  }

  private entryOf(path: string, bytes: Uint8Array): Known {
    const known = this.known.get(path)
    if (known && (known.bytes === bytes || Buffer.compare(known.bytes, bytes) === 0)) return known
    const made: Known = { bytes, runs: new Map(), digest: undefined }
    this.known.set(path, made)
    return made
  }

  private fileOf(known: Known, start: number): string | undefined {
    if (this.folder === undefined || known.bytes.length - start < SMALLEST_STORED) return undefined
    known.digest ??= createHash('sha256').update(this.version).update('\0').update(known.bytes).digest('hex').slice(0, 40)
    return join(this.folder, `${known.digest}-${start}.idx`)
  }

  private dropOldest(): void {
    const files = readdirSync(this.folder!).filter(name => name.endsWith('.idx'))
    if (files.length <= KEPT) return
    const dated = files.map(name => ({ name, time: statSync(join(this.folder!, name)).mtimeMs })).sort((a, b) => a.time - b.time)
    for (const { name } of dated.slice(0, files.length - KEPT)) rmSync(join(this.folder!, name), { force: true })
  }
}

/** The user's cache folder for bpfc, by the XDG rule; undefined when BPFC_CACHE is `off`. BPFC_CACHE names another. */
export function cacheFolder(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const chosen = env['BPFC_CACHE']
  if (chosen === 'off') return undefined
  if (chosen) return chosen
  const base = env['XDG_CACHE_HOME']
  if (base?.startsWith('/')) return join(base, 'bpfc')
  const home = homedir()
  return home ? join(home, '.cache', 'bpfc') : undefined
}
