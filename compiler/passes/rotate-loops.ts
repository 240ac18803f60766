/**
 * Loops that test before each round come to test after it: the test is copied to where the loop is entered, the original stands at the
 * end of each round and leads back. A round then needs no `goto`, neither when it runs nor when a verifier walks it. Where the first
 * test is known to hold, which the passes that follow find out, nothing of the copy stays. Only what counts by constants is treated so.
 */
import { sumsAndBits, widthCasts } from '../ir/op-groups.js'
import { computeDominators } from '../ir/dominators.js'
import { type Block, type Func, type Op, successors, type Value } from '../ir/ir.js'
import { findLoops, type Loop } from '../ir/loops.js'
import { predecessors, removeUnreachable } from './cfg.js'
import { Cloner } from './clone.js'
import { demote } from './demote.js'
import { mem2reg } from './mem2reg.js'
import type { FunctionPass } from './pass.js'

/** Instructions of a test that are worth a copy. */
const MAX_COPIED = 3

export const rotateLoops: FunctionPass = {
  kind: 'function',
  name: 'rotate-loops',
  run(func, module, options, sink) {
    removeUnreachable(func)
    const loops = findLoops(func, computeDominators(func)).all.filter(loop => isTestedFirst(func, loop))
    if (loops.length === 0) return false
    const headers = new Map(loops.map((loop, i) => [loop.header, i]))
    demote(func, block => headers.get(block))
    const incoming = predecessors(func)
    for (const loop of loops) rotate(func, loop, incoming[loop.header.id]!)
    mem2reg.run(func, module, options, sink)
    return true
  },
}

const cheap: ReadonlySet<Op> = new Set<Op>([...sumsAndBits, 'icmp', ...widthCasts])

/** Whether the header does nothing but test what is counted, and all rounds end with a plain way back to it. */
function isTestedFirst(func: Func, loop: Loop): boolean {
  const { header, latches } = loop
  const { terminator } = header
  if (terminator.kind !== 'condbr' || header.insts.length > MAX_COPIED || !header.insts.every(inst => cheap.has(inst.op)))
    return false
  const inside = new Set(loop.blocks)
  if (inside.has(terminator.then.block) === inside.has(terminator.otherwise.block)) return false
  if (!latches.every(latch => latch !== header && latch.terminator.kind === 'br') || loop.blocks.some(joinsRounds)) return false
  const counted = header.params.filter((param, i) => isCounter(func, loop, param, i))
  return terminator.condition.op === 'icmp' && terminator.condition.args.some(arg => counted.some(param => dependsOn(arg, param)))
}

/**
 * Whether a parameter of the header begins as a constant and has the same added in each round. Verifiers know such a number; what they know of
 * another (that it is not 0, say) they lose when it is asked for after the next was made from it.
 */
function isCounter(func: Func, { header, latches }: Loop, param: Value, index: number): boolean {
  return func.blocks.every(block =>
    successors(block).every(edge => {
      const arg = edge.block === header && edge.args[index]
      if (!arg) return true
      if (!latches.includes(block)) return arg.op === 'const'
      return (arg.op === 'add' || arg.op === 'sub') && arg.args[0] === param && arg.args[1]!.op === 'const'
    }),
  )
}

const dependsOn = (value: Value, param: Value): boolean =>
  value === param || (cheap.has(value.op) && value.args.some(arg => dependsOn(arg, param)))

/** Where a verifier takes rounds for alike and forgets what it knows of numbers (may_goto, iterators): the test must come behind that. */
export const joinsRounds = (block: Block): boolean => block.terminator.kind === 'asmgoto' || stepsIterator(block)

export const stepsIterator = ({ insts }: Block): boolean =>
  insts.some(({ op, func }) => op === 'call' && func!.isDeclaration && /^bpf_iter_.*_next$/.test(func!.name))

function rotate(func: Func, { header, latches }: Loop, incoming: ReturnType<typeof predecessors>[number]): void {
  const guard = new Cloner(func).clone([header], false)[0]!
  for (const { from, edge } of incoming) if (!latches.includes(from)) edge.block = guard
  func.blocks.splice(func.blocks.indexOf(header), 0, guard)
}
