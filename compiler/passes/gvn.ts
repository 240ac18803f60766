/**
 * Common subexpressions and repeated loads: what was computed on every way here is not computed again, and what was just stored or
 * loaded is not loaded again. One copy of a value is also what the verifier wants: a bound checked on it holds for every use. CO-RE values
 * and addresses made with them stay apart, so that each can become the offset of its access.
 */
import { computeDominators } from '../ir/dominators.js'
import { inverted } from '../ir/fold.js'
import { type Block, bitsOf, type Edge, type Func, type IrType, type Value } from '../ir/ir.js'
import { type IncomingEdge, predecessors } from './cfg.js'
import { ExpressionTable } from './expression-table.js'
import { type Access, AliasInfo, accessOf, samePlace, writtenBy } from './memory.js'
import type { FunctionPass } from './pass.js'
import { Replacements } from './rewrite.js'

/** Values in memory that are remembered at once. */
const MEMORY_LIMIT = 48

interface KnownValue {
  readonly access: Access
  readonly type: IrType
  /** Undefined while it is only known that every way here brings one. */
  value: Value | undefined
  readonly merge: Merge | undefined
  /** It was kept over a write for that one's C type alone, and says nothing to accesses of other types. */
  readonly byType: boolean
}

/** Where ways meet that bring different values: a parameter is made when somebody asks. */
interface Merge {
  readonly block: Block
  readonly from: readonly { readonly edge: Edge; readonly known: KnownValue }[]
}

interface Frame {
  readonly block: Block
  readonly children: readonly Block[]
  next: number
  /** How many expressions were known before the block. */
  readonly known: number
}

export const gvn: FunctionPass = {
  kind: 'function',
  name: 'gvn',
  run: (func, _module, { target }) => new ValueNumbering(func, target.little).run(),
}

class ValueNumbering {
  private readonly known: ExpressionTable
  private readonly replacements = new Replacements()
  private readonly alias: AliasInfo
  /** What memory holds at the end of each block. */
  private readonly atEnd = new Map<Block, KnownValue[]>()

  constructor(
    private readonly func: Func,
    private readonly little: boolean,
  ) {
    this.known = new ExpressionTable(func)
    this.alias = new AliasInfo(func)
  }

  run(): boolean {
    const { func } = this
    const dominators = computeDominators(func)
    const incoming = predecessors(func)
    const stack: Frame[] = []
    const enter = (block: Block): void => {
      const known = this.known.size
      const edges = incoming[block.id]!
      const only = edges.length === 1 ? edges[0]!.from : undefined
      if (only) this.learn(only, block)
      this.visit(block, only ? (this.atEnd.get(only) ?? []) : this.meet(block, edges))
      stack.push({ block, children: dominators.children[block.id]!, next: 0, known })
    }
    enter(func.entry)
    while (stack.length) {
      const top = stack[stack.length - 1]!
      const child = top.children[top.next++]
      if (child) {
        enter(child)
        continue
      }
      this.known.shrink(top.known)
      stack.pop()
    }
    if (this.replacements.empty) return false
    this.replacements.apply(func, true)
    return true
  }

  /** On the way from a branch its condition is known. */
  private learn(from: Block, to: Block): void {
    const { terminator } = from
    if (terminator.kind !== 'condbr' || terminator.then.block === terminator.otherwise.block) return
    const condition = this.replacements.resolve(terminator.condition)
    const holds = terminator.then.block === to
    if (condition.op !== 'icmp') return
    const { predicate } = condition
    const a = condition.args[0]!
    const b = condition.args[1]!
    this.known.setCompare(predicate, a, b, this.func.const('i1', holds ? 1 : 0))
    this.known.setCompare(inverted[predicate], a, b, this.func.const('i1', holds ? 0 : 1))
  }

  private visit(block: Block, memory: KnownValue[]): void {
    for (const inst of block.insts) {
      for (let i = 0; i < inst.args.length; i++) inst.args[i] = this.replacements.resolve(inst.args[i]!)
      if (ExpressionTable.takes(inst.op)) {
        if (inst.op === 'ptradd' && inst.args[1]!.op === 'core') continue
        const found = this.known.findOrAdd(inst)
        if (found) this.replacements.set(inst, found)
        continue
      }
      memory = this.throughMemory(inst, memory)
    }
    this.atEnd.set(block, memory)
  }

