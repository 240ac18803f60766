/** The declaration index of a translation unit: the runs of its big headers, and their declarations' tokens when they are asked for. */
import type { SourceFile } from '../../base/source.js'
import type { DeclarationIndex, LazyEntry, LazyKind, LazyOrigin, LazyState } from './declaration-index.js'
import { EntryKind, type HeaderRun } from './header-index.js'
import type { MacroTable } from './macro.js'
import type { Names } from './names.js'
import type { Atom, TokenIndex } from './tokens.js'

/** A run as it stands in the translation unit. */
export interface LazyRegion {
  readonly file: SourceFile
  readonly run: HeaderRun
  /** Number of its first declaration. */
  readonly first: number
  /** Moment of the macro table at which it stands. */
  readonly moment: number
  readonly state: LazyState
}

/** Scans a range of a file with the macros of a moment and appends the tokens to the buffer. */
export type RangeScanner = (
  file: SourceFile,
  start: number,
  end: number,
  moment: number,
) => { start: TokenIndex; end: TokenIndex }

const kindNames: readonly LazyKind[] = ['typedef', 'tag', 'tag', 'enumerator', 'function', 'variable']

interface Scanned {
  readonly start: TokenIndex
  readonly end: TokenIndex
  readonly state: LazyState
}

export class LazyDeclarations implements DeclarationIndex {
  readonly regions: LazyRegion[] = []
  /** How many declarations there are. */
  count = 0
  private readonly scanned = new Map<number, Scanned>()

  constructor(
    private readonly names: Names,
    private readonly scan: RangeScanner,
    private readonly macros: MacroTable,
  ) {}

  /** Adds a run at the present end and returns its number. */
  add(file: SourceFile, run: HeaderRun, moment: number, state: LazyState): number {
    this.regions.push({ file, run, first: this.count, moment, state })
    this.count += run.declarations
    return this.regions.length - 1
  }

  ordinary(name: Atom): readonly LazyEntry[] {
    const found: LazyEntry[] = []
    for (const region of this.regions) this.collect(region, region.run.ordinary, name, found)
    return found
  }

  tag(name: Atom): readonly LazyEntry[] {
    const found: LazyEntry[] = []
    const bodies: LazyEntry[] = []
    for (const region of this.regions) this.collect(region, region.run.tags, name, found, bodies)
    return bodies.length > 0 ? [...bodies, ...found] : found
  }

  private collect(region: LazyRegion, heads: Int32Array, name: Atom, found: LazyEntry[], bodies = found): void {
    const { run, first, file } = region
    const hash = this.names.hash(name)
    const length = this.names.length(name)
    for (let i = heads[(hash ^ (hash >>> 15)) & (heads.length - 1)]!; i >= 0; i = run.chain[i]!) {
      if (run.nameHashes[i] !== hash || run.nameLengths[i] !== length) continue
      const spelling = this.names.bytes(name)
      const at = run.nameStarts[i]!
      let same = true
      for (let k = 0; k < length && same; k++) same = spelling[k] === file.bytes[at + k]
      if (!same) continue
      const kind = run.kinds[i]!
      const list = kind === EntryKind.tagBody ? bodies : found
      list.push({ declaration: first + run.owners[i]!, kind: kindNames[kind]! })
    }
  }

  tokens(declaration: number): Scanned {
    const known = this.scanned.get(declaration)
    if (known) return known
    const { run, first, file, moment, state } = this.regionOf(declaration)
    const range = this.scan(file, run.starts[declaration - first]!, run.ends[declaration - first]!, moment)
    const result = { ...range, state }
    this.scanned.set(declaration, result)
    return result
  }

  origin(declaration: number): LazyOrigin {
    const { run, first, file, state } = this.regionOf(declaration)
    return { file, run, number: declaration - first, state }
  }

  hasMacro(declaration: number, names: readonly Atom[]): boolean {
    const { moment } = this.regionOf(declaration)
    return names.some(name => this.macros.at(name, moment) !== undefined)
  }

  private regionOf(declaration: number): LazyRegion {
    let low = 0
    let high = this.regions.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.regions[middle]!.first <= declaration) low = middle
      else high = middle - 1
    }
    const region = this.regions[low]
    if (!region || declaration < region.first || declaration >= region.first + region.run.declarations)
      throw new RangeError(`no declaration ${declaration}`)
    return region
  }
}
