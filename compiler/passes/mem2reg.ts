/**
 * Stack objects that are only loaded and stored whole become values, with block parameters where paths meet. Works by liveness of each
 * object alone, so the cost is the size of the regions the objects live in. Reads before any write give `undef`.
 */
import { type Block, bitsOf, type CastOp, type Func, type IrType, type Value } from '../ir/ir.js'
import { type IncomingEdge, predecessors, removeUnreachable } from './cfg.js'
import type { FunctionPass } from './pass.js'
import { Replacements, removeRedundantParams } from './rewrite.js'

interface Candidate {
  readonly alloca: Value
  readonly type: IrType
  /** Its loads and stores, in order, by block. */
  readonly accesses: Map<Block, Value[]>
  stores: number
  /** Where its life begins; of no use to a value. */
  readonly begins: Value[]
}

export const mem2reg: FunctionPass = {
  kind: 'function',
  name: 'mem2reg',
  run(func) {
    const changed = removeUnreachable(func)
    const candidates = findCandidates(func)
    if (candidates.size === 0) return changed
    const incoming = predecessors(func)
    const replacements = new Replacements()
    const dead = new Uint8Array(func.valueCount)
    const casts = new Map<Value, Value[]>()
    for (const candidate of candidates.values()) promote(func, candidate, incoming, replacements, dead, casts)
    for (const block of func.blocks) {
      // Only what is dead has casts.
      if (!block.insts.some(({ id }) => dead[id])) continue
      const insts: Value[] = []
      for (const inst of block.insts) {
        const before = casts.get(inst)
        if (before) insts.push(...before)
        if (!dead[inst.id]) insts.push(inst)
      }
      block.insts = insts
    }
    replacements.apply(func)
    removeRedundantParams(func)
    return true
  },
}

/** Allocas with nothing but plain whole loads and stores of one width. */
function findCandidates(func: Func): Map<Value, Candidate> {
  const candidates = new Map<Value, Candidate>()
  const widths = new Map<Value, number>()
  for (const inst of func.entry.insts) if (inst.op === 'alloca') widths.set(inst, 0)
  const spoil = (value: Value): void => {
    if (value.op !== 'alloca') return
    widths.delete(value)
    candidates.delete(value)
  }
  const begins = new Map<Value, Value[]>()
  for (const block of func.blocks) {
    if (widths.size === 0) break
    const { insts } = block
    for (let i = 0; i < insts.length; i++) {
      const inst = insts[i]!
      const { args } = inst
      const pointer = args[0]
      if (inst.op === 'begin') {
        const list = begins.get(pointer!)
        if (list) list.push(inst)
        else begins.set(pointer!, [inst])
        continue
      }
      const isLoad = inst.op === 'load'
      if ((isLoad || inst.op === 'store') && pointer!.op === 'alloca') {
        const type = isLoad ? inst.type : inst.args[1]!.type
        if (!isLoad) spoil(inst.args[1]!)
        const seen = widths.get(pointer!)
        if (seen === undefined) continue
        const bits = bitsOf(type)
        if (inst.volatile || inst.offset !== 0 || bits < 8 || (seen !== 0 && seen !== bits)) {
          spoil(pointer!)
          continue
        }
        widths.set(pointer!, bits)
        let candidate = candidates.get(pointer!)
        if (!candidate)
          candidates.set(pointer!, (candidate = { alloca: pointer!, type, accesses: new Map(), stores: 0, begins: [] }))
        if (!isLoad) candidate.stores++
        const list = candidate.accesses.get(block)
        if (list) list.push(inst)
        else candidate.accesses.set(block, [inst])
      } else for (let k = 0; k < args.length; k++) spoil(args[k]!)
    }
    const terminator = block.terminator
    if (terminator.kind === 'ret') {
      if (terminator.value) spoil(terminator.value)
    } else if (terminator.kind === 'asmgoto') terminator.args.forEach(spoil)
    else if (terminator.kind === 'switch') spoil(terminator.value)
    if (terminator.kind === 'br') terminator.to.args.forEach(spoil)
    else if (terminator.kind === 'condbr') {
      terminator.then.args.forEach(spoil)
      terminator.otherwise.args.forEach(spoil)
    } else if (terminator.kind === 'switch') {
      for (const entry of terminator.cases) entry.to.args.forEach(spoil)
      terminator.otherwise.args.forEach(spoil)
    } else if (terminator.kind === 'asmgoto') {
      terminator.next.args.forEach(spoil)
      for (const edge of terminator.labels) edge.args.forEach(spoil)
    }
  }
  for (const candidate of candidates.values()) candidate.begins.push(...(begins.get(candidate.alloca) ?? []))
  return candidates
}

