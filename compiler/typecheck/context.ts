/**
 * The state of checking one translation unit: scopes, the function at hand, what was collected for the typed unit, and lazily
 * parsed header declarations, which are declared at file scope the moment a name asks for them.
 */
import type { DiagnosticExtras } from '../../base/diagnostics.js'
import type { Target } from '../options.js'
import type * as ast from '../parser/ast.js'
import type { Names } from '../preprocessor/names.js'
import type { Atom, TokenBuffer, TokenIndex } from '../preprocessor/tokens.js'
import type { ResolvedParam } from './declarators.js'
import type { Place, Reporter } from './report.js'
import { Scope, type ScopeKind, type NamedSymbol, type TagSymbol, type VariableSymbol } from './scopes.js'
import { isIncomplete } from './type-facts.js'
import { quoteType, typeText } from './type-text.js'
import type { FunctionDecl, Label, LoopStmt, SwitchStmt, VarDecl } from './typed-ast.js'
import { type CType, canonical, type RecordType } from './types.js'

/** A label of the function at hand; `defined` once its statement was seen. */
export interface LabelState {
  readonly label: Label
  defined: boolean
  used: boolean
  /** Where it was first named. */
  readonly place: Place
}

/** What belongs to the function whose body is being checked. */
export class FunctionState {
  /** Innermost last. `__label__` opens a scope of its own. */
  readonly labelScopes: Map<Atom, LabelState>[] = [new Map()]
  /** What `break` and `continue` leave, innermost last. */
  readonly loops: (LoopStmt | SwitchStmt)[] = []
  readonly locals: VariableSymbol[] = []
  /** Floating point in the body: nothing wrong with it where nobody uses the function. */
  readonly floats: (() => void)[] = []

  constructor(
    readonly decl: FunctionDecl,
    readonly name: Atom,
  ) {}
}

export class Context {
  readonly fileScope = new Scope('file', undefined)
  scope = this.fileScope
  fn: FunctionState | undefined
  /** Above 0 inside sizeof, typeof and their kind: nothing there is evaluated. */
  unevaluated = 0

  /** Above 0 where a constant condition keeps control away: warnings about what would happen at run time are not given there. */
  dead = 0

  readonly functions: FunctionDecl[] = []
  readonly variables: VarDecl[] = []
  readonly fileAsm: string[] = []
  /** Things already in `functions` and `variables`. */
  private readonly listed = new Set<FunctionDecl | VarDecl>()
  /** Bodies of lazily found functions, checked after the declaration at hand. */
  readonly pending: (() => void)[] = []
  /** File-scope objects declared without a size or an initialiser so far, looked at again at the end. */
  readonly tentative: { readonly decl: VarDecl; readonly place: Place }[] = []

  /** Objects and functions in the order of first declaration. */
  readonly order = new Map<FunctionDecl | VarDecl, number>()
  /** Functions with a body. */
  readonly defined = new Set<FunctionDecl>()
  /** Functions with floating point that may turn out to be of no use, with what is to be said where they are. */
  readonly withFloats: { readonly name: Atom; readonly decl: FunctionDecl; readonly complaints: readonly (() => void)[] }[] = []
  readonly calls: { readonly caller: FunctionDecl; readonly callee: FunctionDecl; readonly place: Place }[] = []
  /** Calls whose value the caller returns as it is, by token. */
  readonly tailCalls = new Set<TokenIndex>()
  /** Everything with linkage, whatever scope declared it. */
  readonly linked = new Map<Atom, NamedSymbol>()

  /** Expressions whose value nobody takes: `i++` of its own does not read `i`. */
  readonly discarded = new WeakSet<ast.Expr>()

  /** The record that each body defined. */
  readonly definedBy = new WeakMap<ast.RecordSpecifier, RecordType>()
  /** What was found out about the parameters of function declarators, for the definitions among them. */
  readonly resolvedParams = new WeakMap<ast.DeclaratorChunk, readonly ResolvedParam[]>()

  private readonly taken = new Set<ast.Declaration>()
  private readonly askedOrdinary = new Set<Atom>()
  private readonly askedTags = new Set<Atom>()

  constructor(
    readonly source: ast.DeclarationSource,
    readonly names: Names,
    readonly tokens: TokenBuffer,
    readonly reporter: Reporter,
    readonly target: Target,
    /** Checks one declaration at file scope; given from outside because the checks of declarations need this context. */
    private readonly declare: (context: Context, declaration: ast.Declaration, lazy: boolean) => void,
  ) {}

  // --- diagnostics ---

  error(code: string, place: Place, message: string, extras?: DiagnosticExtras): void {
    this.reporter.error(code, place, message, extras)
  }

  warn(code: string, place: Place, message: string, group: string, extras?: DiagnosticExtras): void {
    this.reporter.warning(code, place, message, group, extras)
  }

  text(atom: Atom): string {
    return this.names.text(atom)
  }

  /** The tag's name in a specifier that has one, else the specifier. */
  namePlace(specifier: ast.RecordSpecifier | ast.EnumSpecifier): Place {
    if (specifier.name === undefined) return specifier
    for (let token = specifier.first; token <= specifier.last; token++)
      if (this.tokens.atom[token] === specifier.name) return { token, first: token, last: token }
    return specifier
  }

