/**
 * Blocks that do the same and go on to the same place become one: the arms that inlining one function several times leaves behind. From the
 * ends of the function backwards, as two blocks are only alike once their successors are. They may differ in a number or two from outside,
 * or in constants that are stored or passed to functions: those become parameters. Addresses must be the very same values, so that no
 * pointers of different origin meet in one access, or those of objects on the stack that each block has for itself.
 */
import {
  type Block,
  type Edge,
  type Func,
  type Op,
  successors,
  type Terminator,
  terminatorOperands,
  type Value,
} from '../ir/ir.js'
import { usedElsewhere } from '../ir/uses.js'
import { predecessors, removeUnreachable } from './cfg.js'
import type { FunctionPass } from './pass.js'
import { mapTerminator } from './rewrite.js'

/** Numbers in which merged blocks may differ, and the instructions that must be worth a parameter. */
const MAX_DIFFERENCES = 2
const WORTH_PARAMETER = 2

export const tailMerge: FunctionPass = {
  kind: 'function',
  name: 'tail-merge',
  run(func) {
    let changed = false
    // A round merges one layer of blocks; loops that are alike would go on for ever and are left after a few.
    for (let round = 0; round < 12; round++) {
      if (!mergeOnce(func)) break
      changed = true
    }
    return changed
  },
}

interface Shape {
  readonly key: string
  /** What may be a parameter, in order of first use. */
  readonly outside: readonly Outside[]
}

/** A number from outside; a constant with the instruction and operand where it stands. */
interface Outside {
  readonly value: Value
  readonly user?: Value
  readonly index?: number
}

const sameNumber = (a: Value, b: Value): boolean => a === b || (a.op === 'const' && b.op === 'const' && a.value === b.value)

function mergeOnce(func: Func): boolean {
  const elsewhere = usedElsewhere(func)
  const own = ownObjects(func)
  const rough = roughShapes(func, elsewhere, own)
  if (!rough.any) return false
  const incoming = predecessors(func, func.blocks)
  const seen = new Map<string, { readonly block: Block; readonly outside: readonly Outside[] }>()
  let changed = false
  for (let i = func.blocks.length - 1; i > 0; i--) {
    const block = func.blocks[i]!
    if (!rough.shared(block)) continue
    const edges = incoming[block.id]!
    const shape = shapeOf(block, own)
    if (!shape || edges.length === 0) continue
    const first = seen.get(shape.key)
    if (!first) {
      seen.set(shape.key, { block, outside: shape.outside })
      continue
    }
    const differing = shape.outside.flatMap(({ value }, k) => (sameNumber(value, first.outside[k]!.value) ? [] : [k]))
    const into = incoming[first.block.id]!
    if (differing.length > 0) {
      const asm = [...edges, ...into].some(({ from }) => from.terminator.kind === 'asmgoto')
      if (asm || differing.length > MAX_DIFFERENCES || block.insts.length < WORTH_PARAMETER) continue
      for (const k of differing) makeParameter(func, first.block, first.outside[k]!, into)
      // Its shape is another now; it is looked at again in the next round.
      seen.delete(shape.key)
    }
    for (const each of edges) {
      each.edge.block = first.block
      for (const k of differing) each.edge.args.push(shape.outside[k]!.value)
      into.push(each)
    }
    incoming[block.id] = []
    changed = true
  }
  if (changed) removeUnreachable(func)
  return changed
}

/** Within the block the value comes in as a parameter. */
function makeParameter(
  func: Func,
  block: Block,
  { value, user, index }: Outside,
  incoming: readonly { readonly edge: Edge }[],
): void {
  const param = func.value('blockparam', value.type, [], value.loc)
  if (user) user.args = user.args.map((arg, i) => (i === index ? param : arg))
  else {
    const map = (operand: Value): Value => (operand === value ? param : operand)
    for (const inst of block.insts) inst.args = inst.args.map(map)
    mapTerminator(block.terminator, map)
  }
  block.params.push(param)
  for (const { edge } of incoming) edge.args.push(value)
}

/** Objects on the stack that a single block uses and nothing keeps the address of: those of two blocks can stand for each other. */
function ownObjects(func: Func): Set<Value> {
  const homes = new Map<Value, Block>()
  const shared = new Set<Value>()
  if (!func.entry.insts.some(inst => inst.op === 'alloca')) return shared
  const keep = (value: Value): void => {
    let at = value
    while (at.op === 'ptradd') at = at.args[0]!
    if (at.op === 'alloca') shared.add(at)
  }
  for (const block of func.blocks) {
    for (const { op, args } of block.insts) {
      for (let i = 0; i < args.length; i++) {
        const value = args[i]!
        if (value.op !== 'alloca') continue
        const home = homes.get(value)
        if (home && home !== block) shared.add(value)
        homes.set(value, block)
      }
      if (op === 'store') keep(args[1]!)
      else if (op === 'select') args.forEach(keep)
    }
    terminatorOperands(block.terminator).forEach(keep)
    for (const edge of successors(block)) edge.args.forEach(keep)
  }
  return new Set([...homes.keys()].filter(value => !shared.has(value)))
}

/**
 * Most blocks have no like, and need not be put into words: those with values that are used elsewhere, and those of which a number made of all
 * that cannot change until the block is looked at is no other's. Of blocks with the same words it is the same.
 */
