/** Statements, and statement expressions. */
import type * as ast from '../parser/ast.js'
import { Punct } from '../preprocessor/names.js'
import type { Atom } from '../preprocessor/tokens.js'
import { readAttributes } from './attributes.js'
import { constantTruth, foldedConstant } from './constants.js'
import type { Context, FunctionState, LabelState } from './context.js'
import { assignConvert, checkCondition, promote } from './conversions.js'
import { checkExternalDeclaration, checkSimpleDeclaration, checkStaticAssert } from './declarations.js'
import { checkEnumSwitch } from './enum-switches.js'
import { checkExpr, checkValue, stringText } from './expressions.js'
import { noteNamedResult } from './named-result.js'
import { at, convert, errorExpr, isLvalue, isObject, markAddressTaken, rvalue } from './nodes.js'
import { beginOf, type Place } from './report.js'
import { integerOf, isArray, isError, isInteger, isPointer, isRecord, isVoid, wrap } from './type-facts.js'
import type { AsmOperand, CaseStmt, Expr, Label, LoopStmt, Stmt, SwitchStmt } from './typed-ast.js'
import { type CType, intType, voidType } from './types.js'
import { warnUnusedValue } from './unused-value.js'

/** The statements of a block, in the scope at hand. */
export function checkBlockItems(c: Context, items: readonly ast.Stmt[]): Stmt[] {
  const fn = c.fn!
  const depth = fn.labelScopes.length
  const made: Stmt[] = []
  for (const item of items) {
    if (item.kind === 'declaration_stmt') made.push(...checkDeclarationStmt(c, item.declaration))
    else if (item.kind === 'local_labels') declareLocalLabels(c, fn, item.names, item)
    else made.push(checkStmt(c, item))
  }
  closeLabelScopes(c, fn, depth)
  return made
}

function checkDeclarationStmt(c: Context, declaration: ast.Declaration): Stmt[] {
  switch (declaration.kind) {
    case 'declaration':
      return checkSimpleDeclaration(c, declaration)
    case 'static_assert':
      checkStaticAssert(c, declaration)
      return []
    case 'function':
      c.error('T0105', declaration, 'function definition is not allowed here', { hint: 'move the function to file scope' })
      return []
    default:
      checkExternalDeclaration(c, declaration, false)
      return []
  }
}

export function checkStmt(c: Context, stmt: ast.Stmt): Stmt {
  switch (stmt.kind) {
    case 'compound':
      return { kind: 'compound', body: c.inScope('block', () => checkBlockItems(c, stmt.body)), ...at(stmt) }
    case 'declaration_stmt':
      return { kind: 'compound', body: checkDeclarationStmt(c, stmt.declaration), ...at(stmt) }
    case 'expression_stmt': {
      discard(c, stmt.expr)
      const expr = effect(c, checkExpr(c, stmt.expr))
      warnUnusedValue(c, expr)
      return { kind: 'expr', expr, ...at(stmt) }
    }
    case 'null_stmt':
      readAttributes(c, stmt.attributes)
      return { kind: 'null', ...at(stmt) }
    case 'if': {
      const condition = warnAssignCondition(c, checkCondition(c, checkValue(c, stmt.condition), stmt))
      const truth = constantTruth(condition)
      const { otherwise } = stmt
      return {
        kind: 'if',
        condition,
        then: c.inBranch(truth, () => inBlock(c, stmt.then)),
        otherwise: otherwise && c.inBranch(truth === undefined ? undefined : !truth, () => inBlock(c, otherwise)),
        ...at(stmt),
      }
    }
    case 'while':
      return checkLoop(c, stmt, stmt.hints, loop => {
        loop.condition = warnAssignCondition(c, checkCondition(c, checkValue(c, stmt.condition), stmt))
        loop.body = inBlock(c, stmt.body)
      })
    case 'do':
      return checkLoop(
        c,
        stmt,
        stmt.hints,
        loop => {
          loop.body = inBlock(c, stmt.body)
          loop.condition = checkCondition(c, checkValue(c, stmt.condition))
        },
        true,
      )
    case 'for':
      return c.inScope('block', () =>
        checkLoop(c, stmt, stmt.hints, loop => {
          if (stmt.init)
            loop.init = isDeclaration(stmt.init) ? checkDeclarationStmt(c, stmt.init) : [expressionStmt(c, stmt.init)]
          if (stmt.condition) loop.condition = checkCondition(c, checkValue(c, stmt.condition))
          if (stmt.step) {
            discard(c, stmt.step)
            loop.step = effect(c, checkExpr(c, stmt.step))
            warnUnusedValue(c, loop.step)
          }
          loop.body = inBlock(c, stmt.body)
        }),
      )
    case 'switch':
      return checkSwitch(c, stmt)
    case 'case':
    case 'default':
      return checkCase(c, stmt)
    case 'label':
      return checkLabel(c, stmt)
    case 'goto':
      return { kind: 'goto', label: useLabel(c, stmt.label, stmt), ...at(stmt) }
    case 'goto_computed':
      checkValue(c, stmt.target)
      c.error('B0003', stmt, 'eBPF cannot jump to a computed address', { hint: "write a 'switch' over a number" })
      return { kind: 'null', ...at(stmt) }
    case 'break':
    case 'continue':
      return checkLeave(c, stmt)
    case 'return':
      return checkReturn(c, stmt)
    case 'asm':
      return checkAsm(c, stmt)
    case 'local_labels':
      return { kind: 'null', ...at(stmt) }
  }
}

