/**
 * Common subexpressions and repeated loads: what was computed on every way here is not computed again, and what was just stored or
 * loaded is not loaded again. One copy of a value is also what the verifier wants: a bound checked on it holds for every use. CO-RE values
 * and addresses made with them stay apart, so that each can become the offset of its access.
 */
import { computeDominators } from '../ir/dominators.js'
import { inverted, swapped } from '../ir/fold.js'
import { type Block, bitsOf, type Func, type Op, type Predicate, type Value } from '../ir/ir.js'
import { predecessors } from './cfg.js'
import { type Access, AliasInfo, accessAt, accessOf } from './memory.js'
import type { FunctionPass } from './pass.js'
import { Replacements } from './rewrite.js'

/** Values in memory that are remembered at once. */
const MEMORY_LIMIT = 48

interface KnownValue {
  readonly access: Access
  readonly value: Value
}

interface Frame {
  readonly block: Block
  readonly children: readonly Block[]
  next: number
  /** Keys added in this block's scope, with what they hid. */
  readonly added: [string, Value | undefined][]
}

export const gvn: FunctionPass = {
  kind: 'function',
  name: 'gvn',
  run: func => new ValueNumbering(func).run(),
}

const pure: ReadonlySet<Op> = new Set<Op>([
  'ptradd',
  'add',
  'sub',
  'mul',
  'udiv',
  'sdiv',
  'urem',
  'srem',
  'and',
  'or',
  'xor',
  'shl',
  'lshr',
  'ashr',
  'icmp',
  'zext',
  'sext',
  'trunc',
  'ptrtoint',
  'inttoptr',
  'bswap',
  'select',
])
const commutative: ReadonlySet<Op> = new Set<Op>(['add', 'mul', 'and', 'or', 'xor'])

class ValueNumbering {
  private readonly known = new Map<string, Value>()
  private readonly replacements = new Replacements()
  private readonly alias: AliasInfo
  /** What memory holds at the end of each block, for blocks that only that one leads to. */
  private readonly atEnd = new Map<Block, KnownValue[]>()
  private scope: [string, Value | undefined][] = []

  constructor(private readonly func: Func) {
    this.alias = new AliasInfo(func)
  }

  run(): boolean {
    const { func } = this
    const dominators = computeDominators(func)
    const incoming = predecessors(func)
    const stack: Frame[] = []
    const enter = (block: Block): void => {
      this.scope = []
      const edges = incoming[block.id]!
      const only = edges.length === 1 ? edges[0]!.from : undefined
      if (only) this.learn(only, block)
      this.visit(block, only ? (this.atEnd.get(only) ?? []).slice() : [])
      stack.push({ block, children: dominators.children[block.id]!, next: 0, added: this.scope })
    }
    enter(func.entry)
    while (stack.length) {
      const top = stack[stack.length - 1]!
      const child = top.children[top.next++]
      if (child) {
        enter(child)
        continue
      }
      for (let i = top.added.length - 1; i >= 0; i--) {
        const [key, before] = top.added[i]!
        if (before) this.known.set(key, before)
        else this.known.delete(key)
      }
      this.atEnd.delete(top.block)
      stack.pop()
    }
    if (this.replacements.empty) return false
    this.replacements.apply(func, true)
    return true
  }

  private remember(key: string, value: Value): void {
    this.scope.push([key, this.known.get(key)])
    this.known.set(key, value)
  }

  /** On the way from a branch its condition is known. */
  private learn(from: Block, to: Block): void {
    const { terminator } = from
    if (terminator.kind !== 'condbr' || terminator.then.block === terminator.otherwise.block) return
    const condition = this.replacements.resolve(terminator.condition)
    const holds = terminator.then.block === to
    if (condition.op === 'icmp') {
      for (const [predicate, truth] of [
        [condition.predicate, holds],
        [inverted[condition.predicate], !holds],
      ] as const)
        this.remember(this.compareKey(predicate, condition.args[0]!, condition.args[1]!), this.func.const('i1', truth ? 1 : 0))
    }
  }

  private visit(block: Block, memory: KnownValue[]): void {
    for (const inst of block.insts) {
      for (let i = 0; i < inst.args.length; i++) inst.args[i] = this.replacements.resolve(inst.args[i]!)
      if (pure.has(inst.op)) {
        if (inst.op === 'ptradd' && inst.args[1]!.op === 'core') continue
        const key = this.keyOf(inst)
        const found = this.known.get(key)
        if (found) this.replacements.set(inst, found)
        else this.remember(key, inst)
        continue
      }
      memory = this.throughMemory(inst, memory)
    }
    if (memory.length > 0) this.atEnd.set(block, memory)
  }

  /** What memory is known to hold after the instruction. */
  private throughMemory(inst: Value, memory: KnownValue[]): KnownValue[] {
    switch (inst.op) {
      case 'load': {
        if (inst.volatile) return memory
        const access = accessOf(inst)
        const found = memory.find(each => matches(each.access, access) && each.value.type === inst.type)
        if (found) {
          this.replacements.set(inst, found.value)
          return memory
        }
        return added(memory, { access, value: inst })
      }
      case 'store': {
        const access = accessOf(inst)
        const kept = memory.filter(each => !this.alias.mayOverlap(each.access, access))
        // A truth value or a part of a word never stands for another width; types are compared on use.
        return inst.volatile || bitsOf(inst.args[1]!.type) < 8 ? kept : added(kept, { access, value: inst.args[1]! })
      }
      case 'memset':
      case 'memcpy':
      case 'memmove': {
        const access = accessAt(inst.args[0]!, 0, inst.args.length > 2 ? undefined : inst.size)
        return memory.filter(each => !this.alias.mayOverlap(each.access, access))
      }
      case 'atomicrmw':
      case 'cmpxchg':
      case 'call':
      case 'callhelper':
      case 'callindirect':
      case 'loadskb':
      case 'fence':
        return memory.filter(each => this.alias.isPrivate(each.access.base))
      case 'asm':
        return inst.asm!.clobbersMemory || inst.asm!.volatile || inst.asm!.inputs.some(input => input.constraint === 'm')
          ? memory.filter(each => this.alias.isPrivate(each.access.base))
          : memory
      default:
        return memory
    }
  }

  private keyOf(inst: Value): string {
    if (inst.op === 'icmp') return this.compareKey(inst.predicate, inst.args[0]!, inst.args[1]!)
    const args = inst.args.map(operandKey)
    if (commutative.has(inst.op)) args.sort()
    return `${inst.op} ${inst.type} ${args.join(' ')}`
  }

  private compareKey(predicate: Predicate, a: Value, b: Value): string {
    const [left, right] = [operandKey(a), operandKey(b)]
    return left <= right ? `icmp ${predicate} ${left} ${right}` : `icmp ${swapped[predicate]} ${right} ${left}`
  }
}

function operandKey(value: Value): string {
  switch (value.op) {
    case 'const':
      return `#${value.type}:${value.value}`
    case 'global':
      return `@${value.global!.name}+${value.offset}`
    case 'func':
      return `@${value.func!.name}`
    default:
      return `%${value.id}`
  }
}

function matches(a: Access, b: Access): boolean {
  const same = a.base === b.base || (a.base.op === 'global' && b.base.op === 'global' && a.base.global === b.base.global)
  return same && a.offset !== undefined && a.offset === b.offset && a.size === b.size
}

function added(memory: KnownValue[], entry: KnownValue): KnownValue[] {
  if (entry.access.offset === undefined) return memory
  const list = memory.length >= MEMORY_LIMIT ? memory.slice(1) : memory
  return [...list, entry]
}
