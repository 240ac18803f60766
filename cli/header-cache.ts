/**
 * Keeps the indexes of big headers: in memory for the files of one run, and in the user's cache folder for the next. An entry belongs to the
 * header's content, never to its name or date: it has a copy of it, because comparing takes a quarter of the time that a digest does. A folder
 * that cannot be written is no error, a damaged entry is made anew.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { HeaderRun } from '../compiler/preprocessor/header-index.js'
import { decodeHeaderRun, encodeHeaderRun } from '../compiler/preprocessor/header-run-file.js'
import type { HeaderCache } from '../compiler/preprocessor/preprocessor.js'

/** Below this, making an index takes less than reading one. */
const SMALLEST_STORED = 256 * 1024
/** Bytes kept; the oldest files go first. One takes a sixth more than its header. */
const KEPT = 64 * 1024 * 1024

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
      const stored = readFileSync(file)
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
    const temporary = `${file}.${process.pid}.tmp`
    try {
      mkdirSync(this.folder!, { recursive: true, mode: 0o700 })
      writeFileSync(temporary, Buffer.concat([encodeHeaderRun(run, bytes.length, start), bytes]), { mode: 0o600 })
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
    const made: Known = { bytes, runs: new Map() }
    this.known.set(path, made)
    return made
  }

  private fileOf(known: Known, start: number): string | undefined {
    if (this.folder === undefined || known.bytes.length - start < SMALLEST_STORED) return undefined
    return join(this.folder, `${this.version}-${sample(known.bytes)}-${start}.idx`)
  }

  private dropOldest(): void {
    const files = readdirSync(this.folder!)
      .filter(name => name.endsWith('.idx'))
      .map(name => {
        const { mtimeMs, size } = statSync(join(this.folder!, name))
        return { name, mtimeMs, size }
      })
      .sort((a, b) => b.mtimeMs - a.mtimeMs)
    let room = KEPT
    for (const { name, size } of files) if ((room -= size) < 0) rmSync(join(this.folder!, name), { force: true })
  }
}

/** Tells headers apart well enough for the name of a file: their size and some of their bytes. */
function sample(bytes: Uint8Array): string {
  const step = Math.max(1, bytes.length >> 10)
  let hash = bytes.length
  for (let at = 0; at < bytes.length; at += step) hash = Math.imul(hash ^ bytes[at]!, 0x01000193)
  return `${bytes.length}-${(hash >>> 0).toString(16)}`
}

/** The user's cache folder for bpfc, by the XDG rule; undefined when BPFC_CACHE is `off`. BPFC_CACHE names another. */
export function cacheFolder(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const chosen = env['BPFC_CACHE']
  if (chosen === 'off') return undefined
  if (chosen) return chosen
  const base = env['XDG_CACHE_HOME']
  if (base?.startsWith('/')) return join(base, 'bpfc')
  // Loaded only here: most have HOME.
  const home = env['HOME'] || process.getBuiltinModule('node:os').homedir()
  return home ? join(home, '.cache', 'bpfc') : undefined
}
