/**
 * Declarations, at file scope and in blocks: typedefs, functions, objects, their linkage, and what several declarations of one thing
 * add up to (C11 6.2.2, 6.7, 6.9).
 */
import type * as ast from '../parser/ast.js'
import type { Atom } from '../preprocessor/tokens.js'
import { type AttributeSet, applyMode } from './attributes.js'
import { compatible, composite, compositeFunction } from './compatible.js'
import { foldedConstant } from './constants.js'
import type { Context } from './context.js'
import { applyDeclarator } from './declarators.js'
import { checkValue, stringText } from './expressions.js'
import { checkFunctionBody } from './functions.js'
import { checkInitializer } from './initializers.js'
import { isArray, isError, isFunction, isRecord, isVoid, unqualified } from './type-facts.js'
import { at } from './nodes.js'
import { beginOf, type Place } from './report.js'
import type { FunctionSymbol, NamedSymbol, VariableSymbol } from './scopes.js'
import { resolveSpecifiers } from './specifiers.js'
import type { FunctionDecl, Stmt, VarDecl } from './typed-ast.js'
import { type ArrayType, type CType, canonical, type FunctionType, intType } from './types.js'

/** Checks one declaration at file scope. Bodies of lazily found functions wait until the declaration at hand is done. */
export function checkExternalDeclaration(c: Context, declaration: ast.Declaration, lazy: boolean): void {
  switch (declaration.kind) {
    case 'declaration':
      checkSimpleDeclaration(c, declaration)
      return
    case 'function':
      checkFunctionDefinition(c, declaration, lazy)
      return
    case 'static_assert':
      checkStaticAssert(c, declaration)
      return
    case 'file_asm':
      c.fileAsm.push(stringText(c, declaration.text))
      return
    case 'empty':
      return
  }
}

export function checkStaticAssert(c: Context, declaration: ast.StaticAssertDeclaration): void {
  const value = checkValue(c, declaration.condition)
  if (isError(value.type)) return
  const known = foldedConstant(value)
  if (known === undefined)
    c.error('T0215', beginOf(declaration.condition), 'static assertion expression is not an integral constant expression')
  else if (known === 0n) {
    const text = declaration.message ? stringText(c, declaration.message) : ''
    c.error('T0307', beginOf(declaration.condition), `static assertion failed${text ? `: ${text}` : ''}`)
  }
}

/** A declaration in a block, or at file scope; gives the `var` statements of the objects it makes. */
export function checkSimpleDeclaration(c: Context, declaration: ast.SimpleDeclaration): Stmt[] {
  const { specifiers } = declaration
  const base = resolveSpecifiers(c, specifiers, declaration.declarators.length === 0)
  if (declaration.declarators.length === 0) {
    const written = specifiers.type
    const named = (written?.kind === 'record' && written.name !== undefined) || written?.kind === 'enum'
    if (!named) c.warn('T0111', declaration, 'declaration does not declare anything', 'missing-declarations')
    return []
  }
  const statements: Stmt[] = []
  for (const item of declaration.declarators) {
    const { declarator } = item
    const fixed = !c.fn || specifiers.storage === 'static' || specifiers.storage === 'extern'
    const resolved = applyDeclarator(c, base.type, declarator, base.attributes, { fixed })
    let { type } = resolved
    const { attributes } = resolved
    if (attributes.mode && !base.attributes.mode) type = applyMode(c, declarator, type, attributes.mode)
    const { name } = declarator
    if (name === undefined) continue
    const what: Declared = {
      name,
      type,
      attributes,
      declarator,
      specifiers,
      asmLabel: declarator.asmLabel && stringText(c, declarator.asmLabel),
    }
    if (specifiers.storage === 'typedef') {
      declareTypedef(c, what)
      if (item.init) c.error('T0402', declarator, 'illegal initializer (only variables can be initialized)')
    } else if (!base.auto && isFunction(type)) {
      declareFunction(c, what, undefined)
      if (item.init) c.error('T0402', declarator, 'illegal initializer (only variables can be initialized)')
    } else {
      const decl = declareVariable(c, what, item.init, base.auto)
      if (decl && decl.storage === 'automatic') statements.push({ kind: 'var', decl, ...at(declarator) })
    }
  }
  return statements
}

