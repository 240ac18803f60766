/**
 * Declarations of indexed headers that one compilation has parsed, for the next in the same process: most sources of a project ask for the same
 * records of vmlinux.h. Kept is only what came about without macros, pragmas and complaints, together with what the parser asked about names on
 * the way; it is taken where all answers are the same, so it is what parsing would give. Nothing in it refers to a compilation: the tokens
 * stand in front of those of each later one, under the same indexes, and only get their places there.
 */
import type { LazyState } from '../preprocessor/declaration-index.js'
import { SECTION_KINDS } from '../preprocessor/section-pragma.js'
import type { HeaderRun } from '../preprocessor/header-index.js'
import type { Names } from '../preprocessor/names.js'
import { type Atom, TokenBuffer, type TokenIndex, TokenKind } from '../preprocessor/tokens.js'
import type { Declaration } from './ast.js'
import type { KeptNotes } from './name-scopes.js'

export interface KeptDeclaration {
  /** Its tokens in `KeptTrees.tokens`, `end` exclusive; the trees keep such indexes. */
  readonly start: TokenIndex
  readonly end: TokenIndex
  /** Names in it: none of them may be a macro where it stands. */
  readonly words: readonly Atom[]
  readonly state: LazyState
  readonly notes: KeptNotes
  readonly trees: readonly Declaration[]
}

export class KeptTrees {
  /** All tokens kept, with their byte offsets in their files for places. */
  readonly tokens = new TokenBuffer()
  /** By run, then by the declaration's number in it. */
  private readonly runs = new WeakMap<HeaderRun, Map<number, KeptDeclaration>>()

  constructor(
    /** What the atoms belong to; compilations with another table cannot share. */
    readonly names: Names,
  ) {}

  get(run: HeaderRun, declaration: number): KeptDeclaration | undefined {
    return this.runs.get(run)?.get(declaration)
  }

  /** Keeps the trees of `buffer`'s tokens from `start` to `end`, exclusive, which are written in a file that begins at `base`. */
  put(
    run: HeaderRun,
    declaration: number,
    { trees, ...rest }: Omit<KeptDeclaration, 'start' | 'end'>,
    buffer: TokenBuffer,
    start: TokenIndex,
    end: TokenIndex,
    base: number,
  ): void {
    const at = this.tokens.append(buffer, start, end, -base)
    const kept: KeptDeclaration = { ...rest, trees: shifted(trees, at - start), start: at, end: this.tokens.count }
    const known = this.runs.get(run)
    if (known) known.set(declaration, kept)
    else this.runs.set(run, new Map([[declaration, kept]]))
  }
}

/** The different names among the tokens from `start` to `end`, exclusive; undefined where macros or pragmas had a part in these. */
export function plainWords({ kind, atom, expansion }: TokenBuffer, start: TokenIndex, end: TokenIndex): Atom[] | undefined {
  const words = new Set<Atom>()
  for (let i = start; i < end; i++) {
    if (kind[i]! < TokenKind.Identifier || kind[i]! > TokenKind.Punctuator || expansion[i] !== 0) return undefined
    if (kind[i] === TokenKind.Identifier) words.add(atom[i]!)
  }
  return [...words]
}

export function sameState(a: LazyState, b: LazyState): boolean {
  if (a === b) return true
  return (
    a.pack === b.pack &&
    a.attributes.length === b.attributes.length &&
    a.attributes.every((each, i) => each === b.attributes[i]) &&
    SECTION_KINDS.every(kind => a.sections[kind] === b.sections[kind])
  )
}

/** A copy of a tree (or a list of them) whose tokens lie `by` further on. */
export function shifted<T>(tree: T, by: number): T {
  if (Array.isArray(tree)) return tree.map(each => (typeof each === 'object' ? shifted(each, by) : each)) as T
  const copy = { ...tree } as Record<string, unknown>
  for (const key in copy) {
    const value = copy[key]
    if (typeof value === 'object' && value !== null) copy[key] = shifted(value, by)
    else if (key === 'first' || key === 'last' || key === 'token') copy[key] = (value as number) + by
  }
  return copy as T
}
