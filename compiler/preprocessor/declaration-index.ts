/**
 * The declarations of big headers, found by matching braces and parsed only when something asks (docs/architecture.md, front end).
 * The preprocessor fills it; the parser turns an entry into a tree when the type checker looks a name up.
 */
import type { SectionNames } from './section-pragma.js'
import type { SourceFile } from '../../base/source.js'
import type { HeaderRun } from './header-index.js'
import type { Atom, TokenIndex } from './tokens.js'

/** What an entry's name is: enough for the parser to tell types from expressions without parsing the entry. */
export type LazyKind = 'typedef' | 'tag' | 'enumerator' | 'function' | 'variable'

export interface LazyEntry {
  /** Position among all lazily indexed declarations; smaller ones stand earlier in the translation unit. */
  readonly declaration: number
  readonly kind: LazyKind
}

/** Pragmas in force over a lazily parsed declaration. */
export interface LazyState {
  /** `#pragma pack`, bytes; 0 for none. */
  readonly pack: number
  /** Texts of attributes pushed by `#pragma clang attribute push`, e.g. `preserve_access_index` with apply_to=record. */
  readonly attributes: readonly string[]
  /** `#pragma clang section`. */
  readonly sections: SectionNames
}

export interface DeclarationIndex {
  /** Entries that declare an ordinary identifier (typedef, enumerator, function, variable), in order; empty if there is none. */
  ordinary(name: Atom): readonly LazyEntry[]
  /** Entries that declare or define a struct, union or enum tag; a definition with a body comes first. */
  tag(name: Atom): readonly LazyEntry[]
  /**
   * Scans one declaration with the macros that were defined where it stands, appends its tokens to the buffer (once; later calls give
   * the same range) and returns the range, `end` exclusive.
   */
  tokens(declaration: number): { readonly start: TokenIndex; readonly end: TokenIndex; readonly state: LazyState }
  /** Where a declaration is written. */
  origin(declaration: number): LazyOrigin
  /** Whether one of the names is a macro where a declaration stands. */
  hasMacro(declaration: number, names: readonly Atom[]): boolean
}

export interface LazyOrigin {
  readonly file: SourceFile
  readonly run: HeaderRun
  /** The declaration's number in the run. */
  readonly number: number
  readonly state: LazyState
}

/** Where no header was indexed. */
export const emptyIndex: DeclarationIndex = {
  ordinary: () => [],
  tag: () => [],
  tokens: noSuchDeclaration,
  origin: noSuchDeclaration,
  hasMacro: noSuchDeclaration,
}

function noSuchDeclaration(): never {
  throw new RangeError('no such declaration')
}
