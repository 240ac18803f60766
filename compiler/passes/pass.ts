/** What a pass is. One file each; pass-list.ts says which run, and in what order. */
import type { DiagnosticSink } from '../../base/diagnostics.js'
import type { Func, Module } from '../ir/ir.js'
import type { CompileOptions } from '../options.js'

/** Works on one function at a time; never looks into another's body. */
export interface FunctionPass {
  readonly kind: 'function'
  /** As `--disable-pass` takes it. */
  readonly name: string
  /** Changes the function in place; returns whether it did. */
  run(func: Func, module: Module, options: CompileOptions, sink: DiagnosticSink): boolean
}

/** Works on the whole module. */
export interface ModulePass {
  readonly kind: 'module'
  readonly name: string
  run(module: Module, options: CompileOptions, sink: DiagnosticSink): boolean
}

export type Pass = FunctionPass | ModulePass
