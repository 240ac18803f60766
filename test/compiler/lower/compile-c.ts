/** C text to IR, for tests of lowering and of passes on real C. */
import { DiagnosticSink } from '../../../base/diagnostics.js'
import { MemoryHost } from '../../../base/host.js'
import { SourceSet } from '../../../base/source.js'
import type { Module } from '../../../compiler/ir/ir.js'
import { lower } from '../../../compiler/lower/lower.js'
import type { CompileOptions } from '../../../compiler/options.js'
import { parseTranslationUnit } from '../../../compiler/parser/parse.js'
import { preprocess } from '../../../compiler/preprocessor/preprocess.js'
import type { Atom } from '../../../compiler/preprocessor/tokens.js'
import { checkTranslationUnit } from '../../../compiler/typecheck/check.js'

export interface CompiledC {
  readonly module: Module
  readonly text: (atom: Atom) => string
  readonly sink: DiagnosticSink
}

/** Lowers; throws with the messages when there are errors. */
export function lowerC(source: string, options: CompileOptions): CompiledC {
  const sources = new SourceSet()
  const sink = new DiagnosticSink(0)
  const fail = (stage: string): void => {
    if (sink.hasErrors) throw new Error(`${stage}:\n${sink.all.map(each => `${each.code} ${each.message}`).join('\n')}`)
  }
  const { tokens, names, index } = preprocess(new MemoryHost({ 'test.c': source }), 'test.c', options, sources, sink)
  fail('preprocess')
  const parsed = parseTranslationUnit(tokens, names, index, sink)
  fail('parse')
  const unit = checkTranslationUnit(parsed, names, tokens, sink, options.target)
  fail('check')
  const module = lower(unit, { tokens, names, sources, target: options.target, sink, options })
  fail('lower')
  return { module, text: atom => names.text(atom), sink }
}