const isDeclaration = (init: ast.Declaration | ast.Expr): init is ast.Declaration =>
  init.kind === 'declaration' ||
  init.kind === 'function' ||
  init.kind === 'static_assert' ||
  init.kind === 'file_asm' ||
  init.kind === 'empty'

function expressionStmt(c: Context, ast: ast.Expr): Stmt {
  discard(c, ast)
  const expr = effect(c, checkExpr(c, ast))
  warnUnusedValue(c, expr)
  return { kind: 'expr', expr, ...at(ast) }
}

/** Notes that nobody takes an expression's value; as in clang, what stands last in a comma expression is not among them. */
function discard(c: Context, expr: ast.Expr): void {
  c.discarded.add(expr)
  if (expr.kind === 'binary' && expr.op === ',') discard(c, expr.left)
}

/** An expression for its effects: an object of scalar type is read (it may be volatile), others are left alone. */
function effect(_c: Context, expr: Expr): Expr {
  return isObject(expr) && !isArray(expr.type) && !isRecord(expr.type) && !isVoid(expr.type) ? rvalue(expr) : expr
}

/** A statement below `if` or a loop is a block of its own. */
const inBlock = (c: Context, stmt: ast.Stmt): Stmt =>
  stmt.kind === 'compound' ? checkStmt(c, stmt) : c.inScope('block', () => checkStmt(c, stmt))

function checkLoop(c: Context, place: Place, hints: ast.LoopHints, fill: (loop: LoopStmt) => void, testLast = false): LoopStmt {
  const loop: LoopStmt = {
    kind: 'loop',
    init: [],
    condition: undefined,
    step: undefined,
    body: { kind: 'null', ...at(place) },
    testLast,
    unroll: hints.unroll,
    ...at(place),
  }
  c.fn!.loops.push(loop)
  fill(loop)
  c.fn!.loops.pop()
  return loop
}

/** `if (a = b)`: with a second pair of parentheses it is meant. */
function warnAssignCondition(c: Context, condition: Expr): Expr {
  if (condition.kind !== 'assign') return condition
  if (condition.target.kind === 'var') c.markRead(condition.target.decl)
  const before = c.tokens.atom[condition.first - 1]
  const twice = before === Punct['('] && c.tokens.atom[condition.first - 2] === Punct['(']
  if (!twice)
    c.warn('T0604', condition, 'using the result of an assignment as a condition without parentheses', 'parentheses', {
      hint: "write '==' to compare, or another pair of parentheses to say that the assignment is meant",
    })
  return condition
}

// --- switch ---

