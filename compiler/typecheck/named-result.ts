/**
 * Named results: the local record that every `return` in its scope gives back may live where the caller wants the result, so that it is
 * neither copied nor on the frame twice. clang does so too, and a `bpf_dynptr` inside such a record depends on it: it cannot be copied.
 */
import { Qualifier } from '../parser/ast.js'
import type { Context } from './context.js'
import type { Expr, VarDecl } from './typed-ast.js'
import { alignOf } from './type-facts.js'
import { canonical, qualifiersOf } from './types.js'

/** Notes one `return` of a function whose result is a record: what it names is a candidate, all else that is in scope is none. */
export function noteNamedResult(c: Context, value: Expr): void {
  const named = value.kind === 'load' && value.object.kind === 'var' ? value.object.decl : undefined
  let cleanup = false
  for (let scope = c.scope; scope.parent; scope = scope.parent)
    for (const symbol of scope.ordinary.values()) {
      if (symbol.kind !== 'variable') continue
      // Cleanups run after the result is complete: they must not find it in a variable of the function.
      if (symbol.decl.cleanup) cleanup = true
      if (symbol.decl !== named) symbol.decl.namedResult = false
    }
  if (named) named.namedResult = named.namedResult !== false && !cleanup && fits(c, named)
}

function fits(c: Context, decl: VarDecl): boolean {
  const result = c.fn!.decl.type.result
  return (
    decl.storage === 'automatic' &&
    !decl.isParam &&
    canonical(decl.type) === canonical(result) &&
    (qualifiersOf(decl.type) & Qualifier.volatile) === 0 &&
    decl.align <= alignOf(result)
  )
}
