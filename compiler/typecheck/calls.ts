/** Calls of functions, of helpers through their constant pointers, and of functions nobody declared. */
import type * as ast from '../parser/ast.js'
import { checkBuiltinCall, isBuiltinName, libraryBuiltin } from './builtins.js'
import type { Context } from './context.js'
import { assignConvert, defaultPromote } from './conversions.js'
import { declareImplicitFunction } from './declarations.js'
import { checkExpr, checkValue, reportFloat } from './expressions.js'
import { checkFormat } from './formats.js'
import { helperHeaderOf } from './helper-headers.js'
import { suggestName } from './near-names.js'
import { at, errorExpr, rvalue } from './nodes.js'
import { beginOf, type Place } from './report.js'
import { functionOf, isError, isFloat, isRecord, isVoid, pointerOf, unqualified } from './type-facts.js'
import type { BuiltinName, Expr, FunctionDecl, VarDecl } from './typed-ast.js'
import type { FunctionType } from './types.js'

type CallExpr = ast.Expr & { kind: 'call' }

export function checkCall(c: Context, expr: CallExpr): Expr {
  if (expr.callee.kind === 'identifier') {
    const { name } = expr.callee
    const symbol = c.lookup(name)
    const text = c.text(name)
    if (!symbol && isBuiltinName(text)) return checkBuiltinCall(c, expr, text)
    if (!symbol) return callUndeclared(c, expr, name, text)
  }
  const callee = checkExpr(c, expr.callee)
  return finishCall(c, expr, callee)
}

/** A call of a name that nothing declares: clang's implicit declaration, which it makes an error unless told otherwise. */
function callUndeclared(c: Context, expr: CallExpr, name: number, text: string): Expr {
  const library = libraryBuiltin(text)
  const near = library ? undefined : suggestName(c, text, true)
  const header = library ? '<string.h>' : helperHeaderOf(text)
  const hint = near
    ? `did you mean '${near}'?`
    : header
      ? `include ${header}, or declare it`
      : `declare it, or include the header that does; a kernel function (kfunc) is declared \`extern … ${text}(…) __ksym;\``
  c.warn(
    'B0006',
    expr.callee,
    `call to undeclared ${library ? 'library ' : ''}function '${text}'; ISO C99 and later do not support implicit function declarations`,
    'implicit-function-declaration',
    { hint },
  )
  const decl = declareImplicitFunction(c, name, expr.callee, library)
  return finishCall(c, expr, { kind: 'function', decl, type: decl.type, ...at(expr.callee) })
}

function finishCall(c: Context, expr: CallExpr, designator: Expr): Expr {
  const args = expr.args.map(arg => checkArgument(c, arg))
  if (isError(designator.type)) return errorExpr(expr)
  const callee = calleeOf(designator)
  const type = callee && (callee.kind === 'function' ? callee.decl.type : functionOf(pointerOf(callee.type)?.to ?? callee.type))
  if (!callee || !type) {
    c.error('T0206', expr, `called object type ${c.quote(designator.type)} is not a function or function pointer`)
    return errorExpr(expr)
  }
  const printer = declOf(callee)
  const name = printer?.name
  const converted = convertArguments(c, expr, type, args, name)
  if (printer) checkFormat(c, printer, args)
  if (!isVoid(type.result) && isRecord(type.result) && !c.complete(type.result)) {
    c.error('T0101', expr, `calling '${name ?? 'a function'}' with incomplete return type ${c.quote(type.result)}`)
    return errorExpr(expr)
  }
  if (converted.some(arg => isError(arg.type)))
    return isVoid(type.result) ? errorExpr(expr) : { ...errorExpr(expr), type: unqualified(type.result) }
  if (callee.kind === 'function') {
    const builtin =
      intrinsics[callee.decl.asmLabel ?? ''] ?? (callee.decl.linkage === 'external' ? libraryCall(c, callee.decl) : undefined)
    if (builtin) return { kind: 'builtin', name: builtin, args: converted, type: unqualified(type.result), ...at(expr) }
    c.noteCall(callee.decl, expr)
  }
  return { kind: 'call', callee, functionType: type, args: converted, type: unqualified(type.result), ...at(expr) }
}

/** Functions that are instructions, by the assembler name they are declared with. */
const intrinsics: Readonly<Record<string, BuiltinName>> = {
  'llvm.bpf.load.byte': 'load_byte',
  'llvm.bpf.load.half': 'load_half',
  'llvm.bpf.load.word': 'load_word',
}

/** `memcpy` and its kind, where the unit only declares them: the compiler's own. */
function libraryCall(c: Context, decl: FunctionDecl): BuiltinName | undefined {
  if (decl.section !== undefined) return undefined
  const builtin = libraryBuiltin(decl.name)
  if (!builtin || c.definesFunction(decl)) return undefined
  return builtin.name
}

function checkArgument(c: Context, arg: ast.Expr | ast.TypeName): Expr {
  if (arg.kind !== 'type_name') return checkValue(c, arg)
  c.error('T0207', arg, 'expected expression, found a type')
  return errorExpr(arg)
}

/** The function itself for direct calls, else a pointer value. */
function calleeOf(designator: Expr): Expr | undefined {
  if (designator.kind === 'function') return designator
  const value = rvalue(designator)
  if (value.kind === 'address' && value.object.kind === 'function') return value.object
  const pointer = pointerOf(value.type)
  return pointer && functionOf(pointer.to) ? value : undefined
}

function declOf(callee: Expr): FunctionDecl | VarDecl | undefined {
  if (callee.kind === 'function') return callee.decl
  if (callee.kind === 'load' && callee.object.kind === 'var') return callee.object.decl
  return undefined
}

function convertArguments(
  c: Context,
  expr: CallExpr,
  type: FunctionType,
  args: readonly Expr[],
  callee: string | undefined,
): Expr[] {
  const wanted = type.params.length
  if (type.prototyped && (args.length < wanted || (args.length > wanted && !type.variadic))) {
    const few = args.length < wanted
    const extra = few ? undefined : args[wanted]
    const place: Place = extra ?? { token: expr.last, first: expr.last, last: expr.last }
    c.error('T0207', place, countMessage(type, args.length, few), callee ? { hint: `'${callee}' is ${c.quote(type)}` } : {})
    return few ? [errorExpr(expr)] : args.slice(0, wanted)
  }
  return args.map((arg, index) => {
    const param = type.prototyped ? type.params[index] : undefined
    if (!param) return isVoid(arg.type) ? voidArgument(c, arg) : isFloat(arg.type) ? floatArgument(c, arg) : defaultPromote(arg)
    c.complete(param.type)
    return assignConvert(c, arg, param.type, { kind: 'pass', index, callee }, beginOf(arg))
  })
}

function voidArgument(c: Context, arg: Expr): Expr {
  c.error('T0208', arg, "argument type 'void' is incomplete")
  return errorExpr(arg)
}

function floatArgument(c: Context, arg: Expr): Expr {
  if (c.unevaluated === 0) reportFloat(c, arg, arg.type)
  return errorExpr(arg)
}

/** clang's words: a single named parameter is named. */
function countMessage(type: FunctionType, have: number, few: boolean): string {
  const head = `too ${few ? 'few' : 'many'} arguments to function call`
  const wanted = type.params.length
  return `${head}, expected ${type.variadic ? 'at least ' : ''}${wanted}, have ${have}`
}
