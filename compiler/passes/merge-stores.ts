/**
 * Stores of numbers to neighbouring bytes become fewer, wider ones: initialisers of small arrays and structs. Stack objects of a word or more are put
 * on word boundaries for it. Nothing that may read or write the bytes stands between the stores, which go to where the last of them was.
 */
import { bitsOf, type Func, type IrType, type Value } from '../ir/ir.js'
import { alignmentAt, placeOf, raiseAlignment } from './alignment.js'
import { type Access, AliasInfo, accessOf } from './memory.js'
import type { FunctionPass } from './pass.js'

/** Stores to one object that are looked at together. */
const MAX_GROUP = 64

export const mergeStores: FunctionPass = {
  kind: 'function',
  name: 'merge-stores',
  run(func, _module, options) {
    if (!func.blocks.some(block => block.insts.filter(isCandidate).length > 1)) return false
    const raised = raiseAlignment(func)
    const merger = new Merger(func, options.target.little, options.target.cpu === 'v4')
    let changed = raised
    for (const block of func.blocks) {
      const insts = merger.visit(block.insts)
      if (!insts) continue
      block.insts = insts
      changed = true
    }
    return changed
  },
}

function isCandidate(inst: Value): boolean {
  return inst.op === 'store' && !inst.volatile && inst.args[1]!.op === 'const' && bitsOf(inst.args[1]!.type) >= 8
}

/** Stores to one object, in order. */
interface Group {
  readonly base: Value
  readonly stores: { readonly inst: Value; readonly at: number; readonly offset: number; readonly access: Access }[]
}

interface Piece {
  readonly offset: number
  readonly width: number
  readonly value: bigint
}

const typeOfWidth: Readonly<Record<number, IrType>> = { 1: 'i8', 2: 'i16', 4: 'i32', 8: 'i64' }

class Merger {
  private readonly alias: AliasInfo
  private groups: Group[] = []
  private dropped = new Set<Value>()
  /** What comes in place of an instruction. */
  private readonly made = new Map<Value, Value[]>()

  constructor(
    private readonly func: Func,
    private readonly little: boolean,
    /** The machine stores numbers without a register. */
    private readonly immediates: boolean,
  ) {
    this.alias = new AliasInfo(func)
  }

  /** The block's new instructions; undefined where nothing changes. */
  visit(insts: readonly Value[]): Value[] | undefined {
    this.dropped = new Set()
    this.made.clear()
    insts.forEach((inst, at) => {
      this.step(inst, at)
    })
    this.flush(() => true)
    if (this.dropped.size === 0) return undefined
    return insts.flatMap(inst => this.made.get(inst) ?? (this.dropped.has(inst) ? [] : [inst]))
  }

  private step(inst: Value, at: number): void {
    switch (inst.op) {
      case 'store': {
        const access = accessOf(inst)
        if (!isCandidate(inst)) {
          this.flush(group => this.touches(group, access))
          return
        }
        const { base, offset } = placeOf(inst.args[0]!, inst.offset)
        const key = base.op === 'global' ? base.global : base
        this.flush(group => keyOf(group) !== key && this.touches(group, access))
        let group = this.groups.find(each => keyOf(each) === key)
        if (!group) this.groups.push((group = { base, stores: [] }))
        group.stores.push({ inst, at, offset, access })
        if (group.stores.length >= MAX_GROUP) this.flush(each => each === group)
        return
      }
      case 'load': {
        const access = accessOf(inst)
        this.flush(group => inst.volatile || this.touches(group, access))
        return
      }
      case 'call':
      case 'callhelper':
      case 'callindirect':
      case 'atomicrmw':
      case 'cmpxchg':
      case 'fence':
      case 'memcpy':
      case 'memmove':
      case 'memset':
      case 'memcmp':
      case 'strlen':
      case 'strcmp':
      case 'loadskb':
      case 'asm':
        this.flush(() => true)
        return
      default:
        return
    }
  }

