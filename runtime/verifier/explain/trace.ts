/**
 * The path that a log tells: one step an instruction, with the state after it as far as the log gives it. A log of level 2 tells of
 * all paths; at `from P to T` the path is cut back to P, so that what stays is the one that failed.
 */
import type { Insns } from '../../../assembler/isa/insns.js'
import * as op from '../../../assembler/isa/opcodes.js'
import { readState } from './state-text.js'

export interface Step {
  readonly slot: number
  readonly frame: number
  /** Registers and stack of the frame before the instruction, by their printed names. */
  before: ReadonlyMap<string, string>
  /** The same after it; equal to `before` where the log says nothing. */
  after: ReadonlyMap<string, string>
}

export interface Trace {
  readonly steps: readonly Step[]
  /** What was said behind the last instruction, without the statistics. */
  readonly complaint: readonly string[]
}

const INSN = /^(\d+): \([0-9a-f]{2}\) (.*)$/
const STATE = /^(\d+): (?:frame\d+: )?(?=R\d|fp-\d)(.*)$/
/** Up to 5.15 a failing access prints the state it met, without a number. */
const MET = /^ ?(?:frame\d+: ?)?R\d+(?:_[rwP]+)?=/
const FROM = /^from (\d+) to (\d+)(?: \(.*\))?:(.*)$/
const NOISE =
  /^(processed \d|stack depth |verification time|mark_precise|parent |last_idx|regs=|propagating|func#\d|max_states|;|arg#\d+ reference type\()/

export function readTrace(log: string, insns: Insns): Trace {
  const steps: Step[] = []
  let complaint: string[] = []
  let frame = 0
  /** What each frame holds now. */
  let frames: Map<string, string>[] = [new Map()]
  const merge = (at: number, values: ReadonlyMap<string, string>) => {
    while (frames.length <= at) frames.push(new Map())
    frames[at] = new Map([...frames[at]!, ...values])
  }
  for (const line of log.split('\n')) {
    const from = FROM.exec(line)
    if (from) {
      const prev = Number(from[1])
      let at = steps.length - 1
      while (at >= 0 && steps[at]!.slot !== prev) at--
      if (at >= 0) steps.length = at + 1
      const state = readState(from[3]!)
      frame = state.frame
      frames = frames.slice(0, frame)
      merge(frame, state.values)
      complaint = []
      continue
    }
    const insn = INSN.exec(line)
    if (insn) {
      const slot = Number(insn[1])
      if (slot >= insns.length) continue
      const last = steps[steps.length - 1]
      if (last) {
        const next = frameAfter(last, slot, insns)
        if (next !== frame) {
          if (next > frame) frames[next] = new Map([...(frames[frame] ?? [])].filter(([name]) => /^R[1-5]$/.test(name)))
          frames = frames.slice(0, next + 1)
          frame = next
        }
      }
      merge(frame, new Map())
      const semicolon = insn[2]!.indexOf(' ; ')
      const before = frames[frame]!
      const step: Step = { slot, frame, before, after: before }
      if (semicolon >= 0) {
        const state = readState(insn[2]!.slice(semicolon + 2))
        merge(state.frame, state.values)
        step.after = frames[frame] ?? before
      }
      steps.push(step)
      complaint = []
      continue
    }
    const state = STATE.exec(line)
    if (state) {
      const read = readState(line.slice(line.indexOf(':') + 1))
      merge(read.frame, read.values)
      const last = steps[steps.length - 1]
      if (last && last.frame === read.frame) last.after = frames[read.frame]!
      continue
    }
    const at = steps[steps.length - 1]
    if (at && MET.test(line)) {
      const read = readState(line)
      merge(read.frame, read.values)
      if (at.frame === read.frame) {
        at.before = frames[read.frame]!
        at.after = at.before
      }
      continue
    }
    if (line.trim() !== '' && !NOISE.test(line)) complaint.push(line)
  }
  return { steps, complaint }
}

function frameAfter(step: Step, next: number, insns: Insns): number {
  const { slot, frame } = step
  const code = insns.code[slot]!
  if ((code & 7) !== op.BPF_JMP) return frame
  const kind = code & 0xf0
  if (kind === op.BPF_EXIT) return Math.max(0, frame - 1)
  if (kind !== op.BPF_CALL || next === slot + 1) return frame
  return frame + 1
}