interface Declared {
  readonly name: Atom
  readonly type: CType
  readonly attributes: AttributeSet
  readonly declarator: ast.Declarator
  readonly specifiers: ast.Specifiers
  readonly asmLabel: string | undefined
}

const previously = (c: Context, token: number) => ({ notes: [c.reporter.note('previous declaration is here', token)] })

function tokenOf(symbol: NamedSymbol): number {
  return symbol.token
}

/** What the scope at hand has under the name already; at file scope the headers are asked first. */
function ownSymbol(c: Context, name: Atom): NamedSymbol | undefined {
  if (c.scope === c.fileScope) c.askOrdinary(name)
  return c.scope.ordinary.get(name)
}

function differentKind(c: Context, what: Declared, known: NamedSymbol): void {
  c.error('T0002', what.declarator, `redefinition of '${c.text(what.name)}' as different kind of symbol`, {
    notes: [c.reporter.note('previous definition is here', tokenOf(known))],
  })
}

function declareTypedef(c: Context, what: Declared): void {
  const { name, type, attributes, declarator } = what
  const known = ownSymbol(c, name)
  if (known) {
    if (known.kind !== 'typedef') differentKind(c, what, known)
    else if (!isError(type) && !isError(known.type) && !compatible(known.type.to, type))
      c.error(
        'T0003',
        declarator,
        `typedef redefinition with different types (${c.quote(type)} vs ${c.quote(known.type.to)})`,
        previously(c, known.token),
      )
    return
  }
  c.scope.ordinary.set(name, {
    kind: 'typedef',
    type: {
      kind: 'typedef',
      name,
      to: type,
      declTags: attributes.declTags,
      ...(attributes.align ? { align: attributes.align } : {}),
      ...(attributes.mayAlias ? { mayAlias: true } : {}),
    },
    token: declarator.token,
  })
}

// --- functions ---

function newFunction(c: Context, name: string, type: FunctionType, token: number): FunctionDecl {
  const decl: FunctionDecl = {
    kind: 'function',
    name,
    type,
    linkage: 'external',
    section: undefined,
    inline: false,
    alwaysInline: false,
    inlineOnly: false,
    noInline: false,
    naked: false,
    noReturn: false,
    weak: false,
    hidden: false,
    used: false,
    optnone: false,
    asmLabel: undefined,
    declTags: [],
    params: [],
    body: undefined,
    labels: new Map(),
    token,
    endToken: token,
  }
  c.order.set(decl, c.order.size)
  return decl
}

function addFunctionAttributes(decl: FunctionDecl, set: AttributeSet, specifiers: ast.Specifiers): void {
  decl.section = set.section ?? decl.section
  decl.inline ||= specifiers.inline
  decl.alwaysInline ||= set.alwaysInline
  decl.noInline ||= set.noInline
  decl.naked ||= set.naked
  decl.noReturn ||= set.noReturn
  decl.weak ||= set.weak
  decl.hidden ||= set.hidden
  decl.used ||= set.used
  decl.optnone ||= set.optnone
  if (set.unused) decl.unused = true
  if (set.format) decl.format = set.format
  const fresh = set.declTags.filter(tag => !decl.declTags.includes(tag))
  if (fresh.length) decl.declTags = [...decl.declTags, ...fresh]
}

/**
 * Whether a declaration leaves the symbol to another unit. C11 6.7.4p7: every one of the file says `inline`, and none `extern`; with
 * `gnu_inline` it is the definition that says both.
 */
function isInlineOnly(decl: FunctionDecl, what: Declared, first: boolean, definition: boolean): boolean {
  const { inline, storage } = what.specifiers
  if (what.attributes.gnuInline && definition) return inline && storage === 'extern'
  return inline && storage !== 'extern' && (first || decl.inlineOnly)
}

