/** The Internet checksum (RFC 1071) over big-endian 16-bit words. */

/** Sum of a range, not folded; an odd last byte counts as the high half of a word. */
export function sumOf(bytes: Uint8Array, start = 0, end = bytes.length): number {
  let sum = 0
  for (let i = start; i + 1 < end; i += 2) sum += (bytes[i]! << 8) | bytes[i + 1]!
  if ((end - start) & 1) sum += bytes[end - 1]! << 8
  return sum
}

/** Folds a sum to the checksum that goes into a header. */
export function checksumOf(sum: number): number {
  let value = sum
  while (value > 0xffff) value = (value & 0xffff) + Math.floor(value / 0x10000)
  return ~value & 0xffff
}
