/** Declarators: pointers, arrays and functions around a base type, and the parameters of functions. */
import type * as ast from '../parser/ast.js'
import type { Atom } from '../preprocessor/tokens.js'
import { type AttributeSet, applyTypeAttributes, noAttributes, readAttributes } from './attributes.js'
import { evaluate } from './constants.js'
import type { Context } from './context.js'
import { checkExpr } from './expressions.js'
import { elementOf, rvalue } from './nodes.js'
import type { Expr } from './typed-ast.js'
import { declareParameterName } from './declarations.js'
import type { Place } from './report.js'
import { isArray, isError, isFunction, isInteger, isVoid, pointerTo } from './type-facts.js'
import { qualify, resolveSpecifiers } from './specifiers.js'
import { type CType, canonical, errorType, type FunctionType, type Param } from './types.js'

/** A parameter with what a definition needs to know of it. */
export interface ResolvedParam {
  readonly name: Atom | undefined
  readonly type: CType
  readonly attributes: AttributeSet
  readonly place: Place
}

export interface ResolvedDeclarator {
  readonly type: CType
  /** Attributes of the specifiers and of the declarator together. */
  readonly attributes: AttributeSet
}

/** Where a declarator stands, as far as arrays depend on it. */
export interface DeclaratorUse {
  /** A parameter: its outermost array is a pointer, whose count does not matter. */
  readonly parameter?: boolean
  /** A member, or an object outside the stack: making a constant of what C calls a variable count is worth a warning. */
  readonly fixed?: boolean
  /**
   * Where counts may be known only when the program runs: those that the size of the whole is a multiple of are appended, and the type
   * has 1 in their place.
   */
  readonly counts?: Expr[]
}

/** Arrays larger than this are a slip of the pen; clang's own limit is 2^61. */
const largestArray = 2n ** 53n

/** The number of elements an array declarator asks for. Undefined for `[]`; a diagnostic and 1 where it is no constant. */
function arrayCount(
  c: Context,
  chunk: ast.DeclaratorChunk & { kind: 'array' },
  name: string,
  place: Place,
  { parameter, fixed, counts }: DeclaratorUse,
): number | undefined {
  const { size } = chunk
  if (!size) return undefined
  const expr = rvalue(parameter ? c.notEvaluated(() => checkExpr(c, size)) : checkExpr(c, size))
  if (isError(expr.type)) return 1
  if (!isInteger(expr.type)) {
    c.error('T0104', size, `size of array has non-integer type ${c.quote(expr.type)}`)
    return 1
  }
  let value = evaluate(expr)
  if (value?.kind !== 'int') {
    if (parameter) return undefined
    value = evaluate(expr, { constObjects: true })
    if (value?.kind !== 'int') {
      if (counts) {
        counts.push(expr)
        return 1
      }
      c.error(
        'B0002',
        place,
        `variable length array${name ? ` '${name}'` : ''} cannot be built: eBPF's stack has a fixed layout`,
        {
          hint: 'give the array a constant size, the largest that is needed, and check the length against it',
        },
      )
      return 1
    }
    if (fixed) c.warn('T0104', place, 'variable length array folded to constant array as an extension', 'gnu-folding-constant')
  }
  if (value.value < 0n) {
    c.error('T0104', size, `${name ? `'${name}' declared as an` : ''} array with a negative size`.trim())
    return 1
  }
  if (value.value > largestArray) {
    c.error('T0104', size, `array is too large (${value.value} elements)`)
    return 1
  }
  return Number(value.value)
}

function applyArray(
  c: Context,
  chunk: ast.DeclaratorChunk & { kind: 'array' },
  element: CType,
  name: string,
  place: Place,
  use: DeclaratorUse,
): CType {
  const count = arrayCount(c, chunk, name, place, use)
  if (isError(element)) return element
  if (isFunction(element)) {
    c.error('T0104', chunk, `${name ? `'${name}' declared as ` : ''}array of functions of type ${c.quote(element)}`)
    return errorType
  }
  if (isVoid(element) || !c.complete(element)) {
    c.error('T0101', chunk, `array has incomplete element type ${c.quote(element)}`)
    return errorType
  }
  if (isArray(element) && (canonical(element) as { count?: number }).count === undefined) {
    c.error('T0101', chunk, `array has incomplete element type ${c.quote(element)}`)
    return errorType
  }
  return { kind: 'array', element, count }
}

function applyFunction(c: Context, chunk: ast.DeclaratorChunk & { kind: 'function' }, result: CType, place: Place): CType {
  const params = checkParams(c, chunk)
  c.resolvedParams.set(chunk, params)
  if (isError(result)) return errorType
  if (isArray(result) || isFunction(result)) {
    c.error('T0105', place, `function cannot return ${isArray(result) ? 'array' : 'function'} type ${c.quote(result)}`)
    return errorType
  }
  const type: FunctionType = {
    kind: 'function',
    result,
    params: params.map((param): Param => ({ name: param.name, type: param.type, declTags: param.attributes.declTags })),
    variadic: chunk.variadic,
    prototyped: !chunk.unprototyped,
  }
  return type
}

