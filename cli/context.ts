/** What a subcommand may touch: where it writes, whether people watch, and the file system as a `Host`. Tests make their own. */
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Host } from '../base/host.js'
import type { SharedState } from '../compiler/pipeline.js'
import { isTerminal, StandardStream } from './standard-streams.js'

export interface CliContext {
  readonly host: Host
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly colour: boolean
  /** Whether standard error is a terminal: progress is shown only there. */
  readonly interactive: boolean
  /** What the compilations of this process share; without it, `sharedState` makes it when something is compiled. */
  readonly shared?: SharedState
  /** A file in pieces, for what is larger than memory; undefined where it cannot be read. */
  pieces?(path: string): { readonly size: number; readonly bytes: Iterable<Uint8Array> } | undefined
  out(text: string): void
  /** The same for text that is UTF-8 already. */
  outBytes?(bytes: Uint8Array): void
  err(text: string): void
  /** Writes a whole file or nothing: to a temporary name beside it, then renamed. Returns a message when it cannot. */
  write(path: string, bytes: Uint8Array | string): string | undefined
}

/** Largest file read; a bigger one is refused by size, before its bytes come in. */
export const MAX_INPUT_BYTES = 64 * 1024 * 1024

/** Files from this size on (vmlinux.h above all) are kept for the next compilation of the process. */
const KEPT_FROM = 256 * 1024

export class NodeHost implements Host {
  private readonly kept = new Map<string, { readonly stat: Stats; readonly bytes: Uint8Array }>()

  constructor(private readonly cwd: string) {}

  read(path: string): Uint8Array | undefined {
    const full = resolve(this.cwd, path)
    try {
      // An exception takes longer than all the rest, and most places where a header is looked for have none.
      const stat = statSync(full, { throwIfNoEntry: false })
      if (!stat || stat.isDirectory()) return undefined
      if (stat.size < KEPT_FROM) return readFileSync(full)
      const known = this.kept.get(full)
      if (known && sameFile(known.stat, stat)) return known.bytes
      const bytes = readFileSync(full)
      this.kept.set(full, { stat, bytes })
      return bytes
    } catch {
      return undefined
    }
  }

  exists(path: string): boolean {
    try {
      return statSync(resolve(this.cwd, path), { throwIfNoEntry: false })?.isDirectory() === false
    } catch {
      return false
    }
  }

  identity(path: string): string | undefined {
    try {
      const stat = statSync(resolve(this.cwd, path), { throwIfNoEntry: false })
      return stat && `${stat.dev}:${stat.ino}`
    } catch {
      return undefined
    }
  }

  isDirectory(path: string): boolean {
    try {
      return statSync(resolve(this.cwd, path), { throwIfNoEntry: false })?.isDirectory() === true
    } catch {
      return false
    }
  }

  list(path: string): readonly string[] | undefined {
    try {
      return readdirSync(resolve(this.cwd, path), { withFileTypes: true })
        .filter(entry => !entry.isDirectory())
        .map(entry => entry.name)
        .sort()
    } catch {
      return undefined
    }
  }

  /** Bytes of a file, undefined where it does not exist. */
  size(path: string): number | undefined {
    try {
      return statSync(resolve(this.cwd, path), { throwIfNoEntry: false })?.size
    } catch {
      return undefined
    }
  }
}

/** Bytes of a large file that are read at a time. */
const PIECE_BYTES = 1 << 20

function filePieces(full: string): { readonly size: number; readonly bytes: Iterable<Uint8Array> } | undefined {
  const stat = statSync(full, { throwIfNoEntry: false })
  return stat?.isFile() ? { size: stat.size, bytes: piecesOf(full) } : undefined
}

function* piecesOf(full: string): Generator<Uint8Array> {
  const file = openSync(full, 'r')
  try {
    for (;;) {
      const piece = new Uint8Array(PIECE_BYTES)
      const count = readSync(file, piece)
      if (count === 0) return
      yield piece.subarray(0, count)
    }
  } finally {
    closeSync(file)
  }
}

const sameFile = (a: Stats, b: Stats) =>
  a.ino === b.ino && a.dev === b.dev && a.size === b.size && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs

export function nodeContext(): CliContext {
  const output = new StandardStream(1)
  const errors = new StandardStream(2)
  // What was written before a process.exit() or an exception goes out too.
  process.on('exit', () => {
    output.flush()
    errors.flush()
  })
  const terminal = isTerminal(2)
  const cwd = process.cwd()
  const noColour = process.env['NO_COLOR'] !== undefined && process.env['NO_COLOR'] !== ''
  return {
    host: new NodeHost(cwd),
    cwd,
    env: process.env,
    colour: !noColour && (terminal || process.env['FORCE_COLOR'] !== undefined),
    interactive: terminal,
    pieces: path => filePieces(resolve(cwd, path)),
    out: text => output.write(text),
    outBytes: bytes => output.writeBytes(bytes),
    err: text => {
      // In the order in which they were written, where both go to one place.
      output.flush()
      errors.write(text)
      errors.flush()
    },
    write(path, bytes) {
      const full = resolve(cwd, path)
      const temporary = `${full}.${process.pid}.tmp`
      try {
        if (path === '/dev/null' || path === '/dev/stdout') writeFileSync(full, bytes)
        else {
          mkdirSync(dirname(full), { recursive: true })
          writeFileSync(temporary, bytes)
          renameSync(temporary, full)
        }
        return undefined
      } catch (error) {
        rmSync(temporary, { force: true })
        return `cannot write ${path}: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}`
      }
    },
  }
}