  private readonly spell = (atom: Atom): string => this.names.text(atom)

  /** A type in quotes, as clang's messages have it. */
  quote(type: CType): string {
    return quoteType(type, this.spell)
  }

  typeText(type: CType): string {
    return typeText(type, this.spell)
  }

  // --- scopes ---

  inScope<T>(kind: ScopeKind, body: () => T): T {
    const outer = this.scope
    this.scope = new Scope(kind, outer)
    try {
      return body()
    } finally {
      this.scope = outer
    }
  }

  notEvaluated<T>(body: () => T): T {
    this.unevaluated++
    try {
      return body()
    } finally {
      this.unevaluated--
    }
  }

  /** Checks what is only reached if `reached` is not known to be false. */
  inBranch<T>(reached: boolean | undefined, body: () => T): T {
    if (reached !== false) return body()
    this.dead++
    try {
      return body()
    } finally {
      this.dead--
    }
  }

  /** A warning about what would happen at run time: not where nothing is evaluated or nothing gets to. */
  warnRuntime(code: string, place: Place, message: string, group: string): void {
    if (this.unevaluated === 0 && this.dead === 0) this.warn(code, place, message, group)
  }

  /** Runs at file scope, outside of any function. */
  atFileScope<T>(body: () => T): T {
    const { scope, fn, unevaluated, dead } = this
    this.scope = this.fileScope
    this.fn = undefined
    this.unevaluated = 0
    this.dead = 0
    try {
      return body()
    } finally {
      this.scope = scope
      this.fn = fn
      this.unevaluated = unevaluated
      this.dead = dead
    }
  }

  /** What an ordinary name means here; asks the lazily parsed headers where no scope knows it. */
  lookup(name: Atom): NamedSymbol | undefined {
    return this.scope.find(name) ?? this.lookupFile(name)
  }

  lookupFile(name: Atom): NamedSymbol | undefined {
    this.askOrdinary(name)
    return this.fileScope.ordinary.get(name)
  }

  /** Declares what the headers have under an ordinary name, once. */
  askOrdinary(name: Atom): void {
    if (this.askedOrdinary.has(name)) return
    this.askedOrdinary.add(name)
    for (const declaration of this.source.ordinary(name)) this.takeLazily(declaration)
  }

  lookupTag(name: Atom): TagSymbol | undefined {
    return this.scope.findTag(name)
  }

  /** Declares what the headers have under a tag, once. */
  askTag(name: Atom): void {
    if (this.askedTags.has(name)) return
    this.askedTags.add(name)
    for (const declaration of this.source.tag(name)) this.takeLazily(declaration)
  }

  private takeLazily(declaration: ast.Declaration): void {
    if (!this.take(declaration)) return
    this.atFileScope(() => this.declare(this, declaration, true))
  }

  /** True the first time a declaration is seen. */
  take(declaration: ast.Declaration): boolean {
    if (this.taken.has(declaration)) return false
    this.taken.add(declaration)
    return true
  }

  /** Makes a record or enum type complete if the headers have its definition. True where the type is complete after that. */
  complete(type: CType): boolean {
    if (!isIncomplete(type)) return true
    let plain = canonical(type)
    while (plain.kind === 'array') plain = canonical(plain.element)
    if ((plain.kind === 'record' || plain.kind === 'enum') && plain.tag !== undefined && !plain.complete) {
      if (this.fileScope.tags.get(plain.tag)?.type === plain) this.askTag(plain.tag)
    }
    return !isIncomplete(type)
  }

  // --- the unit ---

  /** A variable with nothing special about it; lists nothing and declares no name. */
  newVariable(name: string, type: CType, token: TokenIndex, more: Partial<VarDecl> & Pick<VarDecl, 'storage'>): VarDecl {
    const decl: VarDecl = {
      kind: 'var',
      name,
      type,
      linkage: 'none',
      isParam: false,
      isExtern: false,
      section: undefined,
      sections: {},
      weak: false,
      hidden: false,
      used: false,
      unused: false,
      align: 0,
      asmLabel: undefined,
      init: undefined,
      declTags: [],
      cleanup: undefined,
      addressTaken: false,
      owner: more.storage === 'static' && more.linkage === undefined ? this.fn?.decl : undefined,
      token,
      ...more,
    }
    this.order.set(decl, this.order.size)
    return decl
  }

  /** Whether the unit has a body for the function, or is reading one. */
  definesFunction(decl: FunctionDecl): boolean {
    return this.defined.has(decl)
  }

  /** A variable's value is taken after all, through the assignment that stored it. */
  markRead(decl: VarDecl): void {
    const symbol = this.fn?.locals.find(each => each.decl === decl)
    if (symbol) symbol.read = true
  }

  /** Notes a direct call for the recursion check. */
  noteCall(callee: FunctionDecl, place: Place): void {
    if (!this.fn || this.unevaluated > 0) return
    this.calls.push({ caller: this.fn.decl, callee, place })
  }

  listFunction(decl: FunctionDecl): void {
    if (this.listed.has(decl)) return
    this.listed.add(decl)
    this.functions.push(decl)
  }

  listVariable(decl: VarDecl): void {
    if (this.listed.has(decl)) return
    this.listed.add(decl)
    this.variables.push(decl)
  }
}
