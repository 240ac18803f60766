/**
 * Stack along calls: the kernel adds up the frames of a chain of calls, each rounded up to 32 bytes, and allows 512 (kernel/bpf/verifier.c
 * check_max_stack_depth_subprog). Here it is a warning: which chains really happen the verifier knows better.
 */
import type { DiagnosticSink } from '../../base/diagnostics.js'
import { Func } from '../ir/ir.js'
import { type FrameContent, MAX_STACK } from './frame.js'
import type { FunctionCode } from './linear.js'

export interface StackUse {
  readonly func: Func
  /** What takes the space of its own frame, largest first. */
  readonly frame: readonly FrameContent[]
  /** Bytes of its own frame, rounded up. */
  readonly own: number
  /** Bytes of the deepest chain that begins with it. */
  readonly deepest: number
  readonly chain: readonly Func[]
}

/** Stack use of every function, callees before callers. A recursive call ends a chain: the kernel refuses it anyway. */
export function stackUse(codes: readonly FunctionCode[]): StackUse[] {
  const byFunc = new Map(codes.map(code => [code.func, code]))
  const done = new Map<Func, StackUse>()
  const active = new Set<Func>()
  const visit = (code: FunctionCode): StackUse => {
    const known = done.get(code.func)
    if (known) return known
    active.add(code.func)
    let deepest: StackUse | undefined
    for (const { kind, target } of code.relocs) {
      if (kind !== 'call' || !(target instanceof Func) || active.has(target)) continue
      const callee = byFunc.get(target)
      if (!callee) continue
      const use = visit(callee)
      if (!deepest || use.deepest > deepest.deepest) deepest = use
    }
    active.delete(code.func)
    const own = Math.ceil(Math.max(1, code.frameSize) / 32) * 32
    const use = {
      func: code.func,
      frame: code.frame,
      own,
      deepest: own + (deepest?.deepest ?? 0),
      chain: [code.func, ...(deepest?.chain ?? [])],
    }
    done.set(code.func, use)
    return use
  }
  for (const code of codes) visit(code)
  return [...done.values()]
}

export function checkStackChains(codes: readonly FunctionCode[], sink: DiagnosticSink): void {
  for (const { func, own, deepest, chain } of stackUse(codes)) {
    if (deepest <= MAX_STACK || chain.length < 2 || func.section === undefined) continue
    const loc = codes.find(code => code.func === func)!.locs.find(each => each !== 0)
    sink.warning(
      'G0014',
      loc ? { start: loc, end: loc + 1 } : undefined,
      `'${func.name}' and what it calls take ${deepest} bytes of stack, the limit is ${MAX_STACK}`,
      {
        notes: [{ message: `deepest: ${chain.map(each => each.name).join(' -> ')}, ${own} bytes of its own` }],
        hint: 'keep large objects in a per-CPU array map instead of on the stack',
        group: 'frame-larger-than',
      },
    )
  }
}
