/** Function definitions: parameters as objects, the body, labels, and the checks that need the whole body. */
import type * as ast from '../parser/ast.js'
import type { Atom } from '../preprocessor/tokens.js'
import { type Context, FunctionState } from './context.js'
import { checkFlow } from './flow.js'
import { at } from './nodes.js'
import { checkBlockItems } from './statements.js'
import { isRecord, isVoid } from './type-facts.js'
import type { FunctionDecl } from './typed-ast.js'
import { checkUninitialized } from './uninitialized.js'
import { warnUnusedLocals } from './unused.js'

export function checkFunctionBody(c: Context, definition: ast.FunctionDefinition, decl: FunctionDecl, name: Atom): void {
  c.listFunction(decl)
  const outer = c.fn
  const state = new FunctionState(decl, name)
  c.fn = state
  const { errors } = c.reporter.sink
  decl.endToken = definition.body.last
  checkSignature(c, definition, decl)
  c.inScope('block', () => {
    declareParameters(c, definition, decl, state)
    const body = checkBlockItems(c, definition.body.body)
    decl.body = { kind: 'compound', body, ...at(definition.body) }
  })
  if (state.floats.length > 0) finishFloats(c, state)
  finishLabels(c, state)
  checkFlow(c, decl)
  // As clang: what comes of analysing a body is only said where the body is right.
  if (c.reporter.sink.errors === errors) checkUninitialized(c, decl)
  warnUnusedLocals(c, state)
  c.fn = outer
}

/** Headers define such functions for others (glibc's `atof`): they only matter where the unit uses them. */
function finishFloats(c: Context, { decl, name, floats }: FunctionState): void {
  if (decl.linkage === 'internal' || decl.inlineOnly) c.withFloats.push({ name, decl, complaints: floats })
  else for (const complain of floats) complain()
}

function checkSignature(c: Context, definition: ast.FunctionDefinition, decl: FunctionDecl): void {
  const { type } = decl
  // As clang: a function of this unit whose variable arguments nobody reads works without them.
  if (type.variadic && decl.linkage !== 'internal')
    c.error('B0007', definition.declarator, `'${decl.name}' takes variable arguments: eBPF has no way to pass them`, {
      hint: 'pass an array and its length, or make it a macro',
    })
  if (!isVoid(type.result) && !c.complete(type.result))
    c.error('T0101', definition.declarator, `incomplete result type ${c.quote(type.result)} in function definition`)
  if (isRecord(type.result)) c.complete(type.result)
}

function declareParameters(c: Context, definition: ast.FunctionDefinition, decl: FunctionDecl, state: FunctionState): void {
  const chunk = definition.declarator.chunks[0]
  if (!chunk) return
  decl.params = []
  for (const param of c.resolvedParams.get(chunk) ?? []) {
    const { name, type, attributes, place } = param
    if (name === undefined)
      c.warn('T0105', place, 'omitting the parameter name in a function definition is a C23 extension', 'c23-extensions')
    if (!isVoid(type) && !c.complete(type)) c.error('T0101', place, `variable has incomplete type ${c.quote(type)}`)
    const variable = c.newVariable(name === undefined ? '' : c.text(name), type, place.token, {
      storage: 'automatic',
      isParam: true,
      declTags: attributes.declTags,
      unused: attributes.unused,
      used: attributes.used,
      align: attributes.align,
    })
    decl.params.push(variable)
    if (name === undefined || c.scope.ordinary.has(name)) continue
    const symbol = { kind: 'variable' as const, decl: variable, token: place.token, referenced: false, read: false }
    c.scope.ordinary.set(name, symbol)
    state.locals.push(symbol)
  }
}

function finishLabels(c: Context, state: FunctionState): void {
  for (const [name, label] of state.labelScopes[0]!) {
    if (!label.defined) c.error('T0005', label.place, `use of undeclared label '${c.text(name)}'`)
    else if (!label.used) c.warn('T0005', label.place, `unused label '${c.text(name)}'`, 'unused-label')
  }
}
