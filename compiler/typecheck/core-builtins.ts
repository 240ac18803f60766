/** The CO-RE builtins of clang's BPF target: field, type and enum value information that the loader fills in. */
import { CoreReloKind } from '../../linker/object/bpf-object.js'
import type * as ast from '../parser/ast.js'
import type { BuiltinHandler } from './builtins.js'
import { integerConstant } from './constants.js'
import type { Context } from './context.js'
import { checkTypeName } from './declarators.js'
import { checkExpr, checkValue } from './expressions.js'
import { at, errorExpr, isObject } from './nodes.js'
import { enumOf, isError } from './type-facts.js'
import type { Expr } from './typed-ast.js'
import { type CType, unsignedIntType, unsignedLongType } from './types.js'

type CallExpr = ast.Expr & { kind: 'call' }

/** The flag argument: a constant among those the builtin knows. */
function flagArgument(c: Context, expr: CallExpr, name: string, kinds: readonly number[]): number | undefined {
  const arg = expr.args[1]
  if (expr.args.length !== 2 || !arg || arg.kind === 'type_name') {
    c.error(
      'T0207',
      expr,
      `too ${expr.args.length < 2 ? 'few' : 'many'} arguments to function call, expected 2, have ${expr.args.length}`,
    )
    return undefined
  }
  const value = checkValue(c, arg)
  const flag = integerConstant(value)
  const kind = flag === undefined ? undefined : kinds[Number(flag)]
  if (kind === undefined && !isError(value.type))
    c.error(
      'T0223',
      arg,
      `${name} argument 2 ${flag === undefined ? 'not a constant' : `${flag} is not one of 0 to ${kinds.length - 1}`}`,
    )
  return kind
}

const fieldKinds = [
  CoreReloKind.FieldByteOffset,
  CoreReloKind.FieldByteSize,
  CoreReloKind.FieldExists,
  CoreReloKind.FieldSigned,
  CoreReloKind.FieldLshiftU64,
  CoreReloKind.FieldRshiftU64,
]

const fieldInfo: BuiltinHandler = (c, expr, name) => {
  const info = flagArgument(c, expr, name, fieldKinds)
  const arg = expr.args[0]
  if (info === undefined || !arg || arg.kind === 'type_name') return errorExpr(expr)
  const object = withoutPreserve(checkExpr(c, arg))
  if (isError(object.type)) return errorExpr(expr)
  if (!isObject(object) || !isFieldAccess(object)) {
    c.error('T0223', arg, `${name} argument 1 not a field access`)
    return errorExpr(expr)
  }
  return { kind: 'core_field', info, object, type: unsignedIntType, ...at(expr) }
}

/** `__builtin_preserve_access_index(x.y)` around the field changes nothing here. */
function withoutPreserve(expr: Expr): Expr {
  if (expr.kind !== 'preserve_access') return expr
  const { operand } = expr
  return operand.kind === 'load' ? operand.object : operand.kind === 'decay' ? operand.array : operand
}

const isFieldAccess = (object: Expr): boolean => object.kind === 'member' || object.kind === 'index'

/** The type that `*(T *)0` names, or that of any other expression in its place. */
function typeArgument(c: Context, expr: CallExpr): CType | undefined {
  const arg = expr.args[0]
  if (!arg) return undefined
  if (arg.kind === 'type_name') return checkTypeName(c, arg)
  const { type } = c.notEvaluated(() => checkExpr(c, arg))
  return isError(type) ? undefined : type
}

const typeQuery =
  (kinds: readonly number[], type: CType): BuiltinHandler =>
  (c, expr, name) => {
    const info = flagArgument(c, expr, name, kinds)
    const of = typeArgument(c, expr)
    if (info === undefined || !of) return errorExpr(expr)
    c.complete(of)
    return { kind: 'core_type', info, of, type, ...at(expr) }
  }

const enumKinds = [CoreReloKind.EnumvalExists, CoreReloKind.EnumvalValue]

/** `__builtin_preserve_enum_value(*(enum E *)ENUMERATOR, flag)`. */
const enumValue: BuiltinHandler = (c, expr, name) => {
  const info = flagArgument(c, expr, name, enumKinds)
  const arg = expr.args[0]
  if (info === undefined || !arg) return errorExpr(expr)
  const cast = arg.kind === 'unary' && arg.op === '*' ? stripParens(arg.operand) : undefined
  if (cast?.kind !== 'cast') {
    c.error('T0223', arg, `${name} argument 1 invalid: write *(enum type *)ENUMERATOR`)
    return errorExpr(expr)
  }
  const pointer = checkTypeName(c, cast.type)
  const of = pointer.kind === 'pointer' ? pointer.to : undefined
  const enumType = of && enumOf(of)
  if (of) c.complete(of)
  const value = checkValue(c, cast.operand)
  if (isError(value.type)) return errorExpr(expr)
  const named = cast.operand.kind === 'identifier' ? cast.operand.name : undefined
  const constant = enumType?.constants.find(each => each.name === named)
  if (!of || !enumType || !constant) {
    c.error('T0223', arg, `${name} argument 1 invalid: write *(enum type *)ENUMERATOR`)
    return errorExpr(expr)
  }
  return { kind: 'core_enum', info, of, constant: constant.index, value: constant.value, type: unsignedLongType, ...at(expr) }
}

const stripParens = (expr: ast.Expr): ast.Expr =>
  expr.kind === 'unary' && expr.op === '__extension__' ? stripParens(expr.operand) : expr

/** By name without `__builtin_`. */
export const coreBuiltins: Readonly<Record<string, BuiltinHandler>> = {
  preserve_field_info: fieldInfo,
  preserve_type_info: typeQuery([CoreReloKind.TypeExists, CoreReloKind.TypeSize, CoreReloKind.TypeMatches], unsignedIntType),
  btf_type_id: typeQuery([CoreReloKind.TypeIdLocal, CoreReloKind.TypeIdTarget], unsignedLongType),
  preserve_enum_value: enumValue,
}