function checkSwitch(c: Context, stmt: ast.Stmt & { kind: 'switch' }): Stmt {
  const given = checkValue(c, stmt.value)
  let value = given
  if (!isError(value.type)) {
    if (isInteger(value.type)) value = promote(value)
    else {
      c.error('T0216', stmt, `statement requires expression of integer type (${c.quote(value.type)} invalid)`)
      value = errorExpr(stmt.value)
    }
  }
  const made: SwitchStmt = {
    kind: 'switch',
    value,
    body: { kind: 'null', ...at(stmt) },
    cases: [],
    coversEnum: false,
    ...at(stmt),
  }
  c.fn!.loops.push(made)
  made.body = inBlock(c, stmt.body)
  c.fn!.loops.pop()
  reportDuplicateCases(c, made)
  checkEnumSwitch(c, made, given)
  return made
}

function checkCase(c: Context, stmt: ast.Stmt & { kind: 'case' | 'default' }): Stmt {
  const owner = c.fn!.loops.findLast(each => each.kind === 'switch')
  if (!owner) {
    c.error('T0502', stmt, `'${stmt.kind}' statement not in switch statement`)
    return checkStmt(c, stmt.body)
  }
  let low: bigint | undefined
  let high: bigint | undefined
  if (stmt.kind === 'case') {
    low = caseValue(c, stmt.value, owner.value.type)
    high = stmt.to ? caseValue(c, stmt.to, owner.value.type) : low
    if (low !== undefined && high !== undefined && high < low)
      c.warn('T0503', stmt.value, 'empty case range specified', 'case-range')
  }
  const made: CaseStmt = { kind: 'case', low, high, body: { kind: 'null', ...at(stmt) }, ...at(stmt) }
  // A label whose value is wrong stays out: with both ends open it would be the default.
  if (stmt.kind === 'default' || (low !== undefined && high !== undefined)) owner.cases.push(made)
  made.body = checkStmt(c, stmt.body)
  return made
}

function caseValue(c: Context, expr: ast.Expr, type: CType): bigint | undefined {
  const value = checkValue(c, expr)
  if (isError(value.type) || isError(type)) return undefined
  const known = foldedConstant(value)
  if (known === undefined || !isInteger(value.type)) {
    c.error('T0215', expr, 'expression is not an integer constant expression')
    return undefined
  }
  const integer = integerOf(type) ?? intType
  const kept = wrap(known, integer)
  if (kept !== known && BigInt.asUintN(integer.size * 8, known) !== known && BigInt.asIntN(integer.size * 8, known) !== known)
    c.warn('T0503', expr, `overflow converting case value to switch condition type (${known} to ${kept})`, 'switch')
  return kept
}

function reportDuplicateCases(c: Context, owner: SwitchStmt): void {
  const defaults = owner.cases.filter(each => each.low === undefined)
  for (const extra of defaults.slice(0, -1)) c.error('T0503', extra, 'multiple default labels in one switch')
  const ranges = owner.cases.filter(each => each.low !== undefined && each.low <= each.high!)
  ranges.sort((a, b) => (a.low! < b.low! ? -1 : a.low! > b.low! ? 1 : a.token - b.token))
  let top: CaseStmt | undefined
  for (const each of ranges) {
    if (top && each.low! <= top.high!) {
      const [later, earlier] = each.token > top.token ? [each, top] : [top, each]
      c.error(
        'T0503',
        { token: later.token + 1, first: later.token + 1, last: later.token + 1 },
        `duplicate case value '${each.low}'`,
        {
          notes: [c.reporter.note('previous case defined here', earlier.token)],
        },
      )
    }
    if (!top || each.high! > top.high!) top = each
  }
}

// --- labels and jumps ---

function newLabel(c: Context, fn: FunctionState, name: Atom, place: Place): LabelState {
  const text = c.text(name)
  let unique = text
  for (let i = 1; fn.decl.labels.has(unique); i++) unique = `${text}.${i}`
  const label: Label = { name: unique, token: place.token }
  fn.decl.labels.set(unique, label)
  return { label, defined: false, used: false, place }
}

