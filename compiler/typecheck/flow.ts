/**
 * Where control can go in a function body: does it fall off the end of a function with a result (`-Wreturn-type`), and is there a
 * loop that nothing ever leaves (which no kernel loads)? Conditions that are constant count as such; a label that some `goto`
 * names counts as reached.
 */
import { evaluate } from './constants.js'
import type { Context } from './context.js'
import { placeOfToken } from './report.js'
import { isError, isVoid } from './type-facts.js'
import type { Expr, FunctionDecl, Label, LoopStmt, Stmt, SwitchStmt } from './typed-ast.js'

class Flow {
  /** Loops and switches that a reachable `break` leaves. */
  readonly broken = new Set<LoopStmt | SwitchStmt>()
  /** Labels that some `goto` or `asm goto` names, anywhere in the body. */
  readonly targets = new Set<Label>()
  /** Loops being walked, with whether anything in them leaves the function or jumps out. */
  readonly open: { readonly loop: LoopStmt; leaves: boolean; readonly labels: Set<Label> }[] = []
  readonly endless: LoopStmt[] = []
}

/** The truth of a condition, if it is constant. */
function constantTruth(condition: Expr | undefined): boolean | undefined {
  if (!condition) return true
  const value = evaluate(condition)
  if (!value) return undefined
  return value.kind === 'int' ? value.value !== 0n : value.base === undefined ? value.offset !== 0n : undefined
}

/** Whether an expression, once evaluated, never returns. Looks into the parts that are always evaluated. */
function neverReturns(expr: Expr, flow: Flow): boolean {
  switch (expr.kind) {
    case 'call':
      return (expr.callee.kind === 'function' && expr.callee.decl.noReturn) || expr.args.some(arg => neverReturns(arg, flow))
    case 'builtin':
      return expr.name === 'unreachable' || expr.name === 'trap'
    case 'comma':
      return neverReturns(expr.left, flow) || neverReturns(expr.right, flow)
    case 'convert':
      return neverReturns(expr.operand, flow)
    case 'load':
      return neverReturns(expr.object, flow)
    case 'assign':
      return neverReturns(expr.value, flow)
    case 'statement_expr': {
      const falls = walkAll(expr.body.body, true, flow)
      if (!falls) return true
      return expr.result !== undefined && neverReturns(expr.result, flow)
    }
    case 'conditional':
    case 'logical':
    case 'arithmetic':
    case 'compare':
    case 'not':
    case 'negate':
    case 'complement':
      visitParts(expr, flow)
      return false
    default:
      return false
  }
}

/** Statement expressions below operators may hold jumps. */
function visitParts(expr: Expr, flow: Flow): void {
  switch (expr.kind) {
    case 'conditional':
      neverReturns(expr.condition, flow)
      if (expr.then) neverReturns(expr.then, flow)
      neverReturns(expr.otherwise, flow)
      return
    case 'logical':
    case 'arithmetic':
    case 'compare':
      neverReturns(expr.left, flow)
      neverReturns(expr.right, flow)
      return
    case 'not':
    case 'negate':
    case 'complement':
      neverReturns(expr.operand, flow)
      return
    default:
      return
  }
}

function walkAll(body: readonly Stmt[], reached: boolean, flow: Flow): boolean {
  let at = reached
  for (const stmt of body) at = walk(stmt, at, flow)
  return at
}

function leave(flow: Flow): void {
  for (const entry of flow.open) entry.leaves = true
}

