/**
 * A message on its way through a socket (struct sk_msg): bytes in pieces, of which a program sees the first, or what it pulled. The
 * pieces lie in one row here; only their lengths are kept (net/core/filter.c, bpf_msg_pull_data and its like, 6.12).
 */
import { EINVAL, ENOMEM } from '../errno.js'
import { HEADROOM, PacketBuffer } from './packet-buffer.js'

/** MAX_MSG_FRAGS of the kernel. */
const MAX_PIECES = 17

export class MessageBuffer extends PacketBuffer {
  private pieces: number[] = []
  applyBytes = 0
  corkBytes = 0

  /** Puts a message in; `pieces` are the lengths of its parts, which must add up. */
  fill(message: Uint8Array, pieces: readonly number[]): void {
    if (
      pieces.reduce((sum, size) => sum + size, 0) !== message.length ||
      pieces.some(size => size < 1 || !Number.isInteger(size))
    )
      throw new RangeError(`fragments ${pieces.join(' + ')} do not make up the ${message.length} bytes of the message`)
    this.pieces = message.length === 0 ? [] : [...pieces]
    this.applyBytes = this.corkBytes = 0
    this.load(message)
    this.showFirst()
  }

  private get total(): number {
    return this.pieces.reduce((sum, size) => sum + size, 0)
  }

  private get start(): number {
    return this.first + HEADROOM
  }

  override get length(): number {
    return this.total
  }

  override bytes(): Uint8Array {
    return this.m.memory.bytes.slice(this.start, this.start + this.total)
  }

  private show(from: number, to: number): void {
    this.data = this.meta = this.start + from
    this.end = this.start + to
    this.sync()
  }

  private showFirst(): void {
    this.show(0, this.pieces[0] ?? 0)
  }

  /** The piece that holds a position, and where it begins; the number of pieces when it lies behind the last. */
  private pieceAt(position: number): { readonly index: number; readonly offset: number } {
    let offset = 0
    let index = 0
    while (index < this.pieces.length && position >= offset + this.pieces[index]!) offset += this.pieces[index++]!
    return { index, offset }
  }

  /** Makes bytes `start` to `end` visible, joining the pieces they lie in. */
  pull(start: number, end: number): number {
    if (end <= start || end > this.total) return -EINVAL
    const { index, offset } = this.pieceAt(start)
    let joined = 0
    let count = 0
    while (joined < end - offset) joined += this.pieces[index + count++]!
    this.pieces.splice(index, count, joined)
    this.show(start, end)
    return 0
  }

  /** Makes room for `size` bytes at `start`; what is in them is not said, here they are zero. */
  push(start: number, size: number): number {
    if (size === 0) return 0
    if (start > this.total) return -EINVAL
    const end = this.start + this.total
    if (end + size > this.last) return -ENOMEM
    const { bytes } = this.m.memory
    bytes.copyWithin(this.start + start + size, this.start + start, end)
    bytes.fill(0, this.start + start, this.start + start + size)
    const { index, offset } = this.pieceAt(start)
    const space = MAX_PIECES - this.pieces.length
    const front = start - offset
    if (space <= 0 || (space === 1 && front > 0)) {
      const into = Math.min(index, this.pieces.length - 1)
      this.pieces[into] = this.pieces[into]! + size
    } else if (front > 0) this.pieces.splice(index, 1, front, size, this.pieces[index]! - front)
    else this.pieces.splice(index, 0, size)
    this.showFirst()
    return 0
  }

  /** Takes `size` bytes out at `start`. */
  pop(start: number, size: number): number {
    if (size === 0) return 0
    if (start >= this.total || start + size > this.total) return -EINVAL
    const end = this.start + this.total
    this.m.memory.bytes.copyWithin(this.start + start, this.start + start + size, end)
    const left: number[] = []
    let offset = 0
    for (const piece of this.pieces) {
      const front = Math.min(piece, Math.max(0, start - offset))
      const back = Math.min(piece - front, Math.max(0, offset + piece - start - size))
      left.push(...[front, back].filter(part => part > 0))
      offset += piece
    }
    this.pieces = left
    this.showFirst()
    return 0
  }
}