function declareLocalLabels(c: Context, fn: FunctionState, names: readonly Atom[], place: Place): void {
  const scope = new Map<Atom, LabelState>()
  for (const name of names) scope.set(name, newLabel(c, fn, name, place))
  fn.labelScopes.push(scope)
}

function closeLabelScopes(c: Context, fn: FunctionState, depth: number): void {
  while (fn.labelScopes.length > depth)
    for (const [name, label] of fn.labelScopes.pop()!)
      if (label.used && !label.defined) c.error('T0005', label.place, `use of undeclared label '${c.text(name)}'`)
}

function findLabel(c: Context, name: Atom, place: Place): LabelState {
  const fn = c.fn!
  for (let i = fn.labelScopes.length - 1; i >= 0; i--) {
    const known = fn.labelScopes[i]!.get(name)
    if (known) return known
  }
  const made = newLabel(c, fn, name, place)
  fn.labelScopes[0]!.set(name, made)
  return made
}

function useLabel(c: Context, name: Atom, place: Place): Label {
  const state = findLabel(c, name, place)
  state.used = true
  return state.label
}

function checkLabel(c: Context, stmt: ast.Stmt & { kind: 'label' }): Stmt {
  const set = readAttributes(c, stmt.attributes)
  const state = findLabel(c, stmt.name, stmt)
  if (state.defined)
    c.error('T0006', stmt, `redefinition of label '${c.text(stmt.name)}'`, {
      notes: [c.reporter.note('previous definition is here', state.label.token)],
    })
  state.defined = true
  if (set.unused) state.used = true
  return { kind: 'label', label: state.label, body: checkStmt(c, stmt.body), ...at(stmt) }
}

function checkLeave(c: Context, stmt: ast.Stmt & { kind: 'break' | 'continue' }): Stmt {
  const { loops } = c.fn!
  if (stmt.kind === 'break') {
    const target = loops.at(-1)
    if (target) return { kind: 'break', target, ...at(stmt) }
    c.error('T0501', stmt, "'break' statement not in loop or switch statement")
  } else {
    const target = loops.findLast(each => each.kind === 'loop')
    if (target?.kind === 'loop') return { kind: 'continue', target, ...at(stmt) }
    c.error('T0501', stmt, "'continue' statement not in loop statement")
  }
  return { kind: 'null', ...at(stmt) }
}

/** Whether a result of the type comes as the callee gave it: a narrower one is cut to size, a record goes through memory. */
function travelsWhole(type: CType): boolean {
  const integer = integerOf(type)
  return integer ? integer.size === 4 || integer.size === 8 : isPointer(type)
}

/** Calls whose value is the value of `expr` as it stands. */
function noteTailCalls(c: Context, expr: Expr): void {
  if (expr.kind === 'call') c.tailCalls.add(expr.token)
  else if (expr.kind === 'comma') noteTailCalls(c, expr.right)
  else if (expr.kind === 'convert' && expr.conversion === 'same') noteTailCalls(c, expr.operand)
  else if (expr.kind === 'conditional' && expr.then) {
    noteTailCalls(c, expr.then)
    noteTailCalls(c, expr.otherwise)
  }
}

function checkReturn(c: Context, stmt: ast.Stmt & { kind: 'return' }): Stmt {
  const { decl } = c.fn!
  const { result } = decl.type
  if (!stmt.value) {
    if (!isVoid(result) && !isError(result))
      c.warn('T0504', stmt, `non-void function '${decl.name}' should return a value`, 'return-mismatch')
    return { kind: 'return', value: undefined, ...at(stmt) }
  }
  const value = checkValue(c, stmt.value)
  if (isVoid(result)) {
    if (!isVoid(value.type) && !isError(value.type))
      c.warn('T0504', stmt, `void function '${decl.name}' should not return a value`, 'return-mismatch')
    return { kind: 'return', value: convert(value, voidType), ...at(stmt) }
  }
  if (travelsWhole(result)) noteTailCalls(c, value)
  else if (isRecord(result)) noteNamedResult(c, value)
  return {
    kind: 'return',
    value: assignConvert(c, value, result, { kind: 'return', from: decl.name }, beginOf(value)),
    ...at(stmt),
  }
}

