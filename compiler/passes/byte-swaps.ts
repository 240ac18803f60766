/**
 * Words put together from shifted bytes of another in the opposite order become the instruction for it. Each byte of a result is followed
 * through shifts, masks and `or` to the byte of the value that it comes from.
 */
import { bitsOf, type Func, type Value } from '../ir/ir.js'
import type { FunctionPass } from './pass.js'
import { Replacements } from './rewrite.js'

export const byteSwaps: FunctionPass = {
  kind: 'function',
  name: 'byte-swaps',
  run(func) {
    const replacements = new Replacements()
    // What an `or` of a larger word is put together from is not a word of its own.
    const parts = new Set(func.blocks.flatMap(block => block.insts.filter(isOr).flatMap(inst => inst.args.filter(isOr))))
    for (const block of func.blocks)
      block.insts = block.insts.flatMap(inst => {
        const word = isWord(inst) && !parts.has(inst) ? swapped(inst) : undefined
        if (!word) return inst
        const made = swap(func, word, inst)
        replacements.set(inst, made[made.length - 1]!)
        return made
      })
    replacements.apply(func)
    return !replacements.empty
  },
}

const isOr = ({ op, type }: Value): boolean => op === 'or' && bitsOf(type) >= 16

/** What may be the whole of it: an `or`, or what is cut out of one. */
const isWord = (inst: Value): boolean =>
  isOr(inst) || ((inst.op === 'trunc' || inst.op === 'and') && bitsOf(inst.type) >= 16 && inst.args.some(isOr))

/** Where a byte comes from; undefined for zero. */
type Byte = { readonly of: Value; readonly index: number } | undefined

/** Operations that are followed: a word of eight bytes takes about twenty. */
const MAX_STEPS = 40

/** The value whose bytes, as many as the type has or fewer, the `or` holds in the opposite order. */
function swapped(inst: Value): { readonly of: Value; readonly bytes: number } | undefined {
  const bytes = new Tracer().trace(inst)
  const first = bytes?.[0]
  if (!bytes || !first) return undefined
  const width = first.index + 1
  if (width !== 2 && width !== 4 && width !== 8) return undefined
  const whole = bytes.every((byte, i) => (i < width ? byte?.of === first.of && byte.index === width - 1 - i : byte === undefined))
  return whole ? { of: first.of, bytes: width } : undefined
}

class Tracer {
  private steps = 0

  /** The bytes of a value, lowest first; undefined where it is not made of whole bytes. */
  trace(value: Value): Byte[] | undefined {
    const size = bitsOf(value.type) >> 3
    if (value.op === 'const') return value.value === 0n ? new Array<Byte>(size).fill(undefined) : undefined
    return (
      (this.steps++ < MAX_STEPS && this.through(value, size)) ||
      Array.from({ length: size }, (_, index) => ({ of: value, index }))
    )
  }

  private through({ op, args }: Value, size: number): Byte[] | undefined {
    if (op === 'zext' || op === 'trunc') {
      const a = args[0]!.type === 'i1' ? undefined : this.trace(args[0]!)
      return a && Array.from({ length: size }, (_, i) => a[i])
    }
    if (op === 'or') {
      const a = this.trace(args[0]!)
      const b = this.trace(args[1]!)
      return a && b && a.every((byte, i) => !byte || !b[i]) ? a.map((byte, i) => byte ?? b[i]) : undefined
    }
    const by = args[1]
    if (by?.op !== 'const') return undefined
    if (op === 'and') {
      const a = this.trace(args[0]!)
      const masks = Array.from({ length: size }, (_, i) => Number((by.value >> BigInt(i * 8)) & 0xffn))
      return a && masks.every((mask, i) => mask === 0 || mask === 0xff || !a[i])
        ? a.map((byte, i) => (masks[i] ? byte : undefined))
        : undefined
    }
    if ((op !== 'shl' && op !== 'lshr') || by.value % 8n !== 0n || by.value >= BigInt(size * 8)) return undefined
    const a = this.trace(args[0]!)
    const distance = Number(by.value / 8n) * (op === 'shl' ? -1 : 1)
    return a && a.map((_, i) => a[i + distance])
  }
}

function swap(func: Func, { of, bytes }: { readonly of: Value; readonly bytes: number }, { type, loc }: Value): Value[] {
  const made: Value[] = []
  const cast = (value: Value, to: 'i16' | 'i32' | 'i64' | Value['type']): Value => {
    if (value.type === to) return value
    const made_ = func.value(bitsOf(value.type) > bitsOf(to) ? 'trunc' : 'zext', to, [value], loc)
    made.push(made_)
    return made_
  }
  const word = bytes === 2 ? 'i16' : bytes === 4 ? 'i32' : 'i64'
  const turned = func.value('bswap', word, [cast(of, word)], loc)
  made.push(turned)
  cast(turned, type)
  return made
}
