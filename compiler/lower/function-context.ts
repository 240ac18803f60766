/** The state of lowering one function: where variables live, what `break` and labels mean here, which cleanups are pending. */
import { IrBuilder } from '../ir/builder.js'
import type { Block, Func, Value } from '../ir/ir.js'
import type { CaseStmt, FunctionDecl, Label, LoopStmt, SwitchStmt, TypedNode, VarDecl } from '../typecheck/typed-ast.js'
import type { CType } from '../typecheck/types.js'
import { alignmentOf, bytesOf } from './ir-types.js'
import type { ModuleContext } from './module-context.js'

/** A scope of C as far as its end does something. */
export interface CleanupScope {
  readonly node: TypedNode
  readonly cleanups: VarDecl[]
  /** Objects of it whose address something may have: nothing is left of them at its end. */
  readonly objects: Value[]
}

export interface JumpTarget {
  readonly block: Block
  /** How many cleanup scopes stay open after the jump. */
  readonly depth: number
}

export class FunctionContext {
  readonly builder: IrBuilder
  /** Addresses of automatic variables. */
  readonly locals = new Map<VarDecl, Value>()
  readonly labels = new Map<Label, Block>()
  readonly cases = new Map<CaseStmt, Block>()
  readonly breaks = new Map<LoopStmt | SwitchStmt, JumpTarget>()
  readonly continues = new Map<LoopStmt, JumpTarget>()
  readonly scopes: CleanupScope[] = []
  /** For each label the scopes around it; filled only in functions with cleanups. */
  labelScopes: Map<Label, readonly TypedNode[]> | undefined
  /** Where `return` goes; its parameter is the value. */
  readonly exit: Block
  /** Address that a record is returned through. */
  resultAddress: Value | undefined
  /** Within `__builtin_preserve_access_index`. */
  preserving = false

  constructor(
    readonly module: ModuleContext,
    readonly func: Func,
    readonly decl: FunctionDecl,
  ) {
    this.builder = new IrBuilder(func)
    this.exit = this.builder.newBlock('return')
  }

  /** What is built next belongs to this place in the source. */
  mark(node: TypedNode): void {
    this.builder.loc = this.module.locOf(node)
  }

  /** A nameless stack object. */
  temporary(type: CType, name?: string): Value {
    const object = this.builder.alloca(bytesOf(type), alignmentOf(type), name)
    this.builder.begin(object)
    return object
  }

  labelBlock(label: Label): Block {
    let block = this.labels.get(label)
    if (!block) this.labels.set(label, (block = this.builder.newBlock(label.name)))
    return block
  }

  /** Starts a block that other places jump to; falls into it from the current one. */
  startBlock(block: Block): void {
    this.builder.br(block)
    this.builder.place(block)
  }

  /** Builds something only to see what it comes to; its instructions are never reached. */
  aside<T>(build: () => T): T {
    const { builder } = this
    const mark = builder.leave()
    this.startUnreachable()
    const result = build()
    builder.resume(mark)
    return result
  }

  /** Code from here on cannot be reached until a block is placed. */
  startUnreachable(): void {
    this.builder.place(this.builder.newBlock('dead'))
  }
}
