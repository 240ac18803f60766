/** Reading and writing bytes with an explicit byte order. Readers check bounds and throw a `FormatError` with the offset. */
import { FormatError } from './outcome.js'

const utf8 = new TextDecoder()
const utf8Encoder = new TextEncoder()

/** A view over bytes that the caller owns and must not change meanwhile. Offsets are relative to the view's start. */
export class ByteReader {
  readonly view: DataView

  constructor(
    readonly bytes: Uint8Array,
    readonly little: boolean,
    /** Names the thing read in messages, e.g. `.BTF`. */
    readonly what = 'input',
    /** Added to offsets in messages, so that they are offsets in the file. */
    readonly origin = 0,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  private check(offset: number, size: number): void {
    if (offset < 0 || offset + size > this.bytes.length || !Number.isInteger(offset))
      throw new FormatError(
        'F0001',
        `${this.what} ends early: ${size} bytes wanted at offset ${offset} of ${this.bytes.length}`,
        this.origin + offset,
      )
  }

  u8(offset: number): number {
    this.check(offset, 1)
    return this.bytes[offset]!
  }

  u16(offset: number): number {
    this.check(offset, 2)
    return this.view.getUint16(offset, this.little)
  }

  i16(offset: number): number {
    this.check(offset, 2)
    return this.view.getInt16(offset, this.little)
  }

  u32(offset: number): number {
    this.check(offset, 4)
    return this.view.getUint32(offset, this.little)
  }

  i32(offset: number): number {
    this.check(offset, 4)
    return this.view.getInt32(offset, this.little)
  }

  u64(offset: number): bigint {
    this.check(offset, 8)
    return this.view.getBigUint64(offset, this.little)
  }

  /** A 64-bit offset or size of a file format, as a number; refuses what a file cannot have. */
  size64(offset: number): number {
    const value = this.u64(offset)
    if (value > 0x1f_ffff_ffff_ffffn)
      throw new FormatError('F0002', `${this.what}: size ${value} is out of range`, this.origin + offset)
    return Number(value)
  }

  /** A part of the bytes, sharing memory. */
  slice(offset: number, length: number): Uint8Array {
    this.check(offset, length)
    return this.bytes.subarray(offset, offset + length)
  }

  /** A NUL-terminated UTF-8 string. */
  cstring(offset: number): string {
    this.check(offset, 1)
    const end = this.bytes.indexOf(0, offset)
    if (end < 0) throw new FormatError('F0003', `${this.what}: string at offset ${offset} has no end`, this.origin + offset)
    return utf8.decode(this.bytes.subarray(offset, end))
  }
}

/** Bytes that grow. */
export class ByteWriter {
  private buffer: Uint8Array
  private view: DataView
  length = 0

  constructor(
    readonly little: boolean,
    capacity = 256,
  ) {
    this.buffer = new Uint8Array(capacity)
    this.view = new DataView(this.buffer.buffer)
  }

  private room(size: number): number {
    const at = this.length
    if (at + size > this.buffer.length) {
      const bigger = new Uint8Array(Math.max(this.buffer.length * 2, at + size))
      bigger.set(this.buffer.subarray(0, at))
      this.buffer = bigger
      this.view = new DataView(bigger.buffer)
    }
    this.length = at + size
    return at
  }

  u8(value: number): this {
    const at = this.room(1)
    this.buffer[at] = value
    return this
  }

  u16(value: number): this {
    const at = this.room(2)
    this.view.setUint16(at, value, this.little)
    return this
  }

  u32(value: number): this {
    const at = this.room(4)
    this.view.setUint32(at, value, this.little)
    return this
  }

  u64(value: bigint | number): this {
    const at = this.room(8)
    if (typeof value === 'bigint') this.view.setBigUint64(at, BigInt.asUintN(64, value), this.little)
    else {
      const high = Math.floor(value / 2 ** 32)
      this.view.setUint32(at, this.little ? value : high, this.little)
      this.view.setUint32(at + 4, this.little ? high : value, this.little)
    }
    return this
  }

  /** Overwrites four bytes written before. */
  patch32(offset: number, value: number): void {
    this.view.setUint32(offset, value, this.little)
  }

  /** Overwrites two bytes written before. */
  patch16(offset: number, value: number): void {
    this.view.setUint16(offset, value, this.little)
  }

  /** Overwrites a byte written before. */
  patch8(offset: number, value: number): void {
    this.buffer[offset] = value
  }

  append(bytes: Uint8Array): this {
    const at = this.room(bytes.length)
    this.buffer.set(bytes, at)
    return this
  }

  zeros(count: number): this {
    const at = this.room(count)
    this.buffer.fill(0, at, at + count)
    return this
  }

  /** Zero bytes up to the next multiple of `alignment`. */
  align(alignment: number): this {
    const over = this.length % alignment
    return over ? this.zeros(alignment - over) : this
  }

  cstring(text: string): this {
    return this.append(utf8Encoder.encode(text)).u8(0)
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.buffer.slice(0, this.length)
  }

  /** What was written, not copied: nothing may be written afterwards. */
  take(): Uint8Array {
    return this.buffer.subarray(0, this.length)
  }
}
