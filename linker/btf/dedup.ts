/**
 * Takes equal types of a BTF together. Two types are equal when nothing that C could see tells them apart, however they refer to
 * each other: types start in classes of what they hold themselves, and classes are split by the classes that their references
 * are in, until nothing splits any more. Forward declarations become the type that they declare, where there is but one.
 * (libbpf's btf__dedup reaches about the same by comparing graphs one by one.)
 */
import { type BtfId, BtfKind } from './btf-types.js'
import type { LinkedBtf } from './linked-btf.js'
import { TYPE, TYPE_LAYOUTS } from './type-layout.js'

export interface Deduplication {
  /** Ids of the types that are left, in the order of their first occurrence. */
  readonly kept: readonly BtfId[]
  /** New id by old id: its place in `kept`, from 1 on. */
  readonly ids: Uint32Array
}

/** Which types are left without duplicates. Variables and sections are, all of them. */
export function dedupBtf(btf: LinkedBtf): Deduplication {
  const { count } = btf
  const forwarded = new Uint32Array(count)
  for (let id = 0; id < count; id++) forwarded[id] = id
  const contents = contentClasses(btf)
  let classes = refine(btf, contents, forwarded)
  // A forward declaration resolved makes types equal that only differed in it.
  if (resolveForwards(btf, contents, forwarded)) classes = refine(btf, contents, forwarded)
  const ids = new Uint32Array(count)
  const first = new Uint32Array(count)
  const kept: BtfId[] = []
  for (let id = 1; id < count; id++) {
    if (forwarded[id] !== id) continue
    ids[id] = first[classes[id]!] ||= kept.push(id)
  }
  for (let id = 1; id < count; id++) if (forwarded[id] !== id) ids[id] = ids[forwarded[id]!]!
  return { kept, ids }
}

/** Numbers for keys of words, equal for equal keys, from 1 on: a hash table over what `words` has gathered. */
class Classes {
  private readonly slots: Int32Array
  private readonly starts: number[] = []
  private keys = new Uint32Array(1 << 12)
  private end = 0
  private start = 0
  private hash = 0

  constructor(count: number) {
    let size = 256
    while (size < 2 * count) size *= 2
    this.slots = new Int32Array(size)
  }

  /** Adds a word to the key that `number` takes. */
  add(word: number): void {
    if (this.end === this.keys.length) {
      const bigger = new Uint32Array(2 * this.end)
      bigger.set(this.keys)
      this.keys = bigger
    }
    this.keys[this.end++] = word
    this.hash = Math.imul(this.hash ^ word, 0x9e3779b1)
    this.hash ^= this.hash >>> 15
  }

  /** The number of the key added since the last one. */
  number(): number {
    const { slots, starts, keys, start } = this
    const mask = slots.length - 1
    const length = this.end - start
    let slot = this.hash & mask
    this.hash = 0
    for (let known = slots[slot]!; known !== 0; known = slots[slot]!) {
      const other = starts[known - 1]!
      let i = 0
      if ((starts[known] ?? start) - other === length) while (i < length && keys[other + i] === keys[start + i]) i++
      else i = -1
      if (i === length) {
        this.end = start
        return known
      }
      slot = (slot + 1) & mask
    }
    starts.push(start)
    this.start = this.end
    return (slots[slot] = starts.length)
  }
}

/** Classes by all that types say without their references; each variable and section is one of its own. */
function contentClasses(btf: LinkedBtf): Uint32Array {
  const { words, places, count } = btf
  const classes = new Uint32Array(count)
  const known = new Classes(count)
  for (let id = 1; id < count; id++) {
    let at = places[id]!
    const info = words[at + 1]!
    const kind = (info >>> 24) & 31
    known.add(info)
    if (kind === BtfKind.Var || kind === BtfKind.Datasec) known.add(id)
    else {
      const { third, fixed, entry } = TYPE_LAYOUTS[kind]!
      known.add(words[at]!)
      if (third !== TYPE) known.add(words[at + 2]!)
      at += 3
      for (const word of fixed) {
        if (word !== TYPE) known.add(words[at]!)
        at++
      }
      const entries = entry.length > 0 ? info & 0xffff : 0
      for (let i = 0; i < entries; i++)
        for (const word of entry) {
          if (word !== TYPE) known.add(words[at]!)
          at++
        }
    }
    classes[id] = known.number()
  }
  return classes
}

