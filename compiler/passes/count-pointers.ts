/**
 * A loop whose end is found by comparing pointers into one object (`for (p = a; p < a + n; p++)`) counts a distance in its place, and its
 * pointer becomes the start plus that. A verifier knows no order of two pointers into a stack frame or a map's value, and would walk such a
 * loop until the pointer is out of the object; of a number it knows the limit. Packet pointers are of two roots and stay as they are.
 */
import { computeDominators } from '../ir/dominators.js'
import type { Block, Edge, Func, Predicate, Value } from '../ir/ir.js'
import { findLoops, type Loop } from '../ir/loops.js'
import { predecessors } from './cfg.js'
import type { FunctionPass } from './pass.js'

export const countPointers: FunctionPass = {
  kind: 'function',
  name: 'count-pointers',
  run(func) {
    if (!func.blocks.some(block => block.insts.some(comparesPointers))) return false
    const dominators = computeDominators(func)
    const incoming = predecessors(func)
    let changed = false
    for (const loop of findLoops(func, dominators).all) {
      const inside = new Set(loop.blocks)
      const edges = incoming[loop.header.id]!
      for (const param of [...loop.header.params]) {
        if (param.type !== 'ptr') continue
        const index = loop.header.params.indexOf(param)
        const pointer = steppedPointer(
          param,
          edges.filter(({ from }) => !inside.has(from)).map(({ edge }) => edge.args[index]!),
          edges.filter(({ from }) => inside.has(from)).map(({ edge }) => edge.args[index]!),
        )
        if (!pointer) continue
        const tests = comparisons(loop, pointer)
        if (tests.length === 0) continue
        count(
          func,
          loop.header,
          pointer,
          tests,
          edges.map(({ edge, from }) => ({ edge, from, inside: inside.has(from) })),
        )
        changed = true
      }
    }
    return changed
  },
}

const comparesPointers = (inst: Value): boolean => inst.op === 'icmp' && inst.args[0]!.type === 'ptr'

/** A pointer as a root and a number of bytes behind it, as far as that is constant. */
function constantPlace(value: Value): { readonly root: Value; readonly offset: bigint } {
  let root = value
  let offset = 0n
  while (root.op === 'ptradd' && root.args[1]!.op === 'const') {
    offset += BigInt.asIntN(64, root.args[1]!.value)
    root = root.args[0]!
  }
  return { root, offset }
}

interface SteppedPointer {
  readonly param: Value
  readonly start: Value
}

/** A header parameter that begins with one value and goes on by constant steps. */
function steppedPointer(param: Value, entering: readonly Value[], back: readonly Value[]): SteppedPointer | undefined {
  const start = entering[0]
  if (!start || entering.some(value => value !== start)) return undefined
  if (!back.every(value => constantPlace(value).root === param) || back.every(value => value === param)) return undefined
  return { param, start }
}

/** A comparison in the loop of the pointer with another place in its object. */
interface Comparison {
  readonly inst: Value
  readonly block: Block
  readonly predicate: Predicate
  /** Bytes behind the parameter of what is compared. */
  readonly ahead: bigint
  /** The limit's distance from the start is `beyond` plus `more`, if there is one. */
  readonly beyond: bigint
  readonly more: Value | undefined
}

function comparisons(loop: Loop, { param, start }: SteppedPointer): Comparison[] {
  const found: Comparison[] = []
  const from = constantPlace(start)
  // Arena pointers are numbers to a verifier, and constants no objects.
  if (from.root.op === 'addrspacecast' || from.root.op === 'const') return []
  for (const block of loop.blocks) {
    for (const inst of block.insts) {
      if (!comparesPointers(inst)) continue
      const [a, b] = inst.args.map(constantPlace) as [ReturnType<typeof constantPlace>, ReturnType<typeof constantPlace>]
      const flipped = b.root === param
      if (flipped === (a.root === param)) continue
      const [own, limit] = flipped ? [b, a] : [a, b]
      // The limit may be a place behind the object's start that is only known when the program runs.
      const { root, offset } = limit
      const variable = root.op === 'ptradd' ? constantPlace(root.args[0]!) : undefined
      const to = root === from.root ? limit : variable?.root === from.root ? variable : undefined
      if (!to) continue
      found.push({
        inst,
        block,
        predicate: flipped ? (mirrored[inst.predicate] ?? inst.predicate) : inst.predicate,
        ahead: own.offset,
        beyond: to.offset + (to === limit ? 0n : offset) - from.offset,
        more: to === limit ? undefined : root.args[1]!,
      })
    }
  }
  return found
}

const mirrored: Readonly<Partial<Record<Predicate, Predicate>>> = { ult: 'ugt', ugt: 'ult', ule: 'uge', uge: 'ule' }

/** C compares pointers into one object: their distances from its start may be compared with a sign. */
const signed: Readonly<Partial<Record<Predicate, Predicate>>> = { ult: 'slt', ugt: 'sgt', ule: 'sle', uge: 'sge' }

function count(
  func: Func,
  header: Block,
  { param, start }: SteppedPointer,
  tests: readonly Comparison[],
  edges: readonly { readonly edge: Edge; readonly from: Block; readonly inside: boolean }[],
): void {
  const { loc } = param
  const index = header.params.indexOf(param)
  const counter = func.value('blockparam', 'i64', [], loc)
  counter.name = param.name
  param.name = undefined
  header.params[index] = counter
  for (const { edge, from, inside } of edges) {
    if (!inside) edge.args[index] = func.const('i64', 0)
    else {
      const { offset } = constantPlace(edge.args[index]!)
      edge.args[index] = plus(func, counter, offset, from.insts, from.insts.length, edge.args[index]!.loc)
    }
  }
  for (const { inst, block, predicate, ahead, beyond, more } of tests) {
    const at = block.insts.indexOf(inst)
    const added: Value[] = []
    const reached = plus(func, counter, ahead - (more ? beyond : 0n), added, 0, inst.loc)
    block.insts.splice(at, 0, ...added)
    inst.args = [reached, more ?? func.const('i64', beyond)]
    inst.predicate = signed[predicate] ?? predicate
  }
  // The parameter itself becomes the sum, so that its other users need no change.
  param.op = 'ptradd'
  param.args = [start, counter]
  header.insts.unshift(param)
}

function plus(func: Func, value: Value, offset: bigint, list: Value[], at: number, loc: Value['loc']): Value {
  if (offset === 0n) return value
  const sum = func.value('add', 'i64', [value, func.const('i64', offset)], loc)
  list.splice(at, 0, sum)
  return sum
}
