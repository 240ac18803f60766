/** `-Wunused-variable`, `-Wunused-but-set-variable`, `-Wunused-parameter`: from what names were looked up for. */
import type { Context, FunctionState } from './context.js'
import { placeOfToken } from './report.js'

export function warnUnusedLocals(c: Context, state: FunctionState): void {
  for (const symbol of state.locals) {
    const { decl } = symbol
    if (decl.unused || decl.used || decl.cleanup || decl.type.kind === 'error') continue
    const place = placeOfToken(symbol.token)
    if (decl.isParam) {
      if (!symbol.referenced && !state.decl.naked) c.warn('T0601', place, `unused parameter '${decl.name}'`, 'unused-parameter')
      else if (symbol.referenced && !symbol.read)
        c.warn('T0601', place, `parameter '${decl.name}' set but not used`, 'unused-but-set-parameter')
    } else if (!symbol.referenced) c.warn('T0601', place, `unused variable '${decl.name}'`, 'unused-variable')
    else if (!symbol.read) c.warn('T0601', place, `variable '${decl.name}' set but not used`, 'unused-but-set-variable')
  }
}