/** Class of every type; equal types have equal classes, numbered from 1 on and below the count of types. */
function refine(btf: LinkedBtf, contents: Uint32Array, forwarded: Uint32Array): Uint32Array {
  const { words, places, count } = btf
  const classes = contents.slice()
  const members = new Uint32Array(count + 1)
  let classCount = 0
  for (let id = 1; id < count; id++) {
    members[classes[id]!]!++
    classCount = Math.max(classCount, classes[id]!)
  }
  const next = new Uint32Array(count)
  for (;;) {
    // A class of one cannot split.
    const known = new Classes(count)
    const numbers: number[] = []
    const taken = new Uint8Array(count + 1)
    const before = classCount
    for (let id = 1; id < count; id++) {
      const own = classes[id]!
      next[id] = own
      if (members[own]! < 2) continue
      let at = places[id]!
      const info = words[at + 1]!
      const { third, fixed, entry } = TYPE_LAYOUTS[(info >>> 24) & 31]!
      const classOf = (ref: number) => classes[forwarded[ref] ?? 0]!
      known.add(own)
      if (third === TYPE) known.add(classOf(words[at + 2]!))
      at += 3
      for (const word of fixed) {
        if (word === TYPE) known.add(classOf(words[at]!))
        at++
      }
      const entries = entry.length > 0 ? info & 0xffff : 0
      for (let i = 0; i < entries; i++)
        for (const word of entry) {
          if (word === TYPE) known.add(classOf(words[at]!))
          at++
        }
      const key = known.number()
      // The first part of a class keeps its number.
      if (key > numbers.length) {
        numbers.push(taken[own] ? ++classCount : own)
        taken[own] = 1
      }
      next[id] = numbers[key - 1]!
    }
    if (classCount === before) return classes
    members.fill(0)
    for (let id = 1; id < count; id++) members[(classes[id] = next[id]!)]!++
  }
}

/** Points forward declarations to the one type that they can mean; says whether there were any. */
function resolveForwards(btf: LinkedBtf, contents: Uint32Array, forwarded: Uint32Array): boolean {
  const { words, places, count } = btf
  const forwards: { readonly id: BtfId; readonly key: string }[] = []
  for (let id = 1; id < count; id++) {
    const at = places[id]!
    const key = forwardKey(words, at)
    if (key !== '' && isForward(words[at + 1]!)) forwards.push({ id, key })
  }
  if (forwards.length === 0) return false
  const full = new Map<string, { readonly id: BtfId; several: boolean }>()
  for (let id = 1; id < count; id++) {
    const at = places[id]!
    const key = forwardKey(words, at)
    if (key === '' || isForward(words[at + 1]!)) continue
    const known = full.get(key)
    if (!known) full.set(key, { id, several: false })
    // Types that differ only in forward declarations below them still have the same content of their own.
    else if (contents[known.id] !== contents[id]) known.several = true
  }
  let any = false
  for (const { id, key } of forwards) {
    const target = full.get(key)
    if (!target || target.several) continue
    forwarded[id] = target.id
    any = true
  }
  return any
}

/** An enum without values is a forward declaration too. */
function isForward(info: number): boolean {
  const kind = (info >>> 24) & 31
  return kind === BtfKind.Fwd || ((kind === BtfKind.Enum || kind === BtfKind.Enum64) && (info & 0xffff) === 0)
}

/** What a forward declaration and the type that it may mean have in common; empty for other types. */
function forwardKey(words: Uint32Array, at: number): string {
  const name = words[at]!
  const info = words[at + 1]!
  switch ((info >>> 24) & 31) {
    case BtfKind.Struct:
      return name === 0 ? '' : `struct ${name}`
    case BtfKind.Union:
      return name === 0 ? '' : `union ${name}`
    case BtfKind.Fwd:
      return `${info >>> 31 === 1 ? 'union' : 'struct'} ${name}`
    case BtfKind.Enum:
    case BtfKind.Enum64:
      return name === 0 ? '' : `enum ${name} ${words[at + 2]}`
    default:
      return ''
  }
}
