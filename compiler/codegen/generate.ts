/** Module to object: every function compiled, then sections, symbols, relocations and debug information around the code. */
import type { DiagnosticSink } from '../../base/diagnostics.js'
import { NotImplemented } from '../../base/outcome.js'
import type { SourceSet } from '../../base/source.js'
import type { Func, Global, Module } from '../ir/ir.js'
import { careOf } from '../care.js'
import type { CompileOptions } from '../options.js'
import type { Atom } from '../preprocessor/tokens.js'
import type { CType } from '../typecheck/types.js'
import { printAssembly } from './assembly.js'
import { type DebugInfo, emitDebugInfo } from './btf-emit.js'
import { btfText } from './btf-text.js'
import { noteKeptParams } from '../ir/object-lives.js'
import { compileFunction } from './compile-function.js'
import type { FunctionCode } from './linear.js'
import { ObjectImage } from './object-image.js'
import { checkStackChains, type StackUse, stackUse } from './stack-chains.js'

export interface GenerateContext {
  readonly options: CompileOptions
  readonly sources: SourceSet
  readonly sink: DiagnosticSink
  readonly text: (atom: Atom) => string
  /** Makes a record or enum complete whose definition nobody needed so far (`TypedUnit.complete`). */
  readonly complete?: (type: CType) => boolean
}

export interface Generated {
  /** The ELF file; empty when there were errors. */
  readonly object: Uint8Array
  /** Machine code by function, in the module's order. */
  readonly functions: readonly FunctionCode[]
  /** Stack by function, callees before callers. */
  stack(): StackUse[]
  /** The module as an assembly file that `bpfc build FILE.s` takes, with the C lines as comments. */
  assembly(): string
  /** The types of .BTF, one a paragraph, as bpftool writes them. */
  btfText(): string
}

export function generate(module: Module, context: GenerateContext): Generated {
  const { options, sink } = context
  if (module.fileAsm.length > 0) throw new NotImplemented('assembly at file scope')
  const codes: FunctionCode[] = []
  // Their bodies are given up one after the other.
  calledFunctions(module).forEach(noteKeptParams)
  module.funcs.forEach((func, serial) => {
    if (func.isDeclaration) return
    const code = compileFunction(func, { target: options.target, sink, care: careOf(options, func) }, serial)
    if (code) codes.push(code)
    func.dropBody()
  })
  if (!sink.hasErrors) checkStackChains(codes, sink)
  const assembly = () => printAssembly(module, codes, context)
  const stack = () => stackUse(codes)
  if (sink.hasErrors) return { object: new Uint8Array(0), functions: codes, stack, assembly, btfText: () => '' }
  const { object, debug } = build(module, codes, context)
  return { object, functions: codes, stack, assembly, btfText: () => (debug ? btfText(debug.builder) : '') }
}

function calledFunctions(module: Module): Set<Func> {
  const called = new Set<Func>()
  for (const { blocks } of module.funcs)
    for (const { insts } of blocks) for (const { op, func } of insts) if (op === 'call') called.add(func!)
  return called
}

function build(
  module: Module,
  codes: readonly FunctionCode[],
  context: GenerateContext,
): { object: Uint8Array; debug: DebugInfo | undefined } {
  const { options, sources } = context
  const image = new ObjectImage(options.target.little, sources.files[0]?.path.replace(/^.*\//, '') ?? '')
  const known = new Map<string, Func | Global>([...module.globals, ...module.funcs].map(each => [each.name, each]))
  const defined = module.globals.filter(global => !global.isExtern)
  for (const code of codes) image.reserveCode(code)
  for (const global of defined) image.data(global)
  for (const code of codes) image.relocateCode(code, known)
  for (const global of defined) image.relocateData(global)
  if (!options.debug) return { object: image.finish(), debug: undefined }
  const debug = emitDebugInfo(module, codes, {
    ...context,
    place: of => image.place(of),
    sectionName: index => image.nameOf(index),
  })
  image.section('.BTF', 0, undefined, 4).out.append(debug.btf)
  image.section('.BTF.ext', 0, undefined, 4).out.append(debug.ext)
  for (const [section, fields] of [
    ['.BTF', debug.btfFields],
    ['.BTF.ext', debug.extFields],
  ] as const)
    for (const { at, target } of fields)
      if (typeof target === 'string') image.relocateOffset(section, at, target)
      else image.relocateExtern(section, at, target)
  return { object: image.finish(), debug }
}
