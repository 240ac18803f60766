/** Statements to blocks. */
import type { Block } from '../ir/ir.js'
import type { CompoundStmt, Expr, LoopStmt, Stmt, SwitchStmt, TypedNode, VarDecl } from '../typecheck/typed-ast.js'
import { canonical } from '../typecheck/types.js'
import { lowerAsm } from './asm.js'
import { lowerCondition, lowerEffect, lowerToMemory, lowerValue } from './expressions.js'
import type { FunctionContext } from './function-context.js'
import { initialiseLocal } from './initializers.js'
import { alignmentOf, bytesOf, isAggregate } from './ir-types.js'
import { temporaryPlace } from './places.js'

export function lowerStatement(fc: FunctionContext, stmt: Stmt): void {
  const { builder } = fc
  fc.mark(stmt)
  switch (stmt.kind) {
    case 'compound':
      lowerCompound(fc, stmt)
      break
    case 'var':
      declareLocal(fc, stmt.decl)
      break
    case 'expr':
      lowerEffect(fc, stmt.expr)
      break
    case 'if': {
      const then = builder.newBlock('then')
      const after = builder.newBlock('after')
      const otherwise = stmt.otherwise ? builder.newBlock('else') : after
      lowerCondition(fc, stmt.condition, then, otherwise)
      builder.place(then)
      lowerStatement(fc, stmt.then)
      builder.br(after)
      if (stmt.otherwise) {
        builder.place(otherwise)
        lowerStatement(fc, stmt.otherwise)
        builder.br(after)
      }
      builder.place(after)
      break
    }
    case 'loop':
      lowerLoop(fc, stmt)
      break
    case 'switch':
      lowerSwitch(fc, stmt)
      break
    case 'case':
      fc.startBlock(fc.cases.get(stmt)!)
      lowerStatement(fc, stmt.body)
      break
    case 'label':
      fc.startBlock(fc.labelBlock(stmt.label))
      lowerStatement(fc, stmt.body)
      break
    case 'goto': {
      const around = fc.labelScopes?.get(stmt.label)
      let depth = fc.scopes.length
      while (around && depth > 0 && !around.includes(fc.scopes[depth - 1]!.node)) depth--
      jump(fc, fc.labelBlock(stmt.label), depth)
      break
    }
    case 'break': {
      const target = fc.breaks.get(stmt.target)!
      jump(fc, target.block, target.depth)
      break
    }
    case 'continue': {
      const target = fc.continues.get(stmt.target)!
      jump(fc, target.block, target.depth)
      break
    }
    case 'return':
      lowerReturn(fc, stmt, stmt.value)
      break
    case 'asm':
      lowerAsm(fc, stmt)
      break
    case 'null':
      break
  }
}

function jump(fc: FunctionContext, to: Block, depth: number): void {
  leaveScopes(fc, depth)
  fc.builder.br(to)
  fc.startUnreachable()
}

// --- scopes ---

export function lowerCompound(fc: FunctionContext, stmt: CompoundStmt): void {
  const depth = fc.scopes.length
  fc.scopes.push({ node: stmt, cleanups: [], objects: [] })
  for (const each of stmt.body) lowerStatement(fc, each)
  closeScope(fc, depth)
}

/** Leaves all scopes above `depth` the ordinary way. */
export function closeScope(fc: FunctionContext, depth: number): void {
  if (!fc.builder.terminated) leaveScopes(fc, depth)
  fc.scopes.length = depth
}

/** What control does on its way out of the scopes above `depth`, without closing them. */
function leaveScopes(fc: FunctionContext, depth: number): void {
  runCleanups(fc, depth)
  endLives(fc, depth)
}

/** Ends the lives of the objects of the scopes above `depth`: as the beginning of lives that nobody uses. At the function's end nothing is left anyway. */
function endLives(fc: FunctionContext, depth: number): void {
  for (let i = fc.scopes.length - 1; i >= Math.max(1, depth); i--)
    for (const object of fc.scopes[i]!.objects) fc.builder.begin(object)
}

/** Emits the cleanups of the scopes above `depth`, innermost first, without closing them. */
function runCleanups(fc: FunctionContext, depth: number): void {
  for (let i = fc.scopes.length - 1; i >= depth; i--) {
    const { cleanups } = fc.scopes[i]!
    for (let j = cleanups.length - 1; j >= 0; j--) {
      const decl = cleanups[j]!
      const call = fc.builder.inst('call', 'void', [fc.locals.get(decl)!])
      call.func = fc.module.func(decl.cleanup!)
      call.type = call.func.result
    }
  }
}

function declareLocal(fc: FunctionContext, decl: VarDecl): void {
  if (decl.storage === 'static' || decl.isExtern) return
  const { builder } = fc
  const inResult = decl.namedResult ? fc.resultAddress : undefined
  const place = inResult ?? builder.alloca(bytesOf(decl.type), Math.max(decl.align, alignmentOf(decl.type)), decl.name)
  fc.locals.set(decl, place)
  if (!inResult) builder.begin(place)
  if (decl.init)
    initialiseLocal(fc, { ...temporaryPlace(place, decl.type), align: Math.max(decl.align, alignmentOf(decl.type)) }, decl.init)
  const scope = fc.scopes[fc.scopes.length - 1]!
  if (decl.cleanup) scope.cleanups.push(decl)
  if (decl.addressTaken && !inResult) scope.objects.push(place)
}

