/**
 * Capture files: pcap (both byte orders, micro- and nanoseconds) and pcapng (draft-ietf-opsawg-pcapng). Packets come one by one, so a
 * file of any size is read in constant memory over its bytes; a broken record is reported and reading goes on where that is possible.
 */
import { FormatError } from '../../../base/outcome.js'

export interface CapturedPacket {
  /** Shares memory with the file. */
  readonly bytes: Uint8Array
  /** Length on the wire; more than `bytes` holds when the capture was cut. */
  readonly length: number
  /** Nanoseconds since 1970. */
  readonly time: bigint
  /** LINKTYPE number; 1 is Ethernet. */
  readonly linkType: number
  readonly interface: number
}

/** A record that could not be read. */
export interface BrokenRecord {
  readonly error: string
  /** Byte offset of the record. */
  readonly offset: number
}

export type CaptureItem = CapturedPacket | BrokenRecord

export const isBroken = (item: CaptureItem): item is BrokenRecord => 'error' in item

/** Larger packets are taken for damage. */
const MAX_PACKET = 0x4_0000

/** Larger blocks of pcapng are taken for damage: nothing in them needs as much. */
const MAX_BLOCK = 0x100_0000

/** A file that comes in pieces: as much of it is there as is being read. Offsets count from the file's start. */
class Window {
  private bytes: Uint8Array = new Uint8Array(0)
  private view = new DataView(this.bytes.buffer)
  private start = 0
  private readonly pieces: Iterator<Uint8Array>

  constructor(input: Uint8Array | Iterable<Uint8Array>) {
    this.pieces = (input instanceof Uint8Array ? [input] : input)[Symbol.iterator]()
  }

  /** Whether the file has these bytes; what lies before them is let go. */
  has(at: number, count: number): boolean {
    while (at + count > this.start + this.bytes.length) {
      const next = this.pieces.next()
      if (next.done) return false
      const kept = this.bytes.subarray(Math.min(this.bytes.length, at - this.start))
      const start = this.start + this.bytes.length - kept.length
      let bytes = next.value
      if (kept.length > 0) {
        bytes = new Uint8Array(kept.length + next.value.length)
        bytes.set(kept)
        bytes.set(next.value, kept.length)
      }
      this.bytes = bytes
      this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
      this.start = start
    }
    return true
  }

  u8(at: number): number {
    return this.view.getUint8(at - this.start)
  }

  u16(at: number, little: boolean): number {
    return this.view.getUint16(at - this.start, little)
  }

  u32(at: number, little: boolean): number {
    return this.view.getUint32(at - this.start, little)
  }

  slice(at: number, end: number): Uint8Array {
    return this.bytes.subarray(at - this.start, end - this.start)
  }
}

const pcapFormats: Readonly<Record<number, readonly [little: boolean, unit: bigint]>> = {
  2712847316: [true, 1000n],
  3569595041: [false, 1000n],
  2712812621: [true, 1n],
  1295823521: [false, 1n],
}

/**
 * The packets of a capture file, given whole or in pieces of any size, of which no more is kept than is being read. Throws a FormatError where the
 * file is no capture at all.
 */
export function* readCapture(input: Uint8Array | Iterable<Uint8Array>): Generator<CaptureItem> {
  const file = new Window(input)
  if (!file.has(0, 4)) throw new FormatError('F0601', 'a capture file has at least a magic number', 0)
  const magic = file.u32(0, true)
  if (magic === 0x0a0d0d0a) {
    yield* readPcapng(file)
    return
  }
  const format = pcapFormats[magic]
  if (!format) throw new FormatError('F0601', `neither pcap nor pcapng: the file starts with 0x${magic.toString(16)}`, 0)
  yield* readPcap(file, format[0], format[1])
}

function* readPcap(file: Window, little: boolean, unit: bigint): Generator<CaptureItem> {
  if (!file.has(0, 24)) throw new FormatError('F0601', 'the pcap header has 24 bytes, the file less', 4)
  const linkType = file.u32(20, little) & 0xffff
  for (let at = 24; file.has(at, 1); ) {
    if (!file.has(at, 16)) {
      yield { error: 'the file ends inside a record header', offset: at }
      return
    }
    const captured = file.u32(at + 8, little)
    const length = file.u32(at + 12, little)
    if (captured > MAX_PACKET) {
      yield { error: `a packet of ${captured} bytes: the file is damaged from here`, offset: at }
      return
    }
    if (!file.has(at, 16 + captured)) {
      yield { error: `the file ends inside a packet of ${captured} bytes`, offset: at }
      return
    }
    const time = BigInt(file.u32(at, little)) * 1_000_000_000n + BigInt(file.u32(at + 4, little)) * unit
    yield { bytes: file.slice(at + 16, at + 16 + captured), length, time, linkType, interface: 0 }
    at += 16 + captured
  }
}