/** Declares a function, or adds to what is declared; undefined after a diagnostic. */
function declareFunction(c: Context, what: Declared, definition: ast.FunctionDefinition | undefined): FunctionSymbol | undefined {
  const { name, declarator, specifiers, attributes } = what
  const type = canonical(what.type) as FunctionType
  const text = c.text(name)
  const own = ownSymbol(c, name)
  if (own && own.kind !== 'function') {
    differentKind(c, what, own)
    return undefined
  }
  const isStatic = specifiers.storage === 'static'
  if (isStatic && c.scope !== c.fileScope)
    c.error('T0112', declarator, "function declared in block scope cannot have 'static' storage class")
  if (specifiers.storage === 'auto' || specifiers.storage === 'register')
    c.error('T0112', declarator, `illegal storage class on function`)
  if (c.scope !== c.fileScope) c.askOrdinary(name)
  const known = own ?? c.linked.get(name)
  let symbol: FunctionSymbol
  if (known?.kind === 'function') {
    symbol = known
    const { decl } = symbol
    if (!compatible(decl.type, type)) {
      c.error('T0003', declarator, `conflicting types for '${text}'`, {
        notes: [c.reporter.note(`previous declaration is here with type ${c.quote(decl.type)}`, symbol.token)],
      })
      if (!definition) return undefined
      decl.type = type
    } else decl.type = compositeFunction(decl.type, type)
    if (isStatic && decl.linkage === 'external' && !symbol.implicit)
      c.error('T0007', declarator, `static declaration of '${text}' follows non-static declaration`, previously(c, symbol.token))
    if (isStatic) decl.linkage = 'internal'
    if (definition && c.defined.has(decl)) {
      c.error('T0002', declarator, `redefinition of '${text}'`, {
        notes: [c.reporter.note('previous definition is here', symbol.token)],
      })
      return undefined
    }
  } else {
    const decl = newFunction(c, text, type, declarator.token)
    if (isStatic) decl.linkage = 'internal'
    symbol = { kind: 'function', decl, token: declarator.token, referenced: false, implicit: false }
    c.linked.set(name, symbol)
  }
  c.scope.ordinary.set(name, symbol)
  if (c.scope === c.fileScope)
    symbol.decl.inlineOnly = isInlineOnly(symbol.decl, what, known === undefined, definition !== undefined)
  symbol.implicit = false
  addFunctionAttributes(symbol.decl, attributes, specifiers)
  if (definition) symbol.decl.section ??= specifiers.sections.text
  if (what.asmLabel !== undefined) symbol.decl.asmLabel = what.asmLabel
  if (definition) symbol.token = declarator.token
  return symbol
}

/** `int f()`, made up where an undeclared function is called; a library function gets its own type. */
export function declareImplicitFunction(
  c: Context,
  name: Atom,
  place: Place,
  library: { readonly type: FunctionType } | undefined,
): FunctionDecl {
  const type: FunctionType = library?.type ?? {
    kind: 'function',
    result: intType,
    params: [],
    variadic: false,
    prototyped: false,
  }
  const decl = newFunction(c, c.text(name), type, place.token)
  const symbol: FunctionSymbol = { kind: 'function', decl, token: place.token, referenced: true, implicit: true }
  c.fileScope.ordinary.set(name, symbol)
  c.linked.set(name, symbol)
  if (c.unevaluated === 0) c.listFunction(decl)
  return decl
}

