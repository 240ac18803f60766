/** Finding the file that `#include` names. Paths are plain text with `/`; what a directory holds is the host's business. */
import type { Host } from '../../base/host.js'
import type { IncludePaths } from '../options.js'

export interface FoundFile {
  readonly path: string
  readonly bytes: Uint8Array
  readonly system: boolean
  /** Index of the directory it was found in, for `#include_next`; -1 for the including file's own. */
  readonly directory: number
}

interface Directory {
  readonly path: string
  readonly system: boolean
}

/** Folder of a path, without a trailing slash; '' when there is none. */
export function folderOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? '' : slash === 0 ? '/' : path.slice(0, slash)
}

/** A name within a folder, spelled as clang does (`./name` in the working directory). */
export function joinPath(folder: string, name: string): string {
  if (folder === '') return `./${name}`
  return folder.endsWith('/') ? folder + name : `${folder}/${name}`
}

/** A path without `.`, `x/..` and doubled slashes. */
function normalisePath(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop()
    else if (part !== '..' || !path.startsWith('/')) parts.push(part)
  }
  return (path.startsWith('/') ? '/' : '') + parts.join('/')
}

export class IncludeSearch {
  readonly directories: readonly Directory[]
  /** Where the search for `#include <…>` starts. */
  private readonly angled: number
  private readonly known = new Map<string, Uint8Array | null>()

  constructor(
    private readonly host: Host,
    paths: IncludePaths,
    private readonly workingDirectory: string,
  ) {
    const system = [...paths.system, ...paths.standard, ...paths.after]
    const systemSet = new Set(system.map(path => this.identity(path)))
    const seen = new Set<string>()
    const directories: Directory[] = []
    for (const path of paths.quote) directories.push({ path, system: false })
    this.angled = directories.length
    // As clang: a directory counts once; one given as user and as system directory counts as the latter.
    for (const path of paths.user) {
      const key = this.identity(path)
      if (systemSet.has(key) || seen.has(key)) continue
      seen.add(key)
      directories.push({ path, system: false })
    }
    for (const path of system) {
      const key = this.identity(path)
      if (seen.has(key)) continue
      seen.add(key)
      directories.push({ path, system: true })
    }
    this.directories = directories
  }

  /** What tells whether two spellings mean one file: the host's word, or else the path in full. */
  identity(path: string): string {
    return this.host.identity?.(path) ?? normalisePath(path.startsWith('/') ? path : `${this.workingDirectory}/${path}`)
  }

  private read(path: string): Uint8Array | undefined {
    const known = this.known.get(path)
    if (known !== undefined) return known ?? undefined
    const bytes = this.host.read(path)
    this.known.set(path, bytes ?? null)
    return bytes
  }

  /**
   * Looks for a header. `includer` and `includerSystem` describe the including file; `after` is the directory index behind which
   * `#include_next` looks, undefined for a plain include.
   */
  find(
    name: string,
    angled: boolean,
    includer: string,
    includerSystem: boolean,
    after: number | undefined,
  ): FoundFile | undefined {
    if (name.startsWith('/')) {
      const bytes = this.read(name)
      return bytes && { path: name, bytes, system: includerSystem, directory: -1 }
    }
    if (!angled && after === undefined) {
      const path = joinPath(folderOf(includer), name)
      const bytes = this.read(path)
      if (bytes) return { path, bytes, system: includerSystem, directory: -1 }
    }
    const from = after !== undefined ? after + 1 : angled ? this.angled : 0
    for (let i = from; i < this.directories.length; i++) {
      const directory = this.directories[i]!
      const path = joinPath(directory.path, name)
      const bytes = this.read(path)
      if (bytes) return { path, bytes, system: directory.system, directory: i }
    }
    return undefined
  }
}
