/** The way in: tokens of a translation unit to its declarations, and trees of lazily indexed declarations when they are asked for. */
import type { DiagnosticSink } from '../../base/diagnostics.js'
import type { DeclarationIndex, LazyEntry, LazyState } from '../preprocessor/declaration-index.js'
import type { Names } from '../preprocessor/names.js'
import type { Atom, TokenBuffer, TokenIndex } from '../preprocessor/tokens.js'
import type { Declaration, DeclarationSource } from './ast.js'
import { theGrammar } from './grammar.js'
import { type KeptDeclaration, type KeptTrees, plainWords, sameState, shifted } from './kept-trees.js'
import { type NameNotes, NameScopes } from './name-scopes.js'
import { PragmaState } from './pragma-state.js'
import { SyntaxReport } from './syntax-report.js'
import { TokenWindow } from './token-window.js'

export interface ParsedUnit {
  /** What stands in the files that were preprocessed as a whole, in order. */
  readonly declarations: Declaration[]
  /** Gives the declarations of indexed headers, one by one. */
  readonly source: DeclarationSource
  /** Symbols that `#pragma weak` names; indexed headers add to them when their declarations are parsed. */
  readonly weakNames: ReadonlySet<string>
}

/** Parses declarations of one translation unit, whenever they are needed. */
class UnitParser implements DeclarationSource {
  private readonly scopes: NameScopes
  private readonly report: SyntaxReport
  private readonly window: TokenWindow
  /** Symbols that pragmas declare weak. */
  readonly weakNames = new Set<string>()
  /** Trees of indexed declarations, by their position in the index. */
  private readonly lazy = new Map<number, readonly Declaration[]>()
  /** Kept declarations whose trees this unit has. */
  private readonly taken = new Set<KeptDeclaration>()

  constructor(
    private readonly buffer: TokenBuffer,
    private readonly names: Names,
    private readonly index: DeclarationIndex,
    private readonly sink: DiagnosticSink,
    private readonly kept: KeptTrees | undefined,
  ) {
    this.scopes = new NameScopes(names, index)
    this.report = new SyntaxReport(names, buffer, sink)
    this.window = new TokenWindow(buffer)
  }

  parse(start: TokenIndex, end: TokenIndex, state?: LazyState): Declaration[] {
    const { names, scopes, report, window } = this
    window.load(start, end)
    const grammar = theGrammar()
    grammar.bind({ names, scopes, report, window, pragmas: new PragmaState(window, names, report, state, this.weakNames) })
    return grammar.parseAll()
  }

  ordinary(name: Atom): readonly Declaration[] {
    return this.treesOf(this.index.ordinary(name))
  }

  tag(name: Atom): readonly Declaration[] {
    return this.treesOf(this.index.tag(name))
  }

  private treesOf(entries: readonly LazyEntry[]): readonly Declaration[] {
    if (entries.length === 0) return []
    if (entries.length === 1) return this.tree(entries[0]!.declaration)
    const seen = new Set<number>()
    return entries.flatMap(({ declaration }) => {
      if (seen.has(declaration)) return []
      seen.add(declaration)
      return this.tree(declaration)
    })
  }

  private tree(declaration: number): readonly Declaration[] {
    const known = this.lazy.get(declaration)
    if (known) return known
    const trees = this.kept ? this.keptTree(this.kept, declaration) : this.parsedTree(declaration)
    this.lazy.set(declaration, trees)
    return trees
  }

  private parsedTree(declaration: number): readonly Declaration[] {
    const { start, end, state } = this.index.tokens(declaration)
    return this.parse(start, end, state)
  }

  /** What an earlier compilation has parsed, where this one would get the same; else it is parsed, and kept for the next. */
  private keptTree(kept: KeptTrees, declaration: number): readonly Declaration[] {
    const { buffer, index, scopes, sink } = this
    const { file, run, number, state } = index.origin(declaration)
    const known = kept.get(run, number)
    if (known && sameState(known.state, state) && !index.hasMacro(declaration, known.words) && scopes.repeat(known.notes)) {
      // What a unit has twice is two declarations; what was kept meanwhile is not in front of this unit.
      if (this.taken.has(known) || known.end > buffer.first)
        return shifted(known.trees, buffer.append(kept.tokens, known.start, known.end, file.base) - known.start)
      this.taken.add(known)
      buffer.place(kept.tokens, known.start, known.end, file.base)
      return known.trees
    }
    const { reports } = sink
    const notes: NameNotes = { asked: new Map(), declared: [] }
    scopes.notes = notes
    const trees = this.parsedTree(declaration)
    scopes.notes = undefined
    const { start, end } = index.tokens(declaration)
    const words = sink.reports === reports ? plainWords(buffer, start, end) : undefined
    if (words && !index.hasMacro(declaration, words))
      kept.put(run, number, { words, state, notes: { ...notes, asked: [...notes.asked] }, trees }, buffer, start, end, file.base)
    return trees
  }
}

/**
 * Parses a preprocessed translation unit. Syntax errors go to `sink` and what they spoil is left out of the result. Throws only what
 * the sink throws. `tokens` may grow behind its End later, when `source` has declarations scanned. `kept` holds what earlier compilations
 * with the same table of names have parsed of headers; its tokens are in front of `tokens`.
 */
export function parseTranslationUnit(
  tokens: TokenBuffer,
  names: Names,
  index: DeclarationIndex,
  sink: DiagnosticSink,
  kept?: KeptTrees,
): ParsedUnit {
  const unit = new UnitParser(tokens, names, index, sink, kept?.names === names ? kept : undefined)
  return { declarations: unit.parse(tokens.first, tokens.count), source: unit, weakNames: unit.weakNames }
}