// --- asm ---

/** Constraints that want the object itself, not its value. */
const isMemoryOnly = (constraint: string): boolean => /^[=+&%]*[moV]+$/.test(constraint)

function checkAsm(c: Context, stmt: ast.AsmStmt): Stmt {
  const outputs = stmt.outputs.map(operand => checkAsmOutput(c, operand))
  const inputs = stmt.inputs.map(operand => checkAsmInput(c, operand))
  return {
    kind: 'asm',
    volatile: stmt.volatile || stmt.outputs.length === 0,
    template: stringText(c, stmt.template),
    outputs,
    inputs,
    clobbers: stmt.clobbers,
    labels: stmt.labels.map(name => useLabel(c, name, stmt)),
    ...at(stmt),
  }
}

function checkAsmOutput(c: Context, operand: ast.AsmOperand): AsmOperand {
  const value = checkExpr(c, operand.value)
  if (!/^[=+]/.test(operand.constraint)) c.error('T0505', operand, `invalid output constraint '${operand.constraint}' in asm`)
  if (!isError(value.type) && !isLvalue(value)) c.error('T0505', operand.value, 'invalid lvalue in asm output')
  if (isMemoryOnly(operand.constraint)) markAddressTaken(value)
  return {
    name: operand.name === undefined ? undefined : c.text(operand.name),
    constraint: operand.constraint,
    value,
    ...at(operand),
  }
}

function checkAsmInput(c: Context, operand: ast.AsmOperand): AsmOperand {
  const object = checkExpr(c, operand.value)
  const memory = isMemoryOnly(operand.constraint)
  if (memory && !isError(object.type) && !isLvalue(object))
    c.error('T0505', operand, `invalid lvalue in asm input for constraint '${operand.constraint}'`)
  if (memory) markAddressTaken(object)
  const value = memory ? object : rvalue(object)
  if (!memory && isVoid(value.type))
    c.error('T0505', operand, `invalid type 'void' in asm input for constraint '${operand.constraint}'`)
  return {
    name: operand.name === undefined ? undefined : c.text(operand.name),
    constraint: operand.constraint,
    value,
    ...at(operand),
  }
}

// --- statement expressions ---

/** `({ … })`: a block whose last expression is the value. */
export function checkStatementExpr(c: Context, expr: ast.Expr & { kind: 'statement_expr' }): Expr {
  const { fn } = c
  if (!fn) {
    c.error('T0506', expr, 'statement expression not allowed at file scope')
    return errorExpr(expr)
  }
  return c.inScope('block', () => {
    const items = expr.body.body
    const last = items.at(-1)
    const depth = fn.labelScopes.length
    const body: Stmt[] = []
    let result: Expr | undefined
    for (const item of items) {
      if (item.kind === 'declaration_stmt') body.push(...checkDeclarationStmt(c, item.declaration))
      else if (item.kind === 'local_labels') declareLocalLabels(c, fn, item.names, item)
      else if (item === last && item.kind === 'expression_stmt') {
        const value = rvalue(checkExpr(c, item.expr))
        if (isVoid(value.type)) body.push({ kind: 'expr', expr: value, ...at(item) })
        else result = value
      } else if (item === last && item.kind === 'label' && item.body.kind === 'expression_stmt') {
        const labelled = checkLabel(c, { ...item, body: { kind: 'null_stmt', attributes: [], ...at(item.body) } })
        body.push(labelled)
        const value = rvalue(checkExpr(c, item.body.expr))
        if (isVoid(value.type)) body.push({ kind: 'expr', expr: value, ...at(item) })
        else result = value
      } else body.push(checkStmt(c, item))
    }
    closeLabelScopes(c, fn, depth)
    const type = result ? result.type : voidType
    return { kind: 'statement_expr', body: { kind: 'compound', body, ...at(expr.body) }, result, type, ...at(expr) }
  })
}
