/**
 * The world outside, as the rest of bpfc sees it: bytes by path. The CLI gives one over the file system, tests and the
 * browser one over memory. Nothing below `cli`, `plugins` and `runtime/live` reaches a file any other way.
 */
export interface Host {
  /** The bytes of a file, or undefined where there is none (or it is a directory). The caller must not write into them. */
  read(path: string): Uint8Array | undefined
  /** Whether `read` would give bytes; cheaper than reading. */
  exists(path: string): boolean
  /** Names of the files in a folder, sorted; undefined where the path is no folder. A host that knows no folders leaves it out. */
  list?(path: string): readonly string[] | undefined
  /**
   * What two spellings of one file or folder share (relative and absolute, through links), and no other file has; undefined where the
   * path leads nowhere. A host whose paths have one spelling leaves it out.
   */
  identity?(path: string): string | undefined
}

/** A host over a table of paths, for tests and the browser. */
export class MemoryHost implements Host {
  readonly files = new Map<string, Uint8Array>()

  constructor(files: Readonly<Record<string, string | Uint8Array>> = {}) {
    for (const [path, content] of Object.entries(files)) this.add(path, content)
  }

  add(path: string, content: string | Uint8Array): void {
    this.files.set(path, typeof content === 'string' ? new TextEncoder().encode(content) : content)
  }

  read(path: string): Uint8Array | undefined {
    return this.files.get(path)
  }

  exists(path: string): boolean {
    return this.files.has(path)
  }

  list(path: string): readonly string[] | undefined {
    const folder = `${path.replace(/\/$/, '')}/`
    const names = [...this.files.keys()].filter(name => name.startsWith(folder)).map(name => name.slice(folder.length))
    return names.length > 0 ? names.filter(name => !name.includes('/')).sort() : undefined
  }
}

/** Looks in several hosts, first match wins; used to put the shipped headers behind the user's files. */
export class LayeredHost implements Host {
  constructor(private readonly layers: readonly Host[]) {}

  read(path: string): Uint8Array | undefined {
    for (const layer of this.layers) {
      const bytes = layer.read(path)
      if (bytes) return bytes
    }
    return undefined
  }

  exists(path: string): boolean {
    return this.layers.some(layer => layer.exists(path))
  }

  identity(path: string): string | undefined {
    for (const layer of this.layers) {
      const identity = layer.identity?.(path)
      if (identity !== undefined) return identity
    }
    return undefined
  }
}
