/**
 * Constants for operands of inline assembly that must be constants. Passes find most of them; what they do not look through, or do not see at
 * -O0, is computed here: members of address 0, constant objects, and local objects filled with constants just before (an encoded
 * instruction as `union { struct bpf_insn; u64 }`).
 */
import { foldBinary, foldCast } from '../ir/fold.js'
import { type BinaryOp, bitsOf, type CastOp, type Func, signed, type Value } from '../ir/ir.js'

const CASTS = new Set(['zext', 'sext', 'trunc', 'ptrtoint', 'inttoptr'])
const BINARY = new Set(['add', 'sub', 'mul', 'and', 'or', 'xor', 'shl', 'lshr', 'ashr', 'udiv', 'urem', 'sdiv', 'srem'])

/** The value as a constant, a global or a function if it is one; else itself. */
export function knownValue(func: Func, value: Value, little: boolean): Value {
  const known = (inner: Value) => knownValue(func, inner, little)
  if (value.op === 'opaque') return known(value.args[0]!)
  if (CASTS.has(value.op)) {
    const from = known(value.args[0]!)
    return from.op === 'const' ? func.const(value.type, foldCast(value.op as CastOp, from.type, value.type, from.value)) : value
  }
  if (BINARY.has(value.op)) {
    const [a, b] = [known(value.args[0]!), known(value.args[1]!)]
    if (a.op !== 'const' || b.op !== 'const') return value
    return func.const(value.type, foldBinary(value.op as BinaryOp, value.type, a.value, b.value))
  }
  if (value.op === 'ptradd') {
    const [base, step] = [known(value.args[0]!), known(value.args[1]!)]
    if (step.op !== 'const') return value
    if (base.op === 'const') return func.const('ptr', base.value + step.value)
    if (base.op !== 'global') return value
    const moved = func.value('global', 'ptr')
    moved.global = base.global
    moved.offset = base.offset + Number(signed('i64', step.value))
    return moved
  }
  if (value.op !== 'load' || value.volatile) return value
  const size = Math.max(8, bitsOf(value.type)) / 8
  const bytes = constantObject(known(value.args[0]!), value.offset, size) ?? localObject(func, value, size, known, little)
  if (!bytes) return value
  let sum = 0n
  for (let i = 0; i < size; i++) sum = (sum << 8n) | BigInt(bytes[little ? size - 1 - i : i]!)
  return func.const(value.type, sum)
}

function constantObject(from: Value, offset: number, size: number): number[] | undefined {
  const object = from.op === 'global' && from.global!.readonly && !from.global!.isExtern ? from.global! : undefined
  const start = from.offset + offset
  if (!object || object.relocs.length > 0 || start < 0 || start + size > object.size) return undefined
  return Array.from({ length: size }, (_, i) => object.bytes?.[start + i] ?? 0)
}

/** Bytes of a local object that the entry block stores before the load. */
function localObject(
  func: Func,
  load: Value,
  size: number,
  known: (value: Value) => Value,
  little: boolean,
): number[] | undefined {
  const from = placeOf(load.args[0]!, load.offset)
  if (!from || !func.entry.insts.includes(load)) return undefined
  const bytes: (number | undefined)[] = new Array(size).fill(undefined)
  for (const inst of func.entry.insts) {
    if (inst === load) break
    const filled = inst.op === 'memset'
    if (inst.op !== 'store' && !filled) continue
    const to = placeOf(inst.args[0]!, inst.offset)
    if (to?.object !== from.object) continue
    const value = known(inst.args[1]!)
    const width = filled ? inst.size : Math.max(8, bitsOf(inst.args[1]!.type)) / 8
    for (let i = 0; i < width; i++) {
      const at = to.offset + i - from.offset
      if (at < 0 || at >= size) continue
      const place = filled ? 0 : little ? i : width - 1 - i
      bytes[at] = value.op === 'const' ? Number((value.value >> BigInt(8 * place)) & 255n) : undefined
    }
  }
  return bytes.every(byte => byte !== undefined) ? (bytes as number[]) : undefined
}

/** A local object and an offset in it. */
function placeOf(address: Value, offset: number): { object: Value; offset: number } | undefined {
  let at = address
  let sum = offset
  while (at.op === 'ptradd' && at.args[1]!.op === 'const') {
    sum += Number(signed('i64', at.args[1]!.value))
    at = at.args[0]!
  }
  return at.op === 'alloca' ? { object: at, offset: sum } : undefined
}
