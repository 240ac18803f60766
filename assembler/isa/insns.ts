/**
 * A decoded program in columns, one row a slot: what the verifier, the VM, the linker and the dumps work on. A 64-bit immediate
 * load takes two rows, the second with code 0 and the high half in `imm`, exactly as in the file and in the kernel.
 */
import { SLOT_BYTES } from './opcodes.js'

export class Insns {
  /** Opcode byte. */
  readonly code: Uint8Array
  /** Destination register, 0 to 15 as encoded. */
  readonly dst: Uint8Array
  readonly src: Uint8Array
  /** Signed 16-bit offset. */
  readonly off: Int16Array
  /** Signed 32-bit immediate. */
  readonly imm: Int32Array

  constructor(
    /** Slots, not instructions. */
    readonly length: number,
  ) {
    this.code = new Uint8Array(length)
    this.dst = new Uint8Array(length)
    this.src = new Uint8Array(length)
    this.off = new Int16Array(length)
    this.imm = new Int32Array(length)
  }

  /**
   * Takes encoded slots apart (RFC 9669 section 3). The length must be a multiple of 8; what the fields mean is not checked here.
   * The register nibbles swap places with the byte order, offset and immediate follow it.
   */
  static fromBytes(bytes: Uint8Array, little = true): Insns {
    const count = Math.floor(bytes.length / SLOT_BYTES)
    const insns = new Insns(count)
    const { code, dst, src, off, imm } = insns
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let i = 0, at = 0; i < count; i++, at += SLOT_BYTES) {
      const low = view.getInt32(at, true)
      code[i] = low
      dst[i] = (little ? low >> 8 : low >> 12) & 15
      src[i] = (little ? low >> 12 : low >> 8) & 15
      off[i] = little ? low >> 16 : view.getInt16(at + 2)
      imm[i] = view.getInt32(at + 4, little)
    }
    return insns
  }

  /** The encoded slots; a fresh buffer that the caller owns. */
  toBytes(little = true): Uint8Array {
    const bytes = new Uint8Array(this.length * SLOT_BYTES)
    const view = new DataView(bytes.buffer)
    for (let i = 0, at = 0; i < this.length; i++, at += SLOT_BYTES) {
      bytes[at] = this.code[i]!
      bytes[at + 1] = little ? this.dst[i]! | (this.src[i]! << 4) : (this.dst[i]! << 4) | this.src[i]!
      view.setInt16(at + 2, this.off[i]!, little)
      view.setInt32(at + 4, this.imm[i]!, little)
    }
    return bytes
  }

  set(slot: number, code: number, dst: number, src: number, off: number, imm: number): void {
    this.code[slot] = code
    this.dst[slot] = dst
    this.src[slot] = src
    this.off[slot] = off
    this.imm[slot] = imm
  }

  /** Copies `count` rows of another program into this one. */
  copy(target: number, from: Insns, start: number, count: number): void {
    this.code.set(from.code.subarray(start, start + count), target)
    this.dst.set(from.dst.subarray(start, start + count), target)
    this.src.set(from.src.subarray(start, start + count), target)
    this.off.set(from.off.subarray(start, start + count), target)
    this.imm.set(from.imm.subarray(start, start + count), target)
  }
}
