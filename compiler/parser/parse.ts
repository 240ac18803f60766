/**
 * Tokens to trees. The main file's declarations are parsed at once; those of indexed headers when the type checker asks for a name.
 */
import type { DiagnosticSink } from '../../base/diagnostics.js'
import type { SourceSet, Span } from '../../base/source.js'
import type { DeclarationIndex, LazyEntry } from '../preprocessor/declaration-index.js'
import type { Names } from '../preprocessor/names.js'
import { type Atom, type TokenBuffer, type TokenIndex, TokenKind } from '../preprocessor/tokens.js'
import type { Declaration, DeclarationSource } from './ast.js'
import { CGrammar } from './grammar.js'
import { PragmaEvents } from './pragmas.js'
import type { ParseInput, SyntaxFault } from './token-parser.js'
import { TypeNames } from './type-names.js'

export interface Parsed {
  /** Of the main token stream, in order. */
  readonly declarations: readonly Declaration[]
  /** What indexed headers declare, on demand. */
  readonly source: DeclarationSource
}

let grammar: CGrammar | undefined

/** Parses a translation unit. Faults go to the sink; what could be parsed is returned. */
export function parseTranslationUnit(
  tokens: TokenBuffer,
  names: Names,
  index: DeclarationIndex,
  sink: DiagnosticSink,
  sources: SourceSet,
): Parsed {
  // Built when first needed, and once in a process: the grammar's analysis takes longer than most files.
  grammar ??= new CGrammar()
  const parser = grammar
  const pragmas = new PragmaEvents(atom => names.text(atom))
  const typeNames = new TypeNames(index, [names.intern('__builtin_va_list')])
  const input: ParseInput = {
    tokens,
    typeNames,
    pragmas,
    text: atom => names.text(atom),
    report: fault => report(fault, tokens, names, sink, sources),
  }
  const parseRange = (start: TokenIndex, end: TokenIndex): Declaration[] => {
    const order = new Int32Array(end - start)
    let count = 0
    for (let token = start; token < end; token++) {
      const kind = tokens.kind[token]
      if (kind === TokenKind.Pragma) pragmas.add(token, tokens.atom[token]!, nextToken(tokens, token + 1, end))
      else if (kind !== TokenKind.End && kind !== TokenKind.LazyRegion) order[count++] = token
    }
    return parser.parseDeclarations(input, order, count)
  }
  const declarations = parseRange(0, tokens.count)

  const trees = new Map<number, readonly Declaration[]>()
  const treesOf = (entries: readonly LazyEntry[]): Declaration[] =>
    entries.flatMap(({ declaration }) => {
      let made = trees.get(declaration)
      if (!made) {
        const { start, end, state } = index.tokens(declaration)
        pragmas.addRange(start, state)
        made = typeNames.atFileScope(() => parseRange(start, end))
        trees.set(declaration, made)
      }
      return made
    })
  const source: DeclarationSource = {
    ordinary: (name: Atom) => treesOf(index.ordinary(name)),
    tag: (name: Atom) => treesOf(index.tag(name)),
  }
  return { declarations, source }
}

/** The first token from `at` on that is no pragma. */
function nextToken(tokens: TokenBuffer, at: TokenIndex, end: TokenIndex): TokenIndex {
  let next = at
  while (next < end && tokens.kind[next] === TokenKind.Pragma) next++
  return next
}

/** clang's places: an insertion is asked for behind the previous token when that stands on an earlier line, else at the token. */
function report(fault: SyntaxFault, tokens: TokenBuffer, names: Names, sink: DiagnosticSink, sources: SourceSet): void {
  const spanOf = (token: TokenIndex): Span => {
    const start = tokens.fileLoc(token)
    const length =
      tokens.expansion[token] === 0 ? tokens.length[token]! : names.length(tokens.expansions[tokens.expansion[token]!]!.macro)
    return { start, end: start + Math.max(1, length) }
  }
  const at = Math.max(0, fault.token)
  let span = spanOf(at)
  if (fault.previous >= 0 && /^expected '[;)\]}]'/.test(fault.message)) {
    const before = spanOf(fault.previous)
    const lines = [sources.position(before.start)?.line, sources.position(span.start)?.line]
    if (lines[0] !== lines[1] || /^expected ';'/.test(fault.message)) span = { start: before.end, end: before.end + 1 }
  }
  const notes = []
  const expansion = tokens.expansion[at]!
  if (expansion !== 0)
    notes.push({
      message: `in the expansion of macro '${names.text(tokens.expansions[expansion]!.macro)}'`,
      span: { start: tokens.loc[at]!, end: tokens.loc[at]! + tokens.length[at]! },
    })
  sink.error(fault.code, span, fault.message, { notes, ...(fault.hint && { hint: fault.hint }) })
}
