/** What lowering knows about the whole unit: which function and object each declaration became, and string literals. */
import type { DiagnosticSink } from '../../base/diagnostics.js'
import type { Loc, SourceSet } from '../../base/source.js'
import { Func, Global, Module } from '../ir/ir.js'
import type { CompileOptions, Target } from '../options.js'
import type { Names } from '../preprocessor/names.js'
import type { TokenBuffer } from '../preprocessor/tokens.js'
import type { FunctionDecl, TypedNode, TypedUnit, VarDecl } from '../typecheck/typed-ast.js'
import { functionSignature } from './functions.js'
import { declareVariable } from './globals.js'

export interface LowerContext {
  readonly tokens: TokenBuffer
  readonly names: Names
  readonly sources: SourceSet
  readonly target: Target
  readonly sink: DiagnosticSink
  readonly options: CompileOptions
}

export class ModuleContext {
  readonly module = new Module()
  private readonly funcs = new Map<FunctionDecl, Func>()
  private readonly globals = new Map<VarDecl, Global>()
  private readonly strings = new Map<string, Global>()
  private readonly symbolNames = new Map<string, number>()
  private literals = 0

  constructor(
    readonly unit: TypedUnit,
    readonly context: LowerContext,
  ) {}

  get little(): boolean {
    return this.context.target.little
  }

  locOf(node: TypedNode): Loc {
    return this.context.tokens.fileLoc(node.token)
  }

  error(code: string, node: TypedNode, message: string, hint?: string): void {
    const loc = this.locOf(node)
    this.context.sink.error(code, loc > 0 ? { start: loc, end: loc + 1 } : undefined, message, hint === undefined ? {} : { hint })
  }

  /** The function a declaration became; made, without a body, when first asked for. */
  func(decl: FunctionDecl): Func {
    let func = this.funcs.get(decl)
    if (func) return func
    const binding = decl.linkage === 'internal' || decl.inlineOnly ? 'local' : decl.weak ? 'weak' : 'global'
    const signature = functionSignature(decl.type)
    func = new Func(decl.asmLabel ?? decl.name, binding, signature.result, decl.section)
    func.params = signature.params.map((type, index) => {
      const param = func!.value('param', type)
      param.offset = index
      return param
    })
    func.hidden = decl.hidden
    func.alwaysInline = decl.alwaysInline
    func.noInline = decl.noInline
    func.naked = decl.naked
    func.noReturn = decl.noReturn
    func.optnone = decl.optnone
    func.used = decl.used
    func.decl = decl
    this.funcs.set(decl, func)
    this.module.funcs.push(func)
    return func
  }

  /** The object a declaration with static storage became. */
  global(decl: VarDecl): Global {
    let global = this.globals.get(decl)
    if (global) return global
    global = declareVariable(this, decl)
    this.globals.set(decl, global)
    this.module.globals.push(global)
    return global
  }

  /** A symbol name for a local object, distinct from the names given out before: `f.x`, `f.x.1`, … as clang counts. */
  uniqueName(name: string): string {
    const count = this.symbolNames.get(name)
    this.symbolNames.set(name, (count ?? 0) + 1)
    return count === undefined ? name : `${name}.${count}`
  }

  /** A string literal's object; equal literals share one. */
  string(bytes: Uint8Array, elementSize: number): Global {
    const key = `${elementSize}:${bytes.join()}`
    let global = this.strings.get(key)
    if (!global) {
      global = new Global(
        this.literals === 0 ? '.L.str' : `.L.str.${this.literals}`,
        'local',
        `.rodata.str${elementSize}.${elementSize}`,
        bytes.length,
        elementSize,
        true,
      )
      this.literals++
      global.bytes = bytes
      this.strings.set(key, global)
      this.module.globals.push(global)
    }
    return global
  }

  /** A constant that initialises an automatic object; private to its function. */
  constant(name: string, bytes: Uint8Array, align: number): Global {
    const global = new Global(this.uniqueName(name), 'local', '.rodata', bytes.length, align, true)
    global.bytes = bytes
    this.module.globals.push(global)
    return global
  }
}
