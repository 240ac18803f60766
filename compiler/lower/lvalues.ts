/** Lvalues to places. */
import { InternalError } from '../../base/outcome.js'
import type { Expr, VarDecl } from '../typecheck/typed-ast.js'
import { canonical, type CType } from '../typecheck/types.js'
import { withinElement, withinMember } from './access-type.js'
import { bitRangeOf } from './bit-fields.js'
import { closeChain, coreRoot, extendByIndex, extendByMember, isRecorded } from './core-access.js'
import { lowerEffect, lowerToMemory, lowerValue } from './expressions.js'
import type { FunctionContext } from './function-context.js'
import { initialiseLocal } from './initializers.js'
import { alignmentOf, bytesOf, isSigned } from './ir-types.js'
import { spaceOf } from '../typecheck/type-facts.js'
import { isVolatile, type Place, partOf, temporaryPlace } from './places.js'

export function lowerPlace(fc: FunctionContext, expr: Expr): Place {
  const { builder } = fc
  switch (expr.kind) {
    case 'var':
      fc.mark(expr)
      return variablePlace(fc, expr.decl)
    case 'string':
      return {
        ...temporaryPlace(builder.global(fc.module.string(expr.bytes, expr.elementSize)), expr.type),
        align: expr.elementSize,
      }
    case 'compound_literal': {
      const { decl } = expr
      if (decl.storage === 'static') return variablePlace(fc, decl)
      let address = fc.locals.get(decl)
      if (!address) fc.locals.set(decl, (address = fc.temporary(decl.type, decl.name || undefined)))
      const place = temporaryPlace(address, decl.type)
      if (decl.init) initialiseLocal(fc, place, decl.init)
      return place
    }
    case 'deref': {
      const base = lowerValue(fc, expr.pointer)
      return { ...temporaryPlace(base, expr.type), volatile: isVolatile(expr.type), space: spaceOfPointer(expr.pointer.type) }
    }
    case 'member':
      return memberPlace(fc, expr)
    case 'index':
      return indexPlace(fc, expr)
    case 'preserve_access': {
      const outer = fc.preserving
      fc.preserving = true
      const place = closeChain(fc, lowerPlace(fc, expr.operand))
      fc.preserving = outer
      return place
    }
    case 'comma':
      lowerEffect(fc, expr.left)
      return lowerPlace(fc, expr.right)
    case 'load':
      return { ...lowerPlace(fc, expr.object), type: expr.type }
    default: {
      const kind = canonical(expr.type).kind
      if (kind !== 'record' && kind !== 'array') throw new InternalError(`an expression of kind ${expr.kind} is no place`)
      // A record value: it gets a place of its own.
      const place = temporaryPlace(fc.temporary(expr.type), expr.type)
      lowerToMemory(fc, expr, place)
      return place
    }
  }
}

export function variablePlace(fc: FunctionContext, decl: VarDecl): Place {
  const { builder } = fc
  const place = (base: Place['base']): Place => ({
    ...temporaryPlace(base, decl.type),
    align: Math.max(decl.align, alignmentOf(decl.type)),
    volatile: isVolatile(decl.type),
    space: spaceOf(decl.type),
  })
  if (decl.storage === 'static' || decl.isExtern) return place(builder.global(fc.module.global(decl)))
  let address = fc.locals.get(decl)
  if (!address) {
    // Reached by a jump past its declaration.
    address = builder.alloca(bytesOf(decl.type), Math.max(decl.align, alignmentOf(decl.type)), decl.name)
    fc.locals.set(decl, address)
  }
  return place(address)
}

function memberPlace(fc: FunctionContext, expr: Expr & { kind: 'member' }): Place {
  const base = lowerPlace(fc, expr.base)
  fc.mark(expr)
  const { field, record } = expr
  const range =
    field.bits === undefined ? undefined : bitRangeOf(field, isSigned(field.type), record.size, isRecorded(fc, record))
  const byte = range ? range.byte : field.bitOffset >> 3
  const within = withinMember(base.within, expr.base.type, record, byte)
  if (isRecorded(fc, record)) {
    const chain = extendByMember(base, record, field, byte)
    const part = partOf(base, byte, expr.type)
    return { ...part, offset: base.offset, chain, bits: range?.bits, within }
  }
  return { ...partOf(closeChain(fc, base), byte, expr.type), bits: range?.bits, within }
}

function indexPlace(fc: FunctionContext, expr: Expr & { kind: 'index' }): Place {
  const { builder } = fc
  const size = bytesOf(expr.type)
  if (expr.baseIsArray) {
    const array = lowerPlace(fc, expr.base)
    const index = lowerValue(fc, expr.index)
    fc.mark(expr)
    if (index.op === 'const') {
      const at = Number(BigInt.asIntN(64, index.value))
      if (array.chain && at >= 0) {
        const part = partOf(array, at * size, expr.type)
        return { ...part, offset: array.offset, chain: extendByIndex(array.chain, at, size) }
      }
      return partOf(closeChain(fc, array), at * size, expr.type)
    }
    const closed = closeChain(fc, array)
    return elementPlace(
      fc,
      closed.base,
      closed.offset,
      index,
      size,
      expr.type,
      Math.min(closed.align, elementAlign(size)),
      closed.volatile,
      closed.space,
      withinElement(closed.within),
    )
  }
  const pointer = lowerValue(fc, expr.base)
  const index = lowerValue(fc, expr.index)
  fc.mark(expr)
  const space = spaceOfPointer(expr.base.type)
  const place: Place = { ...temporaryPlace(pointer, expr.type), volatile: isVolatile(expr.type), space }
  if (index.op !== 'const')
    return elementPlace(fc, pointer, 0, index, size, expr.type, alignmentOf(expr.type), place.volatile, space)
  const at = Number(BigInt.asIntN(64, index.value))
  const plain = canonical(expr.type)
  if (at > 0 && plain.kind === 'record' && isRecorded(fc, plain) && isVariable(expr.base))
    return {
      ...place,
      chain: { root: coreRoot(expr.type), access: [at], offset: at * size, field: undefined, record: undefined },
    }
  return { ...place, base: builder.ptraddConst(pointer, 0), offset: at * size }
}

/** Whether the pointer is simply a variable's value: only then an index on it is part of the chain. */
function isVariable(expr: Expr): boolean {
  return expr.kind === 'load' ? expr.object.kind === 'var' : expr.kind === 'convert' ? isVariable(expr.operand) : false
}

/** Largest power of two that divides the size: what steps of it keep. */
function elementAlign(size: number): number {
  return size === 0 ? 8 : Math.min(8, size & -size)
}

function elementPlace(
  fc: FunctionContext,
  base: Place['base'],
  offset: number,
  index: Place['base'],
  size: number,
  type: CType,
  align: number,
  isVolatileArray: boolean,
  space: number,
  within: Place['within'] = undefined,
): Place {
  const { builder } = fc
  const scaled = builder.binary('mul', index, builder.const('i64', size))
  return {
    base: builder.ptradd(base, scaled),
    offset,
    align: Math.max(1, align),
    type,
    volatile: isVolatileArray || isVolatile(type),
    bits: undefined,
    chain: undefined,
    space,
    within,
  }
}

/** Address space of what a pointer points to. */
export function spaceOfPointer(type: CType): number {
  const plain = canonical(type)
  return plain.kind === 'pointer' ? plain.space : 0
}
