/** ASCII text that grows as bytes: what prints megabytes in small pieces makes no strings. */

const encoder = new TextEncoder()

export const ascii = (text: string): Uint8Array => encoder.encode(text)

export class TextBytes {
  private buffer: Uint8Array
  private length = 0

  /** `capacity`: bytes that it will come to, about. */
  constructor(capacity = 1 << 16) {
    this.buffer = new Uint8Array(capacity)
  }

  /** The bytes with room for `count` more; write at `end` and say so with `advance`. */
  room(count: number): Uint8Array {
    if (this.length + count > this.buffer.length) {
      const bigger = new Uint8Array(Math.max(this.buffer.length * 2, this.length + count))
      bigger.set(this.buffer.subarray(0, this.length))
      this.buffer = bigger
    }
    return this.buffer
  }

  get end(): number {
    return this.length
  }

  advance(end: number): void {
    this.length = end
  }

  /** A piece of text made before; for short ones a loop is faster than a copy. */
  put(piece: Uint8Array): void {
    const count = piece.length
    const buffer = this.room(count)
    let at = this.length
    for (let i = 0; i < count; i++) buffer[at++] = piece[i]!
    this.length = at
  }

  /** The same for longer ones, and where a loop does not run often enough to be compiled. */
  append(piece: Uint8Array): void {
    this.room(piece.length).set(piece, this.length)
    this.length += piece.length
  }

  text(text: string): void {
    const buffer = this.room(text.length * 3)
    this.length += encoder.encodeInto(text, buffer.subarray(this.length)).written
  }

  byte(code: number): void {
    this.room(1)[this.length++] = code
  }

  /** A whole number below 2^53 in decimal. */
  number(value: number): void {
    const buffer = this.room(20)
    let at = this.length
    if (value < 0) {
      buffer[at++] = 45
      value = -value
    }
    // Small integers divide without leaving the integers; the digits above are rare.
    if (value > 999_999_999) {
      for (const digit of String(value)) buffer[at++] = digit.charCodeAt(0)
      this.length = at
      return
    }
    let digits = 1
    for (let power = 10; power <= value; power *= 10) digits++
    let small = value | 0
    for (let place = at + digits - 1; place >= at; place--) {
      const rest = (small / 10) | 0
      buffer[place] = 48 + (small - rest * 10)
      small = rest
    }
    this.length = at + digits
  }

  /** A number of 64 bits, in two halves, in decimal. */
  number64(low: number, high: number, signed: boolean): void {
    if (high === 0) this.number(low)
    else {
      const value = (BigInt(high) << 32n) | BigInt(low)
      this.text(`${signed ? BigInt.asIntN(64, value) : value}`)
    }
  }

  /** What was written, sharing memory until the next write. */
  finish(): Uint8Array {
    return this.buffer.subarray(0, this.length)
  }
}