function checkFunctionDefinition(c: Context, definition: ast.FunctionDefinition, lazy: boolean): void {
  const { specifiers, declarator } = definition
  const base = resolveSpecifiers(c, specifiers)
  const { type, attributes } = applyDeclarator(c, base.type, declarator, base.attributes)
  const { name } = declarator
  if (name === undefined) return
  if (isError(type)) {
    // The body may still be looked at, but its result type is unknown: say nothing more.
    declareFailed(c, name, declarator)
    return
  }
  if (!isFunction(type) || declarator.chunks[0]?.kind !== 'function') {
    c.error(
      'T0105',
      declarator,
      isFunction(type) ? `function definition declared with a typedef` : `expected ';' after top level declarator`,
    )
    return
  }
  const what: Declared = {
    name,
    type,
    attributes,
    declarator,
    specifiers,
    asmLabel: declarator.asmLabel && stringText(c, declarator.asmLabel),
  }
  const symbol = declareFunction(c, what, definition)
  if (!symbol) return
  c.defined.add(symbol.decl)
  symbol.decl.type = { ...symbol.decl.type, params: (canonical(type) as FunctionType).params }
  const check = (): void => checkFunctionBody(c, definition, symbol.decl, name)
  if (lazy) c.pending.push(() => c.atFileScope(check))
  else check()
}

/** Keeps calls of a function whose declaration was wrong from being complained about. */
function declareFailed(c: Context, name: Atom, place: Place): void {
  if (c.scope.ordinary.has(name)) return
  const decl = c.newVariable(c.text(name), { kind: 'error' }, place.token, { storage: 'static', linkage: 'internal' })
  c.scope.ordinary.set(name, { kind: 'variable', decl, token: place.token, referenced: true, read: true })
}

// --- objects ---

/** A parameter's name in a prototype, so that later parameters can refer to it. */
export function declareParameterName(c: Context, name: Atom, type: CType, place: Place): void {
  if (c.scope.ordinary.has(name)) {
    c.error('T0002', place, `redefinition of parameter '${c.text(name)}'`)
    return
  }
  const decl = c.newVariable(c.text(name), type, place.token, { storage: 'automatic', isParam: true })
  c.scope.ordinary.set(name, { kind: 'variable', decl, token: place.token, referenced: true, read: true })
}

function declareVariable(c: Context, what: Declared, init: ast.Initializer | undefined, auto: boolean): VarDecl | undefined {
  const { specifiers, declarator } = what
  if (specifiers.threadLocal) {
    c.error('B0009', declarator, 'thread-local storage does not exist in eBPF', {
      hint: 'use a map of type BPF_MAP_TYPE_PERCPU_ARRAY or BPF_MAP_TYPE_TASK_STORAGE',
    })
  }
  const isFile = c.scope === c.fileScope
  if (isFile && (specifiers.storage === 'auto' || specifiers.storage === 'register'))
    c.error('T0112', declarator, `illegal storage class on file-scoped variable`)
  if (specifiers.inline) c.error('T0112', declarator, "'inline' can only appear on functions")
  const linked = isFile || specifiers.storage === 'extern'
  const symbol = linked ? declareLinked(c, what, init !== undefined, isFile) : declareLocal(c, what)
  if (!symbol) {
    if (init) checkInitializer(c, { kind: 'error' }, init, false)
    return undefined
  }
  const { decl } = symbol
  if (init) initialize(c, what, decl, init, auto)
  else if (auto) {
    c.error('T0103', declarator, `declaration of variable '${decl.name}' with deduced type '__auto_type' requires an initializer`)
    decl.type = { kind: 'error' }
  }
  checkObjectType(c, what, decl, init !== undefined)
  if (c.unevaluated === 0 && decl.storage === 'static' && !decl.isExtern) c.listVariable(decl)
  return decl
}

function addVariableAttributes(c: Context, decl: VarDecl, what: Declared): void {
  const set = what.attributes
  decl.section = set.section ?? decl.section
  if (what.specifiers.storage !== 'extern') decl.sections = what.specifiers.sections
  decl.weak ||= set.weak
  decl.hidden ||= set.hidden
  decl.used ||= set.used
  decl.unused ||= set.unused
  decl.align = Math.max(decl.align, set.align)
  if (what.asmLabel !== undefined) decl.asmLabel = what.asmLabel
  const fresh = set.declTags.filter(tag => !decl.declTags.includes(tag))
  if (fresh.length) (decl as { declTags: readonly string[] }).declTags = [...decl.declTags, ...fresh]
  if (set.cleanup) decl.cleanup = cleanupFunction(c, decl, set.cleanup)
}

