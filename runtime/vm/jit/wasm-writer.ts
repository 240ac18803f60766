/** Writing WebAssembly modules: LEB128 numbers, opcodes by name, sections (WebAssembly core specification 2.0, section 5). */

export const I32 = 0x7f
export const I64 = 0x7e
/** Block without a result. */
export const VOID = 0x40

/** Opcodes, by their names in the specification. */
export const Op = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  br_if: 0x0d,
  return: 0x0f,
  call: 0x10,
  drop: 0x1a,
  select: 0x1b,
  local_get: 0x20,
  local_set: 0x21,
  local_tee: 0x22,
  i32_load: 0x28,
  i64_load: 0x29,
  i64_load8_s: 0x30,
  i64_load8_u: 0x31,
  i64_load16_s: 0x32,
  i64_load16_u: 0x33,
  i64_load32_s: 0x34,
  i64_load32_u: 0x35,
  i32_store: 0x36,
  i64_store: 0x37,
  i64_store8: 0x3c,
  i64_store16: 0x3d,
  i64_store32: 0x3e,
  i32_const: 0x41,
  i64_const: 0x42,
  i32_eqz: 0x45,
  i32_eq: 0x46,
  i32_ne: 0x47,
  i32_lt_s: 0x48,
  i32_lt_u: 0x49,
  i32_gt_s: 0x4a,
  i32_gt_u: 0x4b,
  i32_le_s: 0x4c,
  i32_le_u: 0x4d,
  i32_ge_s: 0x4e,
  i32_ge_u: 0x4f,
  i64_eqz: 0x50,
  i64_eq: 0x51,
  i64_ne: 0x52,
  i64_lt_s: 0x53,
  i64_lt_u: 0x54,
  i64_gt_s: 0x55,
  i64_gt_u: 0x56,
  i64_le_s: 0x57,
  i64_le_u: 0x58,
  i64_ge_s: 0x59,
  i64_ge_u: 0x5a,
  i32_add: 0x6a,
  i32_sub: 0x6b,
  i32_mul: 0x6c,
  i32_div_s: 0x6d,
  i32_div_u: 0x6e,
  i32_rem_s: 0x6f,
  i32_rem_u: 0x70,
  i32_and: 0x71,
  i32_or: 0x72,
  i32_xor: 0x73,
  i32_shl: 0x74,
  i32_shr_s: 0x75,
  i32_shr_u: 0x76,
  i32_rotl: 0x77,
  i64_add: 0x7c,
  i64_sub: 0x7d,
  i64_mul: 0x7e,
  i64_div_s: 0x7f,
  i64_div_u: 0x80,
  i64_rem_s: 0x81,
  i64_rem_u: 0x82,
  i64_and: 0x83,
  i64_or: 0x84,
  i64_xor: 0x85,
  i64_shl: 0x86,
  i64_shr_s: 0x87,
  i64_shr_u: 0x88,
  i32_wrap_i64: 0xa7,
  i64_extend_i32_s: 0xac,
  i64_extend_i32_u: 0xad,
  i32_extend8_s: 0xc0,
  i32_extend16_s: 0xc1,
  i64_extend8_s: 0xc2,
  i64_extend16_s: 0xc3,
  i64_extend32_s: 0xc4,
} as const

export class WasmCode {
  private bytes = new Uint8Array(1024)
  length = 0

  private room(count: number): void {
    if (this.length + count <= this.bytes.length) return
    const bigger = new Uint8Array(Math.max(this.bytes.length * 2, this.length + count))
    bigger.set(this.bytes)
    this.bytes = bigger
  }

  /** One byte, mostly an opcode. */
  op(...bytes: readonly number[]): this {
    this.room(bytes.length)
    for (const byte of bytes) this.bytes[this.length++] = byte
    return this
  }

  /** Unsigned LEB128 of up to 32 bits. */
  u32(value: number): this {
    this.room(5)
    let left = value >>> 0
    while (left > 0x7f) {
      this.bytes[this.length++] = (left & 0x7f) | 0x80
      left >>>= 7
    }
    this.bytes[this.length++] = left
    return this
  }

  /** Signed LEB128 of a 64-bit number in halves. */
  private s64(low: number, high: number): this {
    this.room(10)
    let lo = low | 0
    let hi = high | 0
    for (;;) {
      const byte = lo & 0x7f
      lo = (lo >>> 7) | (hi << 25)
      hi >>= 7
      const done = (lo === 0 && hi === 0 && !(byte & 0x40)) || (lo === -1 && hi === -1 && (byte & 0x40) !== 0)
      this.bytes[this.length++] = done ? byte : byte | 0x80
      if (done) return this
    }
  }

  i64(low: number, high: number): this {
    return this.op(Op.i64_const).s64(low, high)
  }

  i32(value: number): this {
    return this.op(Op.i32_const).s64(value, value >> 31)
  }

  get(local: number): this {
    return this.op(Op.local_get).u32(local)
  }

  set(local: number): this {
    return this.op(Op.local_set).u32(local)
  }

  tee(local: number): this {
    return this.op(Op.local_tee).u32(local)
  }

  /** A load or store; alignment is only a hint and given as 1. */
  memory(opcode: number, offset: number): this {
    return this.op(opcode, 0).u32(offset)
  }

  append(code: WasmCode): this {
    this.room(code.length)
    this.bytes.set(code.bytes.subarray(0, code.length), this.length)
    this.length += code.length
    return this
  }

  text(name: string): this {
    const bytes = new TextEncoder().encode(name)
    return this.u32(bytes.length).op(...bytes)
  }

  section(id: number, content: WasmCode): this {
    return this.op(id).u32(content.length).append(content)
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(0, this.length)
  }
}