/** Walks a statement; gives whether control can come out at its end. */
function walk(stmt: Stmt, reached: boolean, flow: Flow): boolean {
  switch (stmt.kind) {
    case 'compound':
      return walkAll(stmt.body, reached, flow)
    case 'expr':
      return !neverReturns(stmt.expr, flow) && reached
    case 'var': {
      let ends = false
      for (const item of stmt.decl.storage === 'automatic' ? (stmt.decl.init?.items ?? []) : [])
        if (neverReturns(item.value, flow)) ends = true
      return reached && !ends
    }
    case 'if': {
      if (neverReturns(stmt.condition, flow))
        return walk(stmt.then, false, flow) || (stmt.otherwise ? walk(stmt.otherwise, false, flow) : false)
      const known = constantTruth(stmt.condition)
      const then = walk(stmt.then, reached && known !== false, flow)
      const otherwise = stmt.otherwise ? walk(stmt.otherwise, reached && known !== true, flow) : reached && known !== true
      return then || otherwise
    }
    case 'loop':
      return walkLoop(stmt, reached, flow)
    case 'switch':
      return walkSwitch(stmt, reached, flow)
    case 'case':
      return walk(stmt.body, true, flow)
    case 'label':
      for (const entry of flow.open) entry.labels.add(stmt.label)
      return walk(stmt.body, reached || flow.targets.has(stmt.label), flow)
    case 'goto':
      if (reached) leave(flow)
      return false
    case 'break':
      if (reached) flow.broken.add(stmt.target)
      // A break out of an outer loop leaves the inner ones too.
      if (reached)
        for (const entry of flow.open.slice(flow.open.findIndex(each => each.loop === stmt.target) + 1)) entry.leaves = true
      return false
    case 'continue':
      if (reached)
        for (const entry of flow.open.slice(flow.open.findIndex(each => each.loop === stmt.target) + 1)) entry.leaves = true
      return false
    case 'return':
      if (stmt.value) neverReturns(stmt.value, flow)
      if (reached) leave(flow)
      return false
    case 'asm':
      if (reached && stmt.labels.length) leave(flow)
      // Text may hold an exit or a jump of its own: it gets the benefit of the doubt.
      if (reached && /\b(exit|goto|call)\b/.test(stmt.template)) leave(flow)
      return reached
    case 'null':
      return reached
  }
}

function walkLoop(loop: LoopStmt, reached: boolean, flow: Flow): boolean {
  const before = walkAll(loop.init, reached, flow)
  const entry = { loop, leaves: false, labels: new Set<Label>() }
  flow.open.push(entry)
  if (loop.condition && neverReturns(loop.condition, flow)) entry.leaves = true
  const known = constantTruth(loop.condition)
  const enters = before && (loop.testLast || known !== false)
  const falls = walk(loop.body, enters, flow)
  if (loop.step && neverReturns(loop.step, flow)) entry.leaves = true
  flow.open.pop()
  const broken = flow.broken.has(loop)
  if (known === true && enters && !broken && !entry.leaves && falls) flow.endless.push(loop)
  if (broken) return true
  if (loop.testLast) return falls ? known !== true : known !== true && hasContinue(loop.body, loop)
  return before && known !== true
}

function hasContinue(stmt: Stmt, loop: LoopStmt): boolean {
  switch (stmt.kind) {
    case 'continue':
      return stmt.target === loop
    case 'compound':
      return stmt.body.some(each => hasContinue(each, loop))
    case 'if':
      return hasContinue(stmt.then, loop) || (stmt.otherwise !== undefined && hasContinue(stmt.otherwise, loop))
    case 'switch':
    case 'case':
    case 'label':
    case 'loop':
      return hasContinue(stmt.body, loop)
    default:
      return false
  }
}

function walkSwitch(stmt: SwitchStmt, reached: boolean, flow: Flow): boolean {
  neverReturns(stmt.value, flow)
  const falls = walk(stmt.body, false, flow)
  const hasDefault = stmt.cases.some(each => each.low === undefined)
  return falls || flow.broken.has(stmt) || (reached && !hasDefault && !stmt.coversEnum)
}

/** Labels that jumps in a body name; statement expressions among them. */
function collectTargets(decl: FunctionDecl, flow: Flow): void {
  // Every label was made because something names or defines it; those never jumped to do no harm here.
  for (const label of decl.labels.values()) flow.targets.add(label)
}

export function checkFlow(c: Context, decl: FunctionDecl): void {
  if (!decl.body || decl.naked) return
  const flow = new Flow()
  collectTargets(decl, flow)
  const falls = walk(decl.body, true, flow)
  for (const loop of flow.endless)
    c.warn(
      'B0005',
      loop,
      'this loop never ends: nothing in it leaves it, and the kernel refuses a program that may not finish',
      'bpf-endless-loop',
      {
        hint: "count the rounds with a constant limit (`for (int i = 0; i < 100; i++)`), use bpf_for() or bpf_loop(), or add a 'break'",
      },
    )
  if (falls && !isVoid(decl.type.result) && !isError(decl.type.result) && !decl.noReturn && decl.name !== 'main')
    c.warn('T0507', placeOfToken(decl.endToken), 'non-void function does not return a value in all control paths', 'return-type')
}