function roughShapes(
  func: Func,
  elsewhere: Uint8Array,
  own: ReadonlySet<Value>,
): { readonly any: boolean; shared(block: Block): boolean } {
  const places = new Int32Array(func.valueCount)
  let place = 0
  /** 0 for a block that is left alone. */
  const roughShape = ({ params, insts, terminator }: Block): number => {
    if (terminator.kind === 'asmgoto') return 0
    const first = place + 1
    let hash = params.length + terminator.kind.length
    for (let i = 0; i < params.length; i++) {
      if (elsewhere[params[i]!.id]) return 0
      places[params[i]!.id] = ++place
    }
    for (let i = 0; i < insts.length; i++) {
      const inst = insts[i]!
      if (elsewhere[inst.id]) return 0
      places[inst.id] = ++place
      const { op, type, offset, size, args } = inst
      hash = (Math.imul(hash, 31) + op.length + op.charCodeAt(0) + type.charCodeAt(1) + args.length + offset + size) | 0
      for (let k = 0; k < args.length; k++) {
        const arg = args[k]!
        const local = places[arg.id]!
        if (local >= first) hash = (Math.imul(hash, 31) + local - first) | 0
        else if (arg.type === 'ptr' && !leaves.has(arg.op) && !own.has(arg)) hash = (Math.imul(hash, 31) + arg.id) | 0
      }
    }
    return hash | 1
  }
  const numbers = new Int32Array(func.blockCount)
  const blocks = new Map<number, number>()
  let any = false
  for (const block of func.blocks) {
    const number = roughShape(block)
    if (number === 0) continue
    numbers[block.id] = number
    const count = (blocks.get(number) ?? 0) + 1
    blocks.set(number, count)
    if (count > 1) any = true
  }
  return { any, shared: ({ id }) => numbers[id] !== 0 && blocks.get(numbers[id]!)! > 1 }
}

/** Of these there are many values that are the same. */
const leaves: ReadonlySet<Op> = new Set<Op>(['const', 'undef', 'global', 'func'])

/** What the block does, in words; undefined where it is better left alone. */
function shapeOf(block: Block, own: ReadonlySet<Value>): Shape | undefined {
  const outside: Outside[] = []
  // Distances that addresses are made with carry the bounds that were checked.
  const fixed = new Set<Value>(block.insts.flatMap(inst => (inst.op === 'ptradd' ? [inst.args[1]!] : [])))
  const local = new Map<Value, number>()
  const parts: string[] = []
  for (const param of block.params) {
    local.set(param, local.size)
    parts.push(param.type)
  }
  const operand = (value: Value): string => {
    if (own.has(value) && !local.has(value)) {
      local.set(value, local.size)
      parts.push(`${value.size}/${value.align}`)
    }
    const number = local.get(value)
    if (number !== undefined) return `.${number}`
    switch (value.op) {
      case 'const':
        return `#${value.type}:${value.value}`
      case 'undef':
        return `?${value.type}`
      case 'global':
        return `@${value.global!.name}+${value.offset}`
      case 'func':
        return `@${value.func!.name}`
      default: {
        if (value.type === 'ptr' || value.op === 'core' || fixed.has(value)) return `%${value.id}`
        let k = outside.findIndex(each => each.value === value)
        if (k < 0) k = outside.push({ value }) - 1
        return `$${k}:${value.type}`
      }
    }
  }
  for (const inst of block.insts) {
    // Labels of inline assembly may be meant to exist once a copy.
    if (inst.op === 'asm' || inst.op === 'asmresult' || inst.op === 'opaque' || inst.op === 'alloca') return undefined
    local.set(inst, local.size)
    const core = inst.core ? `${inst.core.kind}/${inst.core.access}/${typeKey(inst.core.type)}` : ''
    parts.push(
      [
        inst.op,
        inst.type,
        inst.args
          .map((arg, i) =>
            mayVary(inst, i) ? `$${outside.push({ value: arg, user: inst, index: i }) - 1}:${arg.type}` : operand(arg),
          )
          .join(),
        inst.value,
        inst.offset,
        inst.size,
        inst.align,
        inst.volatile ? 'v' : '',
        inst.predicate,
        inst.atomic ?? '',
        inst.fetch ? 'f' : '',
        inst.order,
        inst.func?.name ?? '',
        inst.helper,
        core,
      ].join(' '),
    )
  }
  parts.push(terminatorKey(block.terminator, operand))
  return { key: parts.join('\n'), outside }
}

/** Constants that are but data: what is stored, what a function is told. */
function mayVary({ op, args }: Value, index: number): boolean {
  const arg = args[index]!
  return arg.op === 'const' && arg.type !== 'ptr' && (op === 'store' ? index === 1 : op === 'call' || op === 'callhelper')
}

const typeNumbers = new WeakMap<object, number>()
let typeCount = 0

/** Types are the same when they are the same object. */
function typeKey(type: object): number {
  let number = typeNumbers.get(type)
  if (number === undefined) typeNumbers.set(type, (number = ++typeCount))
  return number
}

function terminatorKey(terminator: Terminator, operand: (value: Value) => string): string {
  const edge = (to: Edge): string => `${to.block.id}(${to.args.map(operand).join()})`
  switch (terminator.kind) {
    case 'br':
      return `br ${edge(terminator.to)} ${terminator.unroll ?? ''}`
    case 'condbr':
      return `condbr ${operand(terminator.condition)} ${edge(terminator.then)} ${edge(terminator.otherwise)}`
    case 'switch': {
      const cases = terminator.cases.map(each => `${each.low}-${each.high}:${edge(each.to)}`)
      return `switch ${operand(terminator.value)} ${cases.join()} ${edge(terminator.otherwise)}`
    }
    case 'ret':
      return `ret ${terminator.value ? operand(terminator.value) : ''}`
    default:
      return terminator.kind
  }
}
