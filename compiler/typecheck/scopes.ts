/** Scopes: ordinary names and tags apart, blocks and prototypes within functions within the file. */
import type { Atom, TokenIndex } from '../preprocessor/tokens.js'
import type { FunctionDecl, VarDecl } from './typed-ast.js'
import type { CType, EnumType, RecordType, TypedefType } from './types.js'

export interface VariableSymbol {
  readonly kind: 'variable'
  readonly decl: VarDecl
  readonly token: TokenIndex
  /** Named anywhere, also where it is not evaluated: what `-Wunused-variable` asks. */
  referenced: boolean
  /** Read, or its address taken; one that is only assigned is "set but not used". */
  read: boolean
}

export interface FunctionSymbol {
  readonly kind: 'function'
  readonly decl: FunctionDecl
  token: TokenIndex
  referenced: boolean
  /** Made up for a call of an undeclared function. */
  implicit: boolean
}

export interface TypedefSymbol {
  readonly kind: 'typedef'
  readonly type: TypedefType
  readonly token: TokenIndex
}

export interface EnumeratorSymbol {
  readonly kind: 'enumerator'
  value: bigint
  /** What the constant's type is in expressions: `int` where it fits, else the enum's. */
  type: CType
  readonly of: EnumType
  readonly token: TokenIndex
}

export type NamedSymbol = VariableSymbol | FunctionSymbol | TypedefSymbol | EnumeratorSymbol

export interface TagSymbol {
  readonly type: RecordType | EnumType
  token: TokenIndex
}

export type ScopeKind = 'file' | 'block' | 'prototype'

export class Scope {
  readonly ordinary = new Map<Atom, NamedSymbol>()
  readonly tags = new Map<Atom, TagSymbol>()

  constructor(
    readonly kind: ScopeKind,
    readonly parent: Scope | undefined,
  ) {}

  /** The innermost scope that declares the name, looking outwards from this one. */
  find(name: Atom): NamedSymbol | undefined {
    for (let at: Scope | undefined = this; at; at = at.parent) {
      const symbol = at.ordinary.get(name)
      if (symbol) return symbol
    }
    return undefined
  }

  findTag(name: Atom): TagSymbol | undefined {
    for (let at: Scope | undefined = this; at; at = at.parent) {
      const symbol = at.tags.get(name)
      if (symbol) return symbol
    }
    return undefined
  }
}