function promote(
  func: Func,
  candidate: Candidate,
  incoming: readonly IncomingEdge[][],
  replacements: Replacements,
  /** By value id. */
  dead: Uint8Array,
  casts: Map<Value, Value[]>,
): void {
  const { alloca, accesses, type } = candidate
  dead[alloca.id] = 1
  for (const begin of candidate.begins) dead[begin.id] = 1

  // Where its contents are wanted on entry: backwards from loads that no store of their own block precedes.
  const liveIn = new Set<Block>()
  const work: Block[] = []
  for (const [block, list] of accesses) if (list[0]!.op === 'load') work.push(block)
  let undefinedOnEntry = false
  while (work.length) {
    const block = work.pop()!
    if (liveIn.has(block)) continue
    liveIn.add(block)
    if (block === func.entry) undefinedOnEntry = true
    for (const { from } of incoming[block.id]!) {
      if (liveIn.has(from)) continue
      const list = accesses.get(from)
      if (!list?.some(access => access.op === 'store')) work.push(from)
    }
  }

  /** A stored value in the candidate's type. Made where the store stood. */
  const storedBy = (store: Value): Value => convert(store.args[1]!, type, store)
  const convert = (value: Value, to: IrType, at: Value): Value => {
    if (value.type === to) return value
    const op: CastOp = to === 'ptr' ? 'inttoptr' : 'ptrtoint'
    const cast = func.value(op, to, [value], at.loc)
    const list = casts.get(at)
    if (list) list.push(cast)
    else casts.set(at, [cast])
    return cast
  }

  // One store that reaches every load: no parameters needed. Loads that no path from the entry reaches unwritten are dominated by it.
  if (candidate.stores === 1 && !undefinedOnEntry) {
    let value: Value | undefined
    for (const list of accesses.values()) for (const access of list) if (access.op === 'store') value = storedBy(access)
    for (const list of accesses.values()) {
      for (const access of list) {
        dead[access.id] = 1
        if (access.op === 'load') replacements.set(access, convert(value!, access.type, access))
      }
    }
    return
  }

  const entering = new Map<Block, Value>()
  for (const block of liveIn) {
    if (block === func.entry) entering.set(block, func.value('undef', type))
    else if (incoming[block.id]!.length > 1) {
      const param = func.value('blockparam', type, [], alloca.loc)
      param.name = alloca.name
      entering.set(block, param)
    }
  }
  const leaving = new Map<Block, Value>()
  /** The contents at the end of a block; walks up chains of single predecessors. */
  const valueAtEnd = (block: Block): Value => {
    const passed: Block[] = []
    let at = block
    let value: Value | undefined
    for (;;) {
      value = leaving.get(at)
      if (value) break
      passed.push(at)
      const list = accesses.get(at)
      let last: Value | undefined
      if (list) for (const access of list) if (access.op === 'store') last = access
      value = last ? storedBy(last) : entering.get(at)
      if (value) break
      at = incoming[at.id]![0]!.from
    }
    for (const each of passed) leaving.set(each, value)
    return value
  }
  // Stores first, so that each is converted once and before its uses.
  for (const block of accesses.keys()) if (accesses.get(block)!.some(access => access.op === 'store')) valueAtEnd(block)
  for (const [block, list] of accesses) {
    let current: Value | undefined
    for (const access of list) {
      dead[access.id] = 1
      if (access.op === 'store') current = access === lastStore(list) ? leaving.get(block)! : storedBy(access)
      else {
        current ??= entering.get(block) ?? valueAtEnd(incoming[block.id]![0]!.from)
        replacements.set(access, convert(current, access.type, access))
      }
    }
  }
  for (const [block, param] of entering) {
    if (param.op !== 'blockparam') continue
    block.params.push(param)
    for (const { from, edge } of incoming[block.id]!) edge.args.push(valueAtEnd(from))
  }
}

function lastStore(list: readonly Value[]): Value | undefined {
  for (let i = list.length - 1; i >= 0; i--) if (list[i]!.op === 'store') return list[i]
  return undefined
}