  private touches(group: Group, access: Access): boolean {
    return group.stores.some(store => this.alias.mayOverlap(store.access, access))
  }

  private flush(which: (group: Group) => boolean): void {
    this.groups = this.groups.filter(group => {
      if (!which(group)) return true
      if (group.stores.length > 1) this.merge(group)
      return false
    })
  }

  private merge({ base, stores }: Group): void {
    const bytes = new Map<number, number>()
    for (const { inst, offset } of stores) {
      const { type, value } = inst.args[1]!
      const width = bitsOf(type) / 8
      for (let i = 0; i < width; i++) {
        const shift = BigInt(8 * (this.little ? i : width - 1 - i))
        bytes.set(offset + i, Number((value >> shift) & 0xffn))
      }
    }
    const pieces = this.cut(base, bytes)
    const before = stores.map(({ inst, offset }) => {
      const { type, value } = inst.args[1]!
      return { offset, width: bitsOf(type) / 8, value }
    })
    if (this.cost(pieces) >= this.cost(before)) return
    const last = stores[stores.length - 1]!.inst
    for (const { inst } of stores) this.dropped.add(inst)
    this.made.set(
      last,
      pieces.map(({ offset, width, value }) => {
        const pointer = base.op === 'global' ? this.globalAt(base, offset) : base
        const store = this.func.value('store', 'void', [pointer, this.func.const(typeOfWidth[width]!, value)], last.loc)
        store.offset = base.op === 'global' ? 0 : offset
        store.align = width
        return store
      }),
    )
  }

  private globalAt(base: Value, offset: number): Value {
    const leaf = this.func.value('global', 'ptr', [], base.loc)
    leaf.global = base.global
    leaf.offset = offset
    return leaf
  }

  /** The bytes in as few stores as alignment allows. */
  private cut(base: Value, bytes: ReadonlyMap<number, number>): Piece[] {
    const pieces: Piece[] = []
    const covered = (from: number, width: number) => {
      for (let i = 0; i < width; i++) if (!bytes.has(from + i)) return false
      return true
    }
    const offsets = [...bytes.keys()].sort((a, b) => a - b)
    let next = Number.NEGATIVE_INFINITY
    for (const offset of offsets) {
      if (offset < next) continue
      let width = alignmentOf(base, offset)
      for (; width > 1; width >>= 1) {
        if (!covered(offset, width)) continue
        // Where numbers are stored directly, they have 32 bits.
        if (width === 8 && this.immediates && !isImmediate(this.number(bytes, offset, 8))) continue
        break
      }
      pieces.push({ offset, width, value: this.number(bytes, offset, width) })
      next = offset + width
    }
    return pieces
  }

  private number(bytes: ReadonlyMap<number, number>, offset: number, width: number): bigint {
    let value = 0n
    for (let i = 0; i < width; i++) value = (value << 8n) | BigInt(bytes.get(this.little ? offset + width - 1 - i : offset + i)!)
    return value
  }

  /** Instructions; numbers that are in a register already are stored again for nothing. */
  private cost(pieces: readonly Piece[]): number {
    let sum = pieces.length
    const numbers = new Set<bigint>()
    for (const { width, value } of pieces) {
      const plain = width < 8 || isImmediate(value)
      if ((this.immediates && plain) || numbers.has(value)) continue
      numbers.add(value)
      sum += plain ? 1 : 2
    }
    return sum
  }
}

const keyOf = ({ base }: Group) => (base.op === 'global' ? base.global : base)

const isImmediate = (value: bigint) => {
  const number = BigInt.asIntN(64, value)
  return number >= -0x8000_0000n && number <= 0x7fff_ffffn
}

/** What an address is surely aligned to: for objects whose place is known, and none of the others. */
function alignmentOf(base: Value, offset: number): number {
  if (base.op === 'global') {
    const leaf = base.offset
    return alignmentAt(base, offset - leaf, 1)
  }
  return alignmentAt(base, offset, 1)
}
