/**
 * Source to object, readable from top to bottom: preprocess, parse, check, lower, optimise, generate. One function for the
 * command line, the plugins and the API.
 */
import { type Diagnostic, DiagnosticSink, TooManyErrors } from '../base/diagnostics.js'
import type { Host } from '../base/host.js'
import { NotImplemented } from '../base/outcome.js'
import { SourceSet } from '../base/source.js'
import { FlagPolicy } from '../base/warning-policy.js'
import { generate } from './codegen/generate.js'
import { printModule } from './ir/print.js'
import type { StackUse } from './codegen/stack-chains.js'
import { lower } from './lower/lower.js'
import type { CompileOptions } from './options.js'
import type { KeptTrees } from './parser/kept-trees.js'
import { parseTranslationUnit } from './parser/parse.js'
import { printAst } from './parser/print-ast.js'
import { runPasses } from './passes/pass-list.js'
import type { Names } from './preprocessor/names.js'
import { type Preprocessed, preprocess } from './preprocessor/preprocess.js'
import type { Dependency, HeaderCache } from './preprocessor/preprocessor.js'
import { printTokens } from './preprocessor/print-tokens.js'
import { checkTranslationUnit } from './typecheck/check.js'

/** How far to go, and what to give: an object, or the text form of a stage; `check` stops after the type checker. */
export type Emit = 'obj' | 'tokens' | 'ast' | 'ir' | 'asm' | 'btf' | 'check'

export interface CompileSettings {
  readonly emit?: Emit
  /** Errors after which compilation is abandoned; 0 for no limit. */
  readonly errorLimit?: number
  /** `-W…`, `-w`, `-pedantic`, as clang spells them. */
  readonly warnings?: readonly string[]
  /** What a process that compiles several files keeps between them. */
  readonly shared?: SharedState
  /** Told when a stage has ended, in order; whoever asks has the clock. */
  readonly stageDone?: (stage: Stage) => void
}

/** The stages, as `--time-report` names them. */
export type Stage = 'preprocess' | 'parse' | 'check' | 'lower' | 'passes' | 'generate'

/** Holds nothing of one compilation that another could see in its result. */
export interface SharedState {
  readonly names?: Names
  readonly headers?: HeaderCache
  /** Worth its while where many sources use the same headers; goes with `names`. */
  readonly trees?: KeptTrees
}

export interface CompileResult {
  /** Only with `emit: 'obj'`, and only when there were no errors. */
  readonly object: Uint8Array | undefined
  /** The text of the stage asked for. */
  readonly text: string | undefined
  /** Stack by function, callees before callers; empty without an object. */
  stack(): readonly StackUse[]
  readonly diagnostics: readonly Diagnostic[]
  readonly errors: number
  readonly warnings: number
  /** What valid input asked for that bpfc does not have; then there is no object. */
  readonly notImplemented: string | undefined
  readonly sources: SourceSet
  /** Every file read, the main one first: what a depfile lists. */
  readonly dependencies: readonly Dependency[]
}

/** Compiles one source file. Does not throw for anything in the input; a thrown `InternalError` is a bug of ours. */
export function compile(host: Host, path: string, options: CompileOptions, settings: CompileSettings = {}): CompileResult {
  const sources = new SourceSet()
  const sink = new DiagnosticSink(settings.errorLimit ?? 20, new FlagPolicy(settings.warnings), span =>
    sources.isSystem(span.start),
  )
  const made: Made = {}
  let notImplemented: string | undefined
  try {
    stages(host, path, options, settings, sources, sink, made)
  } catch (error) {
    if (error instanceof NotImplemented) notImplemented = error.message
    else if (!(error instanceof TooManyErrors)) throw error
  }
  const failed = sink.hasErrors || notImplemented !== undefined
  return {
    object: failed ? undefined : made.object,
    text: made.text,
    stack: () => (failed ? [] : (made.stack?.() ?? [])),
    diagnostics: sink.all,
    errors: sink.errors,
    warnings: sink.warnings,
    notImplemented,
    sources,
    dependencies: made.dependencies ?? [],
  }
}

const MISSING_HEADER = 'P0063'

interface Made {
  object?: Uint8Array
  text?: string
  stack?: () => readonly StackUse[]
  dependencies?: readonly Dependency[]
}

/** The stages, each result used by the next; `made` gets what was asked for. */
function stages(
  host: Host,
  path: string,
  options: CompileOptions,
  settings: CompileSettings,
  sources: SourceSet,
  sink: DiagnosticSink,
  made: Made,
): void {
  const { emit = 'obj', shared, stageDone } = settings
  const unit: Preprocessed = preprocess(host, path, options, sources, sink, {
    names: shared?.names,
    cache: shared?.headers,
    kept: shared?.trees?.names === shared?.names ? shared?.trees?.tokens : undefined,
  })
  stageDone?.('preprocess')
  const { tokens, names, index } = unit
  made.dependencies = unit.dependencies
  // A header that is missing would only bring hundreds of unknown names.
  if (sink.all.some(diagnostic => diagnostic.code === MISSING_HEADER)) return
  if (emit === 'tokens') {
    made.text = printTokens(unit, sources)
    return
  }
  const parsed = parseTranslationUnit(tokens, names, index, sink, shared?.trees)
  stageDone?.('parse')
  if (emit === 'ast') {
    made.text = printAst(parsed.declarations, names)
    return
  }
  const main = sources.files.find(file => file.path === path)
  const typed = checkTranslationUnit(
    main ? { ...parsed, mainFile: { start: main.base, end: main.end } } : parsed,
    names,
    tokens,
    sink,
    options.target,
  )
  stageDone?.('check')
  if (emit === 'check' || sink.hasErrors) return

  const module = lower(typed, { tokens, names, sources, target: options.target, sink, options })
  stageDone?.('lower')
  if (sink.hasErrors) return
  runPasses(module, options, sink)
  stageDone?.('passes')
  if (emit === 'ir') made.text = printModule(module)
  if (emit === 'ir' || sink.hasErrors) return

  const generated = generate(module, {
    options,
    sources,
    sink,
    text: atom => names.text(atom),
    complete: type => typed.complete(type),
  })
  if (emit === 'asm') made.text = generated.assembly()
  else if (emit === 'btf') made.text = generated.btfText()
  else {
    made.object = generated.object
    made.stack = generated.stack
  }
  stageDone?.('generate')
}
