/** One function from IR to machine code: the back end's steps in their order. */
import type { DiagnosticSink } from '../../base/diagnostics.js'
import type { Func } from '../ir/ir.js'
import { type Care, isDone } from '../care.js'
import type { Target } from '../options.js'
import { reuseCarriedValues } from './carried-values.js'
import { extendOnce } from './extend-once.js'
import { type FrameContent, frameContents, layOutFrame, MAX_STACK } from './frame.js'
import { hoistMoves } from './hoist-moves.js'
import { layOutBlocks } from './layout.js'
import { type FunctionCode, linearize } from './linear.js'
import { peephole } from './peephole.js'
import { AllocationFailure, allocateRegisters } from './registers.js'
import { selectFunction } from './selector.js'
import { shareAddresses } from './share-addresses.js'
import { mergeTails } from './tail-merge.js'

export interface CodegenContext {
  readonly target: Target
  readonly sink: DiagnosticSink
  readonly care?: Care
}

/** Machine code of a function; undefined where a diagnostic says why not. `serial` is its number in the module. */
export function compileFunction(func: Func, context: CodegenContext, serial: number): FunctionCode | undefined {
  const { sink, care = 0 } = context
  const errors = sink.errors
  if (isDone('extend-once', care)) extendOnce(func, Number(context.target.cpu.slice(1)) >= 3 && isDone('alu32', care))
  const machine = selectFunction(func, context)
  if (isDone('share-addresses', care)) shareAddresses(machine)
  try {
    const { homes } = allocateRegisters(machine)
    peephole(machine)
    if (isDone('hoist-moves', care)) hoistMoves(machine)
    if (isDone('carried-values', care)) reuseCarriedValues(machine)
    if (isDone('tail-merge', care)) mergeTails(machine)
    layOutFrame(machine, homes)
  } catch (error) {
    if (!(error instanceof AllocationFailure)) throw error
    const { loc } = error.insn
    sink.error('G0013', loc ? { start: loc, end: loc + 1 } : undefined, 'the inline assembly wants more registers than there are')
    return undefined
  }
  if (machine.frameSize > MAX_STACK) reportFrame(func, context, machine.frameSize, frameContents(machine))
  layOutBlocks(machine, Number(context.target.cpu.slice(1)))
  const code = linearize(machine, context, serial)
  return sink.errors > errors ? undefined : code
}

function reportFrame(func: Func, context: CodegenContext, size: number, contents: readonly FrameContent[]): void {
  const largest = func.entry.insts.filter(inst => inst.op === 'alloca').sort((a, b) => b.size - a.size)[0]
  const loc = largest?.loc || func.entry.insts[0]?.loc || 0
  context.sink.error(
    'G0007',
    loc ? { start: loc, end: loc + 1 } : undefined,
    `the stack frame of '${func.name}' takes ${size} bytes, the limit is ${MAX_STACK}`,
    {
      notes: contents.slice(0, 5).map(({ name, bytes }) => ({ message: `${bytes} bytes: ${name}` })),
      hint: 'keep large objects in a per-CPU array map instead of on the stack',
    },
  )
}
