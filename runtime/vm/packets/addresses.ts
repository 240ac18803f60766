/** Addresses as people write them, to bytes and back. */

/** `aa:bb:cc:dd:ee:ff` to 6 bytes. */
export function macBytes(text: string): Uint8Array {
  const parts = text.split(':')
  if (parts.length !== 6 || parts.some(part => !/^[0-9a-fA-F]{1,2}$/.test(part)))
    throw new RangeError(`'${text}' is no MAC address`)
  return Uint8Array.from(parts.map(part => Number.parseInt(part, 16)))
}

/** `10.0.0.1` to 4 bytes. */
export function ipv4Bytes(text: string): Uint8Array {
  const parts = text.split('.')
  if (parts.length !== 4 || parts.some(part => !/^\d{1,3}$/.test(part) || Number(part) > 255))
    throw new RangeError(`'${text}' is no IPv4 address`)
  return Uint8Array.from(parts.map(Number))
}

/** `2001:db8::1` (also with a dotted tail) to 16 bytes. */
export function ipv6Bytes(text: string): Uint8Array {
  const bad = () => new RangeError(`'${text}' is no IPv6 address`)
  const words = (part: string): number[] =>
    part === ''
      ? []
      : part.split(':').flatMap(word => {
          if (word.includes('.')) {
            const [a, b, c, d] = ipv4Bytes(word)
            return [(a! << 8) | b!, (c! << 8) | d!]
          }
          if (!/^[0-9a-fA-F]{1,4}$/.test(word)) throw bad()
          return [Number.parseInt(word, 16)]
        })
  const halves = text.split('::')
  if (halves.length > 2) throw bad()
  const head = words(halves[0]!)
  const tail = halves.length === 2 ? words(halves[1]!) : []
  const missing = 8 - head.length - tail.length
  if (halves.length === 2 ? missing < 1 : missing !== 0) throw bad()
  const all = [...head, ...new Array<number>(Math.max(0, missing)).fill(0), ...tail]
  return Uint8Array.from(all.flatMap(word => [word >> 8, word & 255]))
}

/** 4 or 16 bytes, by what the text looks like. */
export function ipBytes(text: string): Uint8Array {
  return text.includes(':') ? ipv6Bytes(text) : ipv4Bytes(text)
}
