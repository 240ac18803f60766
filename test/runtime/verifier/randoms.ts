/** Reproducible random words, with the corners that matter more often than chance. */
import { Tnum } from '../../../runtime/verifier/state/tnum.js'
import * as w from '../../../runtime/verifier/state/u64.js'

export class Randoms {
  constructor(private state: number) {}

  /** 0 to 2^32-1 (xorshift). */
  next(): number {
    let x = this.state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.state = x
    return x >>> 0
  }

  below(limit: number): number {
    return this.next() % limit
  }
}

const corners = [
  0n,
  1n,
  2n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0xffffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  (1n << 63n) - 1n,
  1n << 63n,
  (1n << 64n) - 1n,
  (1n << 64n) - 2n,
  0xffffffff80000000n,
]

export function random64(randoms: Randoms): bigint {
  switch (randoms.below(4)) {
    case 0:
      return corners[randoms.below(corners.length)]!
    case 1:
      return BigInt(randoms.below(1000))
    case 2:
      return BigInt.asUintN(64, -BigInt(randoms.below(1000)))
    default:
      return (BigInt(randoms.next()) << 32n) | BigInt(randoms.next())
  }
}

export function randomTnum(randoms: Randoms): Tnum {
  const mask = randoms.below(3) === 0 ? 0n : random64(randoms)
  return new Tnum(w.fromBigInt(random64(randoms) & ~mask), w.fromBigInt(mask))
}