// --- control flow ---

function lowerLoop(fc: FunctionContext, stmt: LoopStmt): void {
  const { builder } = fc
  const depth = fc.scopes.length
  fc.scopes.push({ node: stmt, cleanups: [], objects: [] })
  for (const each of stmt.init) lowerStatement(fc, each)
  const body = builder.newBlock('body')
  const step = builder.newBlock('step')
  const after = builder.newBlock('after')
  const test = stmt.condition && !stmt.testLast ? builder.newBlock('test') : undefined
  const head = test ?? body
  fc.breaks.set(stmt, { block: after, depth: fc.scopes.length })
  fc.continues.set(stmt, { block: step, depth: fc.scopes.length })
  fc.startBlock(head)
  if (test) {
    lowerCondition(fc, stmt.condition!, body, after)
    builder.place(body)
  }
  lowerStatement(fc, stmt.body)
  fc.startBlock(step)
  if (stmt.step) lowerEffect(fc, stmt.step)
  fc.mark(stmt)
  if (stmt.testLast && stmt.condition) {
    const back = stmt.unroll === undefined ? head : builder.newBlock('back')
    lowerCondition(fc, stmt.condition, back, after)
    if (back !== head) {
      builder.place(back)
      backEdge(fc, head, stmt)
    }
  } else backEdge(fc, head, stmt)
  builder.place(after)
  closeScope(fc, depth)
}

function backEdge(fc: FunctionContext, head: Block, stmt: LoopStmt): void {
  const to = { block: head, args: [] }
  fc.builder.terminate({ kind: 'br', to, loc: fc.builder.loc, unroll: stmt.unroll })
}

function lowerSwitch(fc: FunctionContext, stmt: SwitchStmt): void {
  const { builder } = fc
  const value = lowerValue(fc, stmt.value)
  const after = builder.newBlock('after')
  let fallback = after
  const cases: { low: bigint; high: bigint; to: { block: Block; args: [] } }[] = []
  const bits = BigInt(bytesOf(stmt.value.type) * 8)
  for (const each of stmt.cases) {
    const block = builder.newBlock(each.low === undefined ? 'default' : 'case')
    fc.cases.set(each, block)
    if (each.low === undefined) fallback = block
    // A range from high to low holds nothing; the code behind its label may still be reached from the case before.
    else if (each.low <= (each.high ?? each.low))
      addCase(cases, BigInt.asUintN(Number(bits), each.low), BigInt.asUintN(Number(bits), each.high ?? each.low), bits, block)
  }
  fc.mark(stmt)
  builder.terminate({ kind: 'switch', value, cases, otherwise: { block: fallback, args: [] }, loc: builder.loc })
  fc.breaks.set(stmt, { block: after, depth: fc.scopes.length })
  fc.startUnreachable()
  lowerStatement(fc, stmt.body)
  fc.startBlock(after)
}

/** Ranges are unsigned in the IR; one that spans zero as a signed range is two. */
function addCase(
  cases: { low: bigint; high: bigint; to: { block: Block; args: [] } }[],
  low: bigint,
  high: bigint,
  bits: bigint,
  block: Block,
): void {
  if (low <= high) cases.push({ low, high, to: { block, args: [] } })
  else {
    cases.push({ low, high: (1n << bits) - 1n, to: { block, args: [] } })
    cases.push({ low: 0n, high, to: { block, args: [] } })
  }
}

function lowerReturn(fc: FunctionContext, node: TypedNode, value: Expr | undefined): void {
  const { builder, func } = fc
  const args = []
  if (value && isAggregate(value.type)) {
    if (isNamedResult(fc, value)) fc.mark(node)
    else if (fc.resultAddress) lowerToMemory(fc, value, temporaryPlace(fc.resultAddress, value.type))
    else lowerEffect(fc, value)
  } else if (value) {
    if (canonical(value.type).kind === 'void') lowerEffect(fc, value)
    else if (func.result !== 'void') {
      const result = lowerValue(fc, value)
      fc.mark(node)
      args.push(result.type === func.result ? result : builder.resize(result, func.result, signedResult(fc)))
    }
  } else if (func.result !== 'void') args.push(builder.undef(func.result))
  leaveScopes(fc, 0)
  fc.mark(node)
  builder.br(fc.exit, args)
  fc.startUnreachable()
}

/** Whether the value stands where the caller wants it already. */
function isNamedResult(fc: FunctionContext, value: Expr): boolean {
  return (
    value.kind === 'load' &&
    value.object.kind === 'var' &&
    value.object.decl.namedResult === true &&
    fc.locals.get(value.object.decl) === fc.resultAddress
  )
}

function signedResult(fc: FunctionContext): boolean {
  const plain = canonical(fc.decl.type.result)
  return plain.kind === 'int' ? plain.signed : plain.kind === 'enum' ? plain.underlying.signed : false
}
