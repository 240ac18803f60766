/**
 * Map helpers as WebAssembly: lookups in arrays and hash maps, and updates of elements of hash maps that are there. Each leaves its result on the
 * operand stack.
 */
import type { ArrayLayout } from '../maps/array.js'
import { HASH_FACTOR, HASH_START, type HashLayout } from '../maps/hash.js'
import { CPU_CELL } from './cells.js'
import { I64, Op, VOID, type WasmCode } from './wasm-writer.js'

/** Locals of 32 bits that the code may use. */
export interface MapLocals {
  readonly address: number
  readonly entry: number
  readonly hash: number
}

/** bpf_map_lookup_elem of an array: base + index * stride, or 0. `key` is the local of its address, 64 bits. */
export function arrayLookup(code: WasmCode, layout: ArrayLayout, key: number, { address }: MapLocals): void {
  const { base, stride, count, perCpu } = layout
  code.get(key).op(Op.i32_wrap_i64).memory(Op.i32_load, 0).tee(address).i32(count).op(Op.i32_lt_u).op(Op.if, I64)
  code.get(address).i32(stride).op(Op.i32_mul).i32(base).op(Op.i32_add)
  if (perCpu)
    code
      .i32(0)
      .memory(Op.i32_load, CPU_CELL)
      .i32(stride * count)
      .op(Op.i32_mul, Op.i32_add)
  code.op(Op.i64_extend_i32_u, Op.else).i64(0, 0).op(Op.end)
}

/** The walk of `HashMap.findEntry`: leaves the entry's address, or 0, in its local. */
function findEntry(code: WasmCode, map: HashLayout, key: number, { address, entry, hash }: MapLocals): void {
  code.get(key).op(Op.i32_wrap_i64).set(address).i32(HASH_START).set(hash)
  for (let at = 0; at < map.keySize; at += 4) {
    code.get(hash).get(address).memory(Op.i32_load, at).op(Op.i32_xor).i32(HASH_FACTOR).op(Op.i32_mul).tee(hash)
    code.get(hash).i32(15).op(Op.i32_shr_u, Op.i32_xor).set(hash)
  }
  code.get(hash).get(hash).i32(15).op(Op.i32_shr_u, Op.i32_xor).tee(hash)
  code
    .i32(map.bucketCount - 1)
    .op(Op.i32_and)
    .i32(2)
    .op(Op.i32_shl)
    .memory(Op.i32_load, map.buckets)
    .set(entry)
  code.op(Op.block, VOID, Op.loop, VOID).get(entry).op(Op.i32_eqz, Op.br_if, 1)
  code.get(entry).memory(Op.i32_load, map.hashAt).get(hash).op(Op.i32_eq)
  for (let at = 0; at < map.keySize; at += 4)
    code
      .get(entry)
      .memory(Op.i32_load, map.keyAt + at)
      .get(address)
      .memory(Op.i32_load, at)
      .op(Op.i32_eq, Op.i32_and)
  code.op(Op.br_if, 1).get(entry).memory(Op.i32_load, map.nextAt).set(entry).op(Op.br, 0, Op.end, Op.end)
}

/** Adds the distance of the running CPU's value to the address on the stack. */
function ofCpu(code: WasmCode, { perCpu, valueStride }: HashLayout): void {
  if (perCpu) code.i32(0).memory(Op.i32_load, CPU_CELL).i32(valueStride).op(Op.i32_mul, Op.i32_add)
}

/** bpf_map_lookup_elem of a hash map. */
export function hashLookup(code: WasmCode, map: HashLayout, key: number, locals: MapLocals): void {
  findEntry(code, map, key, locals)
  code.get(locals.entry).i32(map.valueAt).op(Op.i32_add)
  ofCpu(code, map)
  code.op(Op.i64_extend_i32_u).i64(0, 0).get(locals.entry).op(Op.select)
}

/** Words of a value that are copied in place; longer ones go by the helper. */
export const COPIED_BYTES = 64

/**
 * bpf_map_update_elem of a hash map with flags BPF_ANY: where the element is there its value is replaced, otherwise `helper` emits the call, whose
 * result it leaves on the stack.
 */
export function hashUpdate(
  code: WasmCode,
  map: HashLayout,
  [key, value, flags]: readonly [number, number, number],
  locals: MapLocals,
  helper: () => void,
): void {
  const { address, entry } = locals
  code.i32(0).set(entry).get(flags).op(Op.i64_eqz, Op.if, VOID)
  findEntry(code, map, key, locals)
  code.op(Op.end).get(entry).op(Op.if, I64)
  code.get(entry).i32(map.valueAt).op(Op.i32_add)
  ofCpu(code, map)
  code.set(entry).get(value).op(Op.i32_wrap_i64).set(address)
  for (let at = 0; at < map.valueSize; ) {
    const left = map.valueSize - at
    const [load, store, size] =
      left >= 8
        ? ([Op.i64_load, Op.i64_store, 8] as const)
        : left >= 4
          ? ([Op.i64_load32_u, Op.i64_store32, 4] as const)
          : ([Op.i64_load8_u, Op.i64_store8, 1] as const)
    code.get(entry).get(address).memory(load, at).memory(store, at)
    at += size
  }
  code.i64(0, 0).op(Op.else)
  helper()
  code.op(Op.end)
}
