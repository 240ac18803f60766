/** The type checker's entry: from the trees of a translation unit to the typed unit. */
import type { DiagnosticSink } from '../../base/diagnostics.js'
import type { Span } from '../../base/source.js'
import type { Target } from '../options.js'
import type { Declaration, DeclarationSource } from '../parser/ast.js'
import type { Names } from '../preprocessor/names.js'
import type { TokenBuffer } from '../preprocessor/tokens.js'
import { Context } from './context.js'
import { checkExternalDeclaration, finishTentative } from './declarations.js'
import { checkRecursion } from './recursion.js'
import { Reporter } from './report.js'
import type { TypedUnit } from './typed-ast.js'
import { warnUnusedStatics } from './unused.js'

export interface ParsedUnit {
  /** Declarations of the main token stream, in order. */
  readonly declarations: Iterable<Declaration>
  /** Declarations of lazily parsed headers, by name. */
  readonly source: DeclarationSource
  /** The range of the file that was named on the command line: unused static functions are only told of there. Nothing is told without it. */
  readonly mainFile?: Span
  /** Symbols that `#pragma weak` names; complete once everything is parsed. */
  readonly weakNames?: ReadonlySet<string>
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
  for (const name of parsed.weakNames ?? []) {
    const symbol = c.linked.get(names.intern(name))
    if ((symbol?.kind === 'function' || symbol?.kind === 'variable') && symbol.decl.linkage !== 'internal')
      symbol.decl.weak = true
  }
  dropUnusedFloats(c)
  checkRecursion(c)
  const { mainFile } = parsed
  if (mainFile) warnUnusedStatics(c, token => isIn(mainFile, tokens, token))
  const position = (decl: Parameters<typeof c.order.get>[0]): number => c.order.get(decl) ?? 0
  return {
    functions: c.functions.sort((a, b) => position(a) - position(b)),
    variables: c.variables.sort((a, b) => position(a) - position(b)),
    fileAsm: c.fileAsm,
    text: atom => names.text(atom),
    complete: type => c.complete(type),
  }
}

/** Floating point is only wrong in functions that somebody uses. */
function dropUnusedFloats(c: Context): void {
  for (const { name, decl, complaints } of c.withFloats) {
    const symbol = c.linked.get(name)
    if (decl.used || (symbol?.kind === 'function' && symbol.referenced)) for (const complain of complaints) complain()
    else decl.body = undefined
  }
}

/** Whether a token of the main stream was written in the file that was named; headers' own things are nobody's fault. */
function isIn(main: Span, tokens: TokenBuffer, token: number): boolean {
  const loc = tokens.fileLoc(token)
  return loc >= main.start && loc < main.end
}

/** Checks the bodies of header functions that came up meanwhile; these may bring more. */
function drain(c: Context): void {
  for (let next = c.pending.shift(); next; next = c.pending.shift()) next()
}
