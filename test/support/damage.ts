/** Damaged copies of binary inputs, the same for the same random numbers: what tests and scripts/fuzz-objects.ts feed to the readers. */

const EXTREMES = [0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x00ff_ffff]

/** `next(n)` gives an integer from 0 to n - 1. Within `start` and `end`: bits flipped, words made extreme or swapped, pieces repeated, the file's end cut off. */
export function damage(bytes: Uint8Array, next: (below: number) => number, start = 0, end = bytes.length): Uint8Array {
  let copy = bytes.slice()
  for (let count = 1 + next(6); count > 0 && copy.length > start; count--) {
    const stop = Math.min(end, copy.length)
    const at = start + next(stop - start)
    switch (next(6)) {
      case 0:
        copy[at] = copy[at]! ^ (1 << next(8))
        break
      case 1:
        copy[at] = next(256)
        break
      case 2:
      case 3: {
        const word = Math.min(at & ~3, copy.length - 4)
        if (word >= 0) new DataView(copy.buffer).setUint32(word, EXTREMES[next(EXTREMES.length)]!, true)
        break
      }
      case 4: {
        const length = Math.min(next(64), stop - at)
        copy.copyWithin(start + next(stop - start - length + 1), at, at + length)
        break
      }
      default:
        if (next(8) === 0) copy = copy.slice(0, 1 + next(copy.length))
    }
  }
  return copy
}
