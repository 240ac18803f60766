/** Header runs kept in memory, for a process that compiles many files with the same headers. */
import type { HeaderRun } from './header-index.js'
import type { HeaderCache } from './preprocessor.js'

/** Keeps runs as long as the bytes they were made of: a host that gives the same array for a file each time is what makes it work. */
export class MemoryHeaderCache implements HeaderCache {
  private readonly runs = new WeakMap<Uint8Array, Map<number, HeaderRun>>()

  get(_path: string, bytes: Uint8Array, start: number): HeaderRun | undefined {
    return this.runs.get(bytes)?.get(start)
  }

  put(_path: string, bytes: Uint8Array, start: number, run: HeaderRun): void {
    const known = this.runs.get(bytes)
    if (known) known.set(start, run)
    else this.runs.set(bytes, new Map([[start, run]]))
  }
}
