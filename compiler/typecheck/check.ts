/** The type checker's entry: from the trees of a translation unit to the typed unit. */
import type { DiagnosticSink } from '../../base/diagnostics.js'
import type { Target } from '../options.js'
import type { Declaration, DeclarationSource } from '../parser/ast.js'
import type { Names } from '../preprocessor/names.js'
import type { TokenBuffer } from '../preprocessor/tokens.js'
import { Context } from './context.js'
import { checkExternalDeclaration, finishTentative } from './declarations.js'
import { checkRecursion } from './recursion.js'
import { Reporter } from './report.js'
import type { TypedUnit } from './typed-ast.js'

export interface ParsedUnit {
  /** Declarations of the main token stream, in order. */
  readonly declarations: Iterable<Declaration>
  /** Declarations of lazily parsed headers, by name. */
  readonly source: DeclarationSource
}

/**
 * Checks a translation unit. Complaints go to the sink; the unit is only fit for lowering where the sink has no errors. Throws `TooManyErrors`
 * (from the sink) when its limit is reached.
 */
export function checkTranslationUnit(
  parsed: ParsedUnit,
  names: Names,
  tokens: TokenBuffer,
  sink: DiagnosticSink,
  target: Target,
): TypedUnit {
  const c = new Context(parsed.source, names, tokens, new Reporter(names, tokens, sink), target, checkExternalDeclaration)
  for (const declaration of parsed.declarations) {
    if (c.take(declaration)) checkExternalDeclaration(c, declaration, false)
    drain(c)
  }
  finishTentative(c)
  drain(c)
  checkRecursion(c)
  const position = (decl: Parameters<typeof c.order.get>[0]): number => c.order.get(decl) ?? 0
  return {
    functions: c.functions.sort((a, b) => position(a) - position(b)),
    variables: c.variables.sort((a, b) => position(a) - position(b)),
    fileAsm: c.fileAsm,
    text: atom => names.text(atom),
    complete: type => c.complete(type),
  }
}

/** Checks the bodies of header functions that came up meanwhile; these may bring more. */
function drain(c: Context): void {
  for (let next = c.pending.shift(); next; next = c.pending.shift()) next()
}
