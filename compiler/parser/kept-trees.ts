/**
 * Declarations of indexed headers that one compilation has parsed, for the next in the same process: most sources of a project ask for the same
 * records of vmlinux.h. Kept is only what came about without macros, pragmas and complaints, together with what the parser asked about names on
 * the way; it is taken where all answers are the same, so it is what parsing would give. Nothing in it refers to a compilation: tokens
 * and places are shifted to where they stand in the next.
 */
import type { LazyState } from '../preprocessor/declaration-index.js'
import type { HeaderRun } from '../preprocessor/header-index.js'
import type { Names } from '../preprocessor/names.js'
import { type Atom, type TokenBuffer, type TokenIndex, TokenKind } from '../preprocessor/tokens.js'
import type { Declaration } from './ast.js'
import type { NameNotes } from './name-scopes.js'

/** Tokens as written in one file, apart from any buffer. */
export interface KeptTokens {
  readonly kind: Uint8Array
  readonly flags: Uint8Array
  /** Byte offsets in the file. */
  readonly offset: Int32Array
  readonly length: Int32Array
  readonly atom: Int32Array
}

export interface KeptDeclaration {
  readonly tokens: KeptTokens
  /** Names in it: none of them may be a macro where it stands. */
  readonly words: readonly Atom[]
  readonly state: LazyState
  readonly notes: NameNotes
  readonly trees: readonly Declaration[]
  /** Index of the first token when the trees were made. */
  readonly start: TokenIndex
}

export class KeptTrees {
  /** By run, then by the declaration's number in it. */
  private readonly runs = new WeakMap<HeaderRun, Map<number, KeptDeclaration>>()

  constructor(
    /** What the atoms belong to; compilations with another table cannot share. */
    readonly names: Names,
  ) {}

  get(run: HeaderRun, declaration: number): KeptDeclaration | undefined {
    return this.runs.get(run)?.get(declaration)
  }

  put(run: HeaderRun, declaration: number, kept: KeptDeclaration): void {
    const known = this.runs.get(run)
    if (known) known.set(declaration, kept)
    else this.runs.set(run, new Map([[declaration, kept]]))
  }
}

/** A range of tokens to keep, if all of it was written in the file that begins at `base`; undefined where macros or pragmas had a part in it. */
export function keepTokens(buffer: TokenBuffer, start: TokenIndex, end: TokenIndex, base: number): KeptTokens | undefined {
  for (let i = start; i < end; i++) {
    const kind = buffer.kind[i]!
    const plain = kind >= TokenKind.Identifier && kind <= TokenKind.Punctuator
    if (!plain || buffer.expansion[i] !== 0) return undefined
  }
  return {
    kind: buffer.kind.slice(start, end),
    flags: buffer.flags.slice(start, end),
    offset: buffer.loc.slice(start, end).map(loc => loc - base),
    length: buffer.length.slice(start, end),
    atom: buffer.atom.slice(start, end),
  }
}

/** The different names among the tokens. */
export function wordsOf({ kind, atom }: KeptTokens): Atom[] {
  const words = new Set<Atom>()
  for (let i = 0; i < kind.length; i++) if (kind[i] === TokenKind.Identifier) words.add(atom[i]!)
  return [...words]
}

export function sameState(a: LazyState, b: LazyState): boolean {
  if (a === b) return true
  return (
    a.pack === b.pack && a.attributes.length === b.attributes.length && a.attributes.every((each, i) => each === b.attributes[i])
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