function cleanupFunction(c: Context, decl: VarDecl, cleanup: NonNullable<AttributeSet['cleanup']>): FunctionDecl | undefined {
  const symbol = c.lookup(cleanup.name)
  if (symbol?.kind !== 'function') {
    const text = c.text(cleanup.name)
    c.error(
      'T0109',
      cleanup.place,
      symbol ? `'cleanup' argument '${text}' is not a function` : `use of undeclared identifier '${text}'`,
    )
    return undefined
  }
  symbol.referenced = true
  if (c.unevaluated === 0) {
    c.listFunction(symbol.decl)
    c.noteCall(symbol.decl, cleanup.place)
  }
  decl.addressTaken = true
  if (symbol.decl.type.prototyped && symbol.decl.type.params.length !== 1)
    c.error('T0109', cleanup.place, `'cleanup' function '${symbol.decl.name}' must take 1 parameter`)
  return symbol.decl
}

/** An object with linkage: at file scope, or `extern` in a block. */
function declareLinked(c: Context, what: Declared, hasInit: boolean, isFile: boolean): VariableSymbol | undefined {
  const { name, type, declarator, specifiers } = what
  const own = ownSymbol(c, name)
  if (own && own.kind !== 'variable') {
    differentKind(c, what, own)
    return undefined
  }
  if (!isFile) c.askOrdinary(name)
  if (own && own.kind === 'variable' && own.decl.linkage === 'none') {
    c.error(
      'T0007',
      declarator,
      `extern declaration of '${c.text(name)}' follows non-extern declaration`,
      previously(c, own.token),
    )
    return undefined
  }
  const known = own ?? c.linked.get(name)
  const isExtern = specifiers.storage === 'extern' && !hasInit
  if (specifiers.storage === 'extern' && hasInit) {
    if (isFile) c.warn('T0112', declarator, "'extern' variable has an initializer", 'extern-initializer')
    else c.error('T0112', declarator, 'declaration of block scope identifier with linkage cannot have an initializer')
  }
  const isStatic = specifiers.storage === 'static'
  if (known?.kind === 'variable') {
    mergeVariable(c, what, known, isExtern, isStatic)
    c.scope.ordinary.set(name, known)
    return known
  }
  const decl = c.newVariable(c.text(name), type, declarator.token, {
    storage: 'static',
    linkage: isStatic ? 'internal' : 'external',
    isExtern,
  })
  const symbol: VariableSymbol = { kind: 'variable', decl, token: declarator.token, referenced: false, read: false }
  c.scope.ordinary.set(name, symbol)
  c.linked.set(name, symbol)
  addVariableAttributes(c, decl, what)
  return symbol
}

function mergeVariable(c: Context, what: Declared, known: VariableSymbol, isExtern: boolean, isStatic: boolean): void {
  const { type, declarator, specifiers } = what
  const { decl } = known
  const text = c.text(what.name)
  if (!isError(type) && !isError(decl.type)) {
    if (!compatible(decl.type, type))
      c.error(
        'T0003',
        declarator,
        `${isExtern ? 'redeclaration' : 'redefinition'} of '${text}' with a different type: ${c.quote(type)} vs ${c.quote(decl.type)}`,
        {
          notes: [c.reporter.note('previous definition is here', known.token)],
        },
      )
    else decl.type = composite(decl.type, type)
  }
  if (isStatic && decl.linkage === 'external')
    c.error('T0007', declarator, `static declaration of '${text}' follows non-static declaration`, previously(c, known.token))
  else if (!isStatic && specifiers.storage !== 'extern' && decl.linkage === 'internal')
    c.error('T0007', declarator, `non-static declaration of '${text}' follows static declaration`, previously(c, known.token))
  if (!isExtern) decl.isExtern = false
  addVariableAttributes(c, decl, what)
}

