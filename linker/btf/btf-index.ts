/** BTF together with what opening it finds out, as bytes: who keeps them opens a kernel's types the next time without going through all of them. */

/** For BTF without a base. */
export interface BtfIndex {
  /** Offset of each type. */
  readonly offsets: Int32Array
  /** First type of each bucket of names, and the next one of each type; by number from 1, 0 for none. */
  readonly heads: Int32Array
  readonly chain: Int32Array
  /** Ids of the types that are sections. */
  readonly datasecs: Int32Array
}

const PARTS = 5

/** The lengths in bytes of the BTF and of the four parts of its index, then these, each from a multiple of 4; words of this machine. */
export function encodeIndexedBtf(btf: Uint8Array, { offsets, heads, chain, datasecs }: BtfIndex): Uint8Array {
  const parts = [btf, offsets, heads, chain, datasecs]
  const out = new Uint8Array(parts.reduce((sum, part) => sum + aligned(part.byteLength), 4 * PARTS))
  new Int32Array(out.buffer, 0, PARTS).set(parts.map(part => part.byteLength))
  let at = 4 * PARTS
  for (const part of parts) {
    out.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), at)
    at += aligned(part.byteLength)
  }
  return out
}

/** The parts lie in `bytes`; undefined where those are of another length than they say. */
export function decodeIndexedBtf(bytes: Uint8Array): { readonly bytes: Uint8Array; readonly index: BtfIndex } | undefined {
  const { buffer, byteOffset, length } = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice()
  if (length < 4 * PARTS) return undefined
  const lengths = Array.from(new Int32Array(buffer, byteOffset, PARTS))
  if (lengths.reduce((sum, part) => sum + aligned(part), 4 * PARTS) !== length) return undefined
  let at = byteOffset + 4 * PARTS
  const places = lengths.map(part => (at += aligned(part)) - aligned(part))
  const words = (part: number) => new Int32Array(buffer, places[part]!, lengths[part]! >> 2)
  return {
    bytes: new Uint8Array(buffer, places[0]!, lengths[0]!),
    index: { offsets: words(1), heads: words(2), chain: words(3), datasecs: words(4) },
  }
}

const aligned = (length: number): number => (length + 3) & ~3