  /**
   * What memory holds where several ways meet, all of them walked already (no loop head): what each of them knows of the same bytes. Addresses
   * are only taken over where all bring the same one, never merged.
   */
  private meet(block: Block, edges: readonly IncomingEdge[]): KnownValue[] {
    if (edges.length === 0 || edges.some(({ from }) => !this.atEnd.has(from) || from.terminator.kind === 'asmgoto')) return []
    const first = this.atEnd.get(edges[0]!.from)!
    const met: KnownValue[] = []
    for (const entry of first) {
      const all = edges.map(({ edge, from }) => ({
        edge,
        known: this.atEnd.get(from)!.find(each => each.type === entry.type && samePlace(each.access, entry.access)),
      }))
      if (all.some(each => each.known === undefined)) continue
      const from = all as { edge: Edge; known: KnownValue }[]
      const value = entry.value && this.replacements.resolve(entry.value)
      const same = from.every(({ known }) => {
        if (known === entry) return true
        const other = known.value && this.replacements.resolve(known.value)
        return other !== undefined && value !== undefined && sameLeaf(other, value)
      })
      if (same) met.push(from.some(({ known }) => known.byType) ? { ...entry, byType: true } : entry)
      else if (entry.type !== 'ptr')
        met.push({ ...entry, value: undefined, merge: { block, from }, byType: from.some(({ known }) => known.byType) })
    }
    return met
  }

  /** The value behind a known one, with the parameters that it takes. */
  private demand(known: KnownValue): Value {
    if (known.value) return this.replacements.resolve(known.value)
    const { block, from } = known.merge!
    const param = this.func.value('blockparam', known.type)
    known.value = param
    const args = from.map(each => this.demand(each.known))
    block.params.push(param)
    from.forEach(({ edge }, i) => {
      edge.args.push(args[i]!)
    })
    return param
  }

  /** What a store does not change. */
  private keptOver(memory: readonly KnownValue[], written: Access): KnownValue[] {
    const kept: KnownValue[] = []
    const anyType = { ...written, as: undefined }
    for (const each of memory) {
      if (this.alias.mayOverwrite(each.access, written)) continue
      const byType = !each.byType && written.as !== undefined && this.alias.mayOverwrite(each.access, anyType)
      kept.push(byType ? { ...each, byType } : each)
    }
    return kept
  }

  /** Some of the bytes of a wider number that is known to be there. */
  private partOfNumber(memory: readonly KnownValue[], access: Access, type: IrType): Value | undefined {
    const { size, distance } = access
    if (type === 'ptr' || size === undefined || distance === undefined) return undefined
    for (const { access: whole, value, byType } of memory) {
      if (
        byType ||
        value?.op !== 'const' ||
        whole.anchor !== access.anchor ||
        whole.size === undefined ||
        whole.distance === undefined
      )
        continue
      const from = distance - whole.distance
      if (from < 0 || from + size > whole.size) continue
      const low = this.little ? from : whole.size - from - size
      return this.func.const(type, value.value >> BigInt(8 * low))
    }
    return undefined
  }

  /** What memory is known to hold after the instruction. */
  private throughMemory(inst: Value, memory: KnownValue[]): KnownValue[] {
    switch (inst.op) {
      case 'load': {
        if (inst.volatile) return memory
        const access = accessOf(inst)
        const found = memory.find(
          each => samePlace(each.access, access) && each.type === inst.type && (!each.byType || sameAs(each.access, access)),
        )
        if (found) {
          this.replacements.set(inst, this.demand(found))
          return memory
        }
        const part = this.partOfNumber(memory, access, inst.type)
        if (part) {
          this.replacements.set(inst, part)
          return memory
        }
        return added(memory, { access, type: inst.type, value: inst, merge: undefined, byType: false })
      }
      case 'store': {
        const access = accessOf(inst)
        const kept = this.keptOver(memory, access)
        // A truth value or a part of a word never stands for another width; types are compared on use.
        return inst.volatile || bitsOf(inst.args[1]!.type) < 8
          ? kept
          : added(kept, { access, type: inst.args[1]!.type, value: inst.args[1]!, merge: undefined, byType: false })
      }
      default: {
        const written = writtenBy(inst)
        if (!written) return memory
        if (written === 'shared') return memory.filter(each => this.alias.isPrivate(each.access.base))
        return memory.filter(each => !this.alias.mayOverwrite(each.access, written))
      }
    }
  }
}

function sameLeaf(a: Value, b: Value): boolean {
  return a === b || (a.op === 'const' && b.op === 'const' && a.type === b.type && a.value === b.value)
}

/** Whether two accesses to one place are of one C type. */
function sameAs({ as: a }: Access, { as: b }: Access): boolean {
  return a === b || (!!a && !!b && a.length === b.length && a[0] === b[0])
}

function added(memory: KnownValue[], entry: KnownValue): KnownValue[] {
  const list = memory.slice(memory.length >= MEMORY_LIMIT ? 1 : 0)
  list.push(entry)
  return list
}