function declareLocal(c: Context, what: Declared): VariableSymbol | undefined {
  const { name, type, declarator, specifiers, attributes } = what
  const own = c.scope.ordinary.get(name)
  if (own) {
    const changed = own.kind === 'variable' && !isError(type) && !compatible(own.decl.type, type)
    const detail =
      own.kind !== 'variable'
        ? ' as different kind of symbol'
        : changed
          ? ` with a different type: ${c.quote(type)} vs ${c.quote(own.decl.type)}`
          : ''
    c.error('T0002', declarator, `redefinition of '${c.text(name)}'${detail}`, {
      notes: [c.reporter.note('previous definition is here', tokenOf(own))],
    })
    return undefined
  }
  const isStatic = specifiers.storage === 'static'
  const decl = c.newVariable(c.text(name), type, declarator.token, { storage: isStatic ? 'static' : 'automatic' })
  const symbol: VariableSymbol = { kind: 'variable', decl, token: declarator.token, referenced: false, read: false }
  c.scope.ordinary.set(name, symbol)
  addVariableAttributes(c, decl, what)
  if (!isStatic && attributes.section !== undefined)
    c.error('T0109', declarator, `'section' attribute only applies to functions and variables with static storage`)
  c.fn?.locals.push(symbol)
  return symbol
}

function initialize(c: Context, what: Declared, decl: VarDecl, init: ast.Initializer, auto: boolean): void {
  if (decl.init && c.scope === c.fileScope) {
    c.error('T0002', what.declarator, `redefinition of '${decl.name}'`, {
      notes: [c.reporter.note('previous definition is here', decl.token)],
    })
    return
  }
  if (auto) {
    if (init.kind === 'init_list') {
      c.error('T0402', init, `cannot use '__auto_type' with initializer list`)
      decl.type = { kind: 'error' }
      return
    }
    const value = checkValue(c, init)
    decl.type = unqualified(value.type)
    if (what.specifiers.qualifiers && !isError(decl.type))
      decl.type = { kind: 'qualified', of: decl.type, qualifiers: what.specifiers.qualifiers }
    if (!isError(value.type))
      decl.init = { type: decl.type, whole: true, items: [{ offset: 0, bitField: undefined, type: decl.type, value }] }
    return
  }
  c.complete(decl.type)
  const checked = checkInitializer(c, decl.type, init, decl.storage === 'static', what.declarator)
  if (!checked) return
  decl.type = checked.type
  decl.init = checked.value
}

/** Objects must have a complete object type; arrays without a size may get it later at file scope. */
function checkObjectType(c: Context, what: Declared, decl: VarDecl, hasInit: boolean): void {
  const { type } = decl
  if (isError(type)) return
  const { declarator } = what
  if (isVoid(type) && !decl.isExtern) {
    c.error('T0111', declarator, `variable has incomplete type 'void'`)
    decl.type = { kind: 'error' }
    return
  }
  if (decl.isExtern) return
  const open = isArray(type) && (canonical(type) as ArrayType).count === undefined
  if (c.scope === c.fileScope && !hasInit && !decl.init && (open || isRecord(type))) {
    if (open || !c.complete(type)) c.tentative.push({ decl, place: declarator })
    return
  }
  if (open) {
    c.error('T0101', declarator, `definition of variable with array type needs an explicit size or an initializer`)
    decl.type = { kind: 'error' }
  } else if (!c.complete(type)) {
    c.error('T0101', declarator, `variable has incomplete type ${c.quote(type)}`)
    decl.type = { kind: 'error' }
  }
}

/** At the end of the unit: tentative definitions get the types they have by then (C11 6.9.2). */
export function finishTentative(c: Context): void {
  for (const { decl, place } of c.tentative) {
    if (decl.init || decl.isExtern || isError(decl.type)) continue
    const plain = canonical(decl.type)
    if (plain.kind === 'array' && plain.count === undefined) {
      c.warn('T0101', place, `tentative array definition assumed to have one element`, 'tentative-definition-array')
      decl.type = { kind: 'array', element: plain.element, count: 1 }
    } else if (!c.complete(decl.type)) {
      c.error('T0101', place, `tentative definition has type ${c.quote(decl.type)} that is never completed`)
      decl.type = { kind: 'error' }
    }
  }
}
