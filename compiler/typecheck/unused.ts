/** `-Wunused-variable`, `-Wunused-but-set-variable`, `-Wunused-parameter`: from what names were looked up for. */
import { Qualifier } from '../parser/ast.js'
import type { Context, FunctionState } from './context.js'
import { placeOfToken } from './report.js'
import type { FunctionSymbol, VariableSymbol } from './scopes.js'
import { qualifiersOf } from './types.js'

export function warnUnusedLocals(c: Context, state: FunctionState): void {
  for (const symbol of state.locals) {
    const { decl } = symbol
    if (decl.unused || decl.used || decl.cleanup || decl.type.kind === 'error' || decl.name === '_') continue
    const place = placeOfToken(symbol.token)
    if (decl.isParam) {
      if (!symbol.referenced && !state.decl.naked) c.warn('T0601', place, `unused parameter '${decl.name}'`, 'unused-parameter')
      else if (symbol.referenced && !symbol.read)
        c.warn('T0601', place, `parameter '${decl.name}' set but not used`, 'unused-but-set-parameter')
    } else if (!symbol.referenced) c.warn('T0601', place, `unused variable '${decl.name}'`, 'unused-variable')
    else if (!symbol.read) c.warn('T0601', place, `variable '${decl.name}' set but not used`, 'unused-but-set-variable')
  }
}

/** `-Wunused-function` and `-Wunused-variable` at file scope: static, of the main file, and never named. */
export function warnUnusedStatics(c: Context, isMain: (token: number) => boolean): void {
  for (const symbol of c.linked.values()) {
    if (symbol.kind !== 'function' && symbol.kind !== 'variable') continue
    if (symbol.decl.linkage !== 'internal' || symbol.referenced || symbol.decl.used || !isMain(symbol.token)) continue
    if (symbol.kind === 'function') unusedFunction(c, symbol)
    else unusedObject(c, symbol)
  }
}

function unusedFunction(c: Context, symbol: FunctionSymbol): void {
  const { decl } = symbol
  if (!c.defined.has(decl) || decl.unused || decl.inline || decl.alwaysInline || decl.section !== undefined) return
  c.warn('T0601', placeOfToken(symbol.token), `unused function '${decl.name}'`, 'unused-function')
}

function unusedObject(c: Context, symbol: VariableSymbol): void {
  const { decl } = symbol
  if (decl.unused || decl.section !== undefined || decl.isExtern) return
  const constant = (qualifiersOf(decl.type) & Qualifier.const) !== 0
  c.warn(
    'T0601',
    placeOfToken(symbol.token),
    `unused variable '${decl.name}'`,
    constant ? 'unused-const-variable' : 'unused-variable',
  )
}