/** The types of parameters, adjusted (C11 6.7.6.3p7). */
function checkParams(c: Context, chunk: ast.DeclaratorChunk & { kind: 'function' }): ResolvedParam[] {
  return c.inScope('prototype', () => {
    const params: ResolvedParam[] = []
    for (const param of chunk.params) {
      const base = resolveSpecifiers(c, param.specifiers)
      const { type, attributes } = applyDeclarator(c, base.type, param.declarator, base.attributes, { parameter: true })
      if (isVoid(type)) {
        const only = chunk.params.length === 1 && param.declarator.name === undefined && !chunk.variadic
        if (only && param.declarator.chunks.length === 0) return []
        c.error(
          'T0105',
          param,
          param.declarator.name
            ? "argument may not have 'void' type"
            : "'void' must be the first and only parameter if specified",
        )
      }
      if (param.specifiers.storage && param.specifiers.storage !== 'register')
        c.error('T0112', param, 'invalid storage class specifier in function declarator')
      const resolved: ResolvedParam = {
        name: param.declarator.name,
        type: adjustParameter(type),
        attributes,
        place: param.declarator,
      }
      params.push(resolved)
      if (resolved.name !== undefined) declareParameterName(c, resolved.name, resolved.type, param.declarator)
    }
    return params
  })
}

/** Arrays become pointers to their elements, functions pointers to themselves. */
function adjustParameter(type: CType): CType {
  if (isArray(type)) return pointerTo(elementOf(type))
  if (isFunction(type)) return pointerTo(type)
  return type
}

/**
 * Applies a declarator to the type its specifiers gave. `attributes` are those of the specifiers; the declarator's are added to a copy.
 */
export function applyDeclarator(
  c: Context,
  base: CType,
  declarator: ast.Declarator,
  attributes: AttributeSet = noAttributes(),
  use: DeclaratorUse = {},
): ResolvedDeclarator {
  const own = declarator.attributes.length ? readAttributes(c, declarator.attributes) : undefined
  const name = declarator.name === undefined ? '' : c.text(declarator.name)
  let type = base
  for (let i = declarator.chunks.length - 1; i >= 0; i--) {
    const chunk = declarator.chunks[i]!
    if (use.counts && chunk.kind !== 'array') use.counts.length = 0
    if (chunk.kind === 'pointer') {
      const to = type
      type = isError(to) ? to : pointerTo(to)
      type = qualify(c, chunk, type, chunk.qualifiers)
      if (chunk.attributes.length && !isError(to)) type = applyTypeAttributes(type, readAttributes(c, chunk.attributes))
    } else if (chunk.kind === 'array') {
      const outermost = use.parameter === true && i === 0
      type = applyArray(c, chunk, type, name, declarator, { ...use, parameter: outermost })
      if (outermost && chunk.qualifiers && isArray(type)) type = qualify(c, chunk, pointerTo(elementOf(type)), chunk.qualifiers)
    } else type = applyFunction(c, chunk, type, declarator)
  }
  if (own) type = applyTypeAttributes(type, own)
  return { type, attributes: own ? merge(attributes, own) : { ...attributes } }
}

function merge(a: AttributeSet, b: AttributeSet): AttributeSet {
  return {
    section: b.section ?? a.section,
    weak: a.weak || b.weak,
    used: a.used || b.used,
    unused: a.unused || b.unused,
    hidden: a.hidden || b.hidden,
    alwaysInline: a.alwaysInline || b.alwaysInline,
    gnuInline: a.gnuInline || b.gnuInline,
    noInline: a.noInline || b.noInline,
    naked: a.naked || b.naked,
    noReturn: a.noReturn || b.noReturn,
    optnone: a.optnone || b.optnone,
    packed: a.packed || b.packed,
    preserveAccessIndex: a.preserveAccessIndex || b.preserveAccessIndex,
    preserveStaticOffset: a.preserveStaticOffset || b.preserveStaticOffset,
    overloadable: a.overloadable || b.overloadable,
    mayAlias: a.mayAlias || b.mayAlias,
    align: Math.max(a.align, b.align),
    space: b.space >= 0 ? b.space : a.space,
    mode: b.mode ?? a.mode,
    cleanup: b.cleanup ?? a.cleanup,
    format: b.format ?? a.format,
    declTags: [...a.declTags, ...b.declTags],
    typeTags: [...a.typeTags, ...b.typeTags],
  }
}

/** The type a type name denotes. */
export function checkTypeName(c: Context, name: ast.TypeName, use: DeclaratorUse = {}): CType {
  const base = resolveSpecifiers(c, name.specifiers)
  return applyDeclarator(c, base.type, name.declarator, base.attributes, use).type
}