interface Interface {
  readonly linkType: number
  /** Nanoseconds a tick, as a fraction. */
  readonly numerator: bigint
  readonly denominator: bigint
}

/** if_tsresol: a power of ten, or of two when the high bit is set. */
function resolution(file: Window, start: number, end: number, little: boolean): Omit<Interface, 'linkType'> {
  let at = start
  while (at + 4 <= end) {
    const code = file.u16(at, little)
    const size = file.u16(at + 2, little)
    if (code === 0) break
    if (code === 9 && size === 1 && at + 5 <= end) {
      const value = file.u8(at + 4)
      const power = BigInt(value & 0x7f)
      return { numerator: 1_000_000_000n, denominator: value & 0x80 ? 1n << power : 10n ** power }
    }
    at += 4 + ((size + 3) & ~3)
  }
  return { numerator: 1000n, denominator: 1n }
}

function* readPcapng(file: Window): Generator<CaptureItem> {
  let little = true
  let interfaces: Interface[] = []
  for (let at = 0; file.has(at, 1); ) {
    if (!file.has(at, 12)) {
      yield { error: 'the file ends inside a block header', offset: at }
      return
    }
    const type = file.u32(at, little)
    if (type === 0x0a0d0d0a) {
      const order = file.u32(at + 8, true)
      if (order !== 0x1a2b3c4d && order !== 0x4d3c2b1a) {
        yield { error: 'a section header without byte-order mark', offset: at }
        return
      }
      little = order === 0x1a2b3c4d
      interfaces = []
    }
    const size = file.u32(at + 4, little)
    if (size < 12 || size % 4 !== 0 || size > MAX_BLOCK || !file.has(at, size)) {
      yield { error: `a block of ${size} bytes that the file cannot hold`, offset: at }
      return
    }
    const end = at + size - 4
    if (type === 1 && size >= 20) {
      interfaces.push({ linkType: file.u16(at + 8, little), ...resolution(file, at + 16, end, little) })
    } else if (type === 6) yield enhanced(file, little, interfaces, at, end)
    else if (type === 3) {
      const length = file.u32(at + 8, little)
      const captured = Math.min(length, end - at - 12)
      yield {
        bytes: file.slice(at + 12, at + 12 + captured),
        length,
        time: 0n,
        linkType: interfaces[0]?.linkType ?? 1,
        interface: 0,
      }
    }
    at += size
  }
}

function enhanced(file: Window, little: boolean, interfaces: readonly Interface[], at: number, end: number): CaptureItem {
  if (end - at < 28) return { error: 'a packet block without its header', offset: at }
  const number = file.u32(at + 8, little)
  const from = interfaces[number]
  if (!from) return { error: `a packet of interface ${number}, which is not described`, offset: at }
  const captured = file.u32(at + 20, little)
  if (at + 28 + captured > end) return { error: `a packet of ${captured} bytes in a smaller block`, offset: at }
  const ticks = (BigInt(file.u32(at + 12, little)) << 32n) | BigInt(file.u32(at + 16, little))
  return {
    bytes: file.slice(at + 28, at + 28 + captured),
    length: file.u32(at + 24, little),
    time: (ticks * from.numerator) / from.denominator,
    linkType: from.linkType,
    interface: number,
  }
}

/** A pcap file (nanoseconds, little endian, Ethernet) of packets; times count from 1970. */
export function writePcap(packets: Iterable<{ readonly bytes: Uint8Array; readonly time?: bigint }>): Uint8Array {
  const list = [...packets]
  const out = new Uint8Array(24 + list.reduce((sum, { bytes }) => sum + 16 + bytes.length, 0))
  const view = new DataView(out.buffer)
  view.setUint32(0, 0xa1b23c4d, true)
  view.setUint16(4, 2, true)
  view.setUint16(6, 4, true)
  view.setUint32(16, MAX_PACKET, true)
  view.setUint32(20, 1, true)
  let at = 24
  for (const { bytes, time = 0n } of list) {
    view.setUint32(at, Number(time / 1_000_000_000n), true)
    view.setUint32(at + 4, Number(time % 1_000_000_000n), true)
    view.setUint32(at + 8, bytes.length, true)
    view.setUint32(at + 12, bytes.length, true)
    out.set(bytes, at + 16)
    at += 16 + bytes.length
  }
  return out
}
