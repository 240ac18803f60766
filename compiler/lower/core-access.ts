/**
 * CO-RE: member and array accesses that the loader adapts to the running kernel. A chain of them (`p->a.b[2].c`) is one value, made
 * when the chain ends: at a load, a store, an address taken, or an index that is not constant. Rules as LLVM's BPFAbstractMemberAccess:
 * the root is the type that the first member was looked up in, the access string starts with the index on the root pointer, unnamed bit fields
 * do not count.
 */
import type { CoreAccess, Value } from '../ir/ir.js'
import type { Expr } from '../typecheck/typed-ast.js'
import { type CType, canonical, type Field, type RecordType } from '../typecheck/types.js'
import type { FunctionContext } from './function-context.js'
import { alignmentOf, bytesOf, irTypeOf, isSigned } from './ir-types.js'
import { lowerPlace } from './lvalues.js'
import type { Place } from './places.js'

/** `enum bpf_core_relo_kind`, as linker/object/bpf-object.ts numbers it. */
const Kind = { byteOffset: 0, byteSize: 1, exists: 2, signed: 3, lshift: 4, rshift: 5 } as const

export interface CoreChain {
  readonly root: CType
  readonly access: readonly number[]
  /** Bytes from the root, by the local type. */
  readonly offset: number
  /** The last member, and its record, where the chain ends in one. */
  readonly field: Field | undefined
  readonly record: RecordType | undefined
}

/** The name BTF finds the root by: the record itself, or for a nameless one the typedef it is known by. */
export function coreRoot(type: CType): CType {
  const plain = canonical(type)
  if (plain.kind !== 'record' && plain.kind !== 'enum') return withoutQualifiers(type)
  if (plain.tag !== undefined) return plain
  let at = type
  while (at.kind !== 'typedef') {
    if (at.kind === 'qualified' || at.kind === 'tagged') at = at.of
    else return plain
  }
  return at
}

function withoutQualifiers(type: CType): CType {
  let at = type
  while (at.kind === 'qualified' || at.kind === 'tagged') at = at.of
  return at
}

/** Whether a member of this record is to be recorded here. */
export function isRecorded(fc: FunctionContext, record: RecordType): boolean {
  return fc.preserving || record.preserveAccessIndex
}

/** The field's number as BTF has it. */
export function btfIndexOf(record: RecordType, field: Field): number {
  let index = field.index
  for (const each of record.fields) if (each.index < field.index && each.name === undefined && each.bits !== undefined) index--
  return index
}

/** The chain with one member more. `rootIndex` is the index on the root pointer where the chain starts here. */
export function extendByMember(place: Place, record: RecordType, field: Field, byte: number): CoreChain {
  const before = place.chain ?? { root: coreRoot(place.type), access: [0], offset: 0 }
  return {
    root: before.root,
    access: [...before.access, btfIndexOf(record, field)],
    offset: before.offset + byte,
    field,
    record,
  }
}

export function extendByIndex(chain: CoreChain, index: number, elementSize: number): CoreChain {
  return {
    ...chain,
    access: [...chain.access, index],
    offset: chain.offset + index * elementSize,
    field: undefined,
    record: undefined,
  }
}

/** Ends the chain: its offset becomes a value that is added to the root's address. */
export function closeChain(fc: FunctionContext, place: Place): Place {
  const { chain } = place
  if (!chain) return place
  const { builder } = fc
  // An index on a pointer without any member is ordinary arithmetic.
  if (chain.access.length < 2) return { ...place, offset: place.offset + chain.offset, chain: undefined }
  const value = coreValue(fc, 'i64', Kind.byteOffset, chain.root, chain.access.join(':'), BigInt(chain.offset))
  return { ...place, base: builder.ptradd(builder.ptraddConst(place.base, place.offset), value), offset: 0, chain: undefined }
}

function coreValue(fc: FunctionContext, type: 'i32' | 'i64', kind: number, root: CType, access: string, local: bigint): Value {
  const value = fc.builder.inst('core', type)
  const core: CoreAccess = { kind, type: root, access }
  value.core = core
  value.value = BigInt.asUintN(type === 'i32' ? 32 : 64, local)
  return value
}

function widthOf(expr: Expr): 'i32' | 'i64' {
  return irTypeOf(expr.type) === 'i64' ? 'i64' : 'i32'
}

/** `__builtin_preserve_field_info(lvalue, kind)`: information about the last member of the chain. */
export function lowerCoreField(fc: FunctionContext, expr: Expr & { kind: 'core_field' }): Value {
  const outer = fc.preserving
  fc.preserving = true
  const place = lowerPlace(fc, expr.object)
  fc.preserving = outer
  fc.mark(expr)
  const chain = place.chain
  if (!chain) {
    fc.module.error('B0406', expr, 'the argument of __builtin_preserve_field_info is no member access')
    return fc.builder.const(widthOf(expr), 0)
  }
  const type = widthOf(expr)
  return coreValue(fc, type, expr.info, chain.root, chain.access.join(':'), localAnswer(fc, expr.info, chain, place.type))
}

/** What the local type says, by LLVM's BPFAbstractMemberAccess::GetFieldInfo. */
function localAnswer(fc: FunctionContext, info: number, chain: CoreChain, type: CType): bigint {
  const bitField = chain.field?.bits !== undefined ? chain.field : undefined
  const unitBits = bitField ? alignmentOf(chain.record!) * 8 : 0
  const start = bitField ? Math.floor(bitField.bitOffset / unitBits) * unitBits : 0
  switch (info) {
    case Kind.byteOffset:
      return BigInt(chain.offset)
    case Kind.byteSize:
      return BigInt(bitField ? unitBits / 8 : bytesOf(type))
    case Kind.exists:
      return 1n
    case Kind.signed:
      return isSigned(type) ? 1n : 0n
    case Kind.lshift: {
      if (!bitField) return BigInt(64 - bytesOf(type) * 8)
      const before = bitField.bitOffset - start
      return BigInt(fc.module.little ? 64 - before - bitField.bits! : before + 64 - unitBits)
    }
    case Kind.rshift:
      return BigInt(64 - (bitField ? bitField.bits! : bytesOf(type) * 8))
    default:
      return 0n
  }
}

/** Kinds 6 to 9 and 12: type ids, existence, size, match. Type ids are filled in with the BTF. */
export function lowerCoreType(fc: FunctionContext, expr: Expr & { kind: 'core_type' }): Value {
  const sizeKind = 9
  const local = expr.info === sizeKind ? BigInt(bytesOf(expr.of)) : expr.info === 8 || expr.info === 12 ? 1n : 0n
  return coreValue(fc, widthOf(expr), expr.info, withoutQualifiers(expr.of), '0', local)
}

/** Kinds 10 and 11: whether an enumerator exists, and its value. */
export function lowerCoreEnum(fc: FunctionContext, expr: Expr & { kind: 'core_enum' }): Value {
  const existsKind = 10
  return coreValue(
    fc,
    widthOf(expr),
    expr.info,
    withoutQualifiers(expr.of),
    String(expr.constant),
    expr.info === existsKind ? 1n : expr.value,
  )
}
