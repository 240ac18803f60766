/**
 * Source files and places in them. A place is one small integer, a `Loc`: every file occupies a range of the space
 * [1, 2^31), so tokens carry a place in one Int32 column. 0 is "no place" (predefined macros, made-up declarations).
 */

/** A place: the global offset of a byte of some file of a `SourceSet`; 0 is nowhere. */
export type Loc = number

/** A range of one file in global offsets, `end` exclusive. */
export interface Span {
  readonly start: Loc
  readonly end: Loc
}

/** A place as people say it. `line` and `column` count from 1; the column counts bytes. */
export interface Position {
  readonly path: string
  readonly line: number
  readonly column: number
}

const utf8 = new TextDecoder()

export class SourceFile {
  private lineTable: Int32Array | undefined

  constructor(
    /** As the user or the include search spelled it: what diagnostics, BTF line info and depfiles print. */
    readonly path: string,
    readonly bytes: Uint8Array,
    /** Global offset of the first byte. */
    readonly base: Loc,
    /** Found in a system directory (`-isystem`, shipped headers), or calls itself a system header: warnings inside are not shown. */
    public system: boolean,
  ) {}

  /** What `#line` and line markers said, by rising byte offset from which it holds. */
  private readonly remaps: {
    readonly offset: number
    readonly line: number
    readonly path: string
    readonly system: boolean | undefined
  }[] = []

  /**
   * From the line at `offset` on, lines count from `line`, the file is called `path` where that is given (`#line`), and is a system
   * header or none where `system` says so (a line marker with a path). Offsets of later calls are larger.
   */
  remap(offset: number, line: number, path: string | undefined, system?: boolean): void {
    const last = this.remaps.at(-1)
    this.remaps.push({ offset, line, path: path ?? last?.path ?? this.path, system: system ?? last?.system })
  }

  /** The last that was said before a byte offset. */
  private remapAt(offset: number): SourceFile['remaps'][number] | undefined {
    let low = 0
    let high = this.remaps.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.remaps[middle]!.offset <= offset) low = middle + 1
      else high = middle
    }
    return this.remaps[low - 1]
  }

  /** Line and path of a byte offset as `#line` has them; the file's own where there is no such directive. */
  presumed(offset: number): { readonly path: string; readonly line: number } {
    const own = this.lineOf(offset)
    const remap = this.remapAt(offset)
    if (!remap) return { path: this.path, line: own }
    return { path: remap.path, line: remap.line + own - this.lineOf(remap.offset) }
  }

  /** Whether the text at a byte offset is a system header's: what line markers say, else the file. */
  systemAt(offset: number): boolean {
    return this.remapAt(offset)?.system ?? this.system
  }

  get end(): Loc {
    return this.base + this.bytes.length
  }

  /** Byte offsets at which lines start, counted when first asked for. */
  get lines(): Int32Array {
    if (this.lineTable) return this.lineTable
    let count = 1
    for (let i = 0; i < this.bytes.length; i++) if (this.bytes[i] === 10) count++
    const table = new Int32Array(count)
    let line = 1
    for (let i = 0; i < this.bytes.length; i++) if (this.bytes[i] === 10) table[line++] = i + 1
    this.lineTable = table
    return table
  }

  /** 1-based line of a byte offset within this file. */
  lineOf(offset: number): number {
    const table = this.lines
    let low = 0
    let high = table.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (table[middle]! <= offset) low = middle
      else high = middle - 1
    }
    return low + 1
  }

  /** The text of a 1-based line, without its line end. */
  lineText(line: number): string {
    const start = this.lines[line - 1] ?? this.bytes.length
    let end = this.lines[line] ?? this.bytes.length
    while (end > start && (this.bytes[end - 1] === 10 || this.bytes[end - 1] === 13)) end--
    return utf8.decode(this.bytes.subarray(start, end))
  }
}

/** All files that one compilation read, in the order they were first entered. */
export class SourceSet {
  readonly files: SourceFile[] = []
  private next: Loc = 1

  add(path: string, bytes: Uint8Array, system = false): SourceFile {
    const file = new SourceFile(path, bytes, this.next, system)
    this.next += bytes.length + 1
    this.files.push(file)
    return file
  }

  /** The file a place is in; undefined for place 0 and places never handed out. */
  fileOf(loc: Loc): SourceFile | undefined {
    if (loc <= 0 || loc >= this.next) return undefined
    let low = 0
    let high = this.files.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.files[middle]!.base <= loc) low = middle
      else high = middle - 1
    }
    return this.files[low]
  }

  /** The text of the line a place is in, without its line end. */
  lineText(loc: Loc): string | undefined {
    const file = this.fileOf(loc)
    return file?.lineText(file.lineOf(loc - file.base))
  }

  /** Whether a place is in a system header, where warnings are not shown. */
  isSystem(loc: Loc): boolean {
    const file = this.fileOf(loc)
    return file !== undefined && file.systemAt(loc - file.base)
  }

  /** As `position`, with line and path as `#line` has them: what diagnostics and line info show. */
  presumed(loc: Loc): Position | undefined {
    const file = this.fileOf(loc)
    if (!file) return undefined
    const offset = loc - file.base
    return { ...file.presumed(offset), column: offset - file.lines[file.lineOf(offset) - 1]! + 1 }
  }

  position(loc: Loc): Position | undefined {
    const file = this.fileOf(loc)
    if (!file) return undefined
    const offset = loc - file.base
    const line = file.lineOf(offset)
    return { path: file.path, line, column: offset - file.lines[line - 1]! + 1 }
  }
}
