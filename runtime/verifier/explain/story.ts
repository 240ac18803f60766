/**
 * What the classes of rejection ask about the fault: the registers before it, their C names, where a value came from and which
 * branches narrowed it. Made from a program, its object and a log, of ours or of a kernel.
 */
import { formatInsn } from '../../../assembler/syntax/pseudo-c.js'
import * as op from '../../../assembler/isa/opcodes.js'
import type { MapDef } from '../../../linker/object/bpf-object.js'
import type { PreparedObject, PreparedProgram } from '../../../linker/object/prepared.js'
import { ProgType } from '../../../linker/object/uapi.js'
import { helperName, mayChangePacket } from '../../kernel/helpers.js'
import { assigned, callIn, expressionAt, isName, type Piece } from './c-text.js'
import type { PathNote, Place } from './explanation.js'
import { rangeText, readReg, type RegText, S64_MAX, S64_MIN, U64_MAX } from './state-text.js'
import { readTrace, type Step, type Trace } from './trace.js'

/** Where a value came from: the instruction that made it, and what was done to it since. */
export interface Origin {
  /** Index of the step that made the value; -1 when it was there at the start. */
  readonly step: number
  readonly kind: 'load' | 'call' | 'constant' | 'address' | 'entry' | 'computed'
  /** C name of it, or the expression. */
  readonly name: string | undefined
  /** What the value was multiplied by on the way (an index by the size of an element). */
  readonly scale: bigint
  /** Path notes, in the order of the path. */
  readonly notes: readonly PathNote[]
}

const successes: Readonly<Record<number, string>> = {
  [ProgType.XDP]: 'return XDP_PASS;',
  [ProgType.SCHED_CLS]: 'return TC_ACT_OK;',
  [ProgType.SCHED_ACT]: 'return TC_ACT_OK;',
}

const jumps: Readonly<Record<number, readonly [taken: string, not: string]>> = {
  [op.BPF_JEQ]: ['==', '!='],
  [op.BPF_JNE]: ['!=', '=='],
  [op.BPF_JGT]: ['>', '<='],
  [op.BPF_JGE]: ['>=', '<'],
  [op.BPF_JLT]: ['<', '>='],
  [op.BPF_JLE]: ['<=', '>'],
  [op.BPF_JSGT]: ['>', '<='],
  [op.BPF_JSGE]: ['>=', '<'],
  [op.BPF_JSLT]: ['<', '>='],
  [op.BPF_JSLE]: ['<=', '>'],
}

const isJump = (code: number): boolean => {
  const group = code & 7
  const kind = code & 0xf0
  return (group === op.BPF_JMP || group === op.BPF_JMP32) && kind !== op.BPF_JA && kind !== op.BPF_CALL && kind !== op.BPF_EXIT
}

/** Inline assembly over several lines: its first line says nothing, the instruction does. */
const isCutAsm = (text: string): boolean => /^(?:asm|__asm__)\b/.test(text) && !/\)\s*;?$/.test(text)

export class Story {
  readonly trace: Trace
  /** Index of the step at fault. */
  readonly at: number
  readonly slot: number | undefined

  constructor(
    readonly object: PreparedObject,
    readonly program: PreparedProgram,
    log: string,
    /** Where the verifier noticed it, when that is known better than from the log. */
    slot: number | undefined,
    private readonly callees?: ReadonlyMap<number, string>,
  ) {
    this.trace = readTrace(log, program.insns)
    this.at = this.trace.steps.length - 1
    this.slot = slot ?? this.trace.steps[this.at]?.slot
  }

  /** The line of an instruction. */
  place(slot: number | undefined): Place | undefined {
    if (slot === undefined) return undefined
    const { lineInfo } = this.program
    let low = 0
    let high = lineInfo.length - 1
    if (high < 0 || lineInfo[0]!.slot > slot) return undefined
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (lineInfo[middle]!.slot <= slot) low = middle
      else high = middle - 1
    }
    return lineInfo[low]
  }

  get faultPlace(): Place | undefined {
    return this.place(this.slot)
  }

  /** The expression at fault; of a call the whole call. */
  get expression(): Piece | undefined {
    const place = this.faultPlace
    if (!place) return undefined
    const callee = this.callee
    const call = callee ? callIn(place.text, callee) : undefined
    return call ?? expressionAt(place.text, place.column)
  }

  /** Source of the expression at fault, or a stand-in. */
  get code(): string {
    const text = this.expression?.text
    if (text !== undefined && !isCutAsm(text)) return text
    if (this.slot === undefined) return 'instruction ?'
    // As in the log, without the opcode before it.
    return formatInsn(this.program.insns, this.slot, 'bpftool').replace(/^\([0-9a-f]+\) /, '')
  }

  /** A register before the instruction at fault. */
  reg(number: number): RegText {
    return readReg(this.trace.steps[this.at]?.before.get(`R${number}`) ?? '?')
  }

  /** Name of what the instruction calls: helper, kfunc or function. */
  calleeAt(slot: number): string | undefined {
    const { insns } = this.program
    if (insns.code[slot] !== (op.BPF_JMP | op.BPF_CALL)) return undefined
    const imm = insns.imm[slot]!
    const logged = this.callees?.get(slot)
    if (logged !== undefined) return logged
    if (insns.src[slot] === op.BPF_PSEUDO_KFUNC_CALL) {
      const { kernelBtf } = this.object
      const type = kernelBtf && imm > 0 && imm < kernelBtf.count ? kernelBtf.type(imm) : undefined
      return type && 'name' in type ? type.name : undefined
    }
    if (insns.src[slot] === op.BPF_PSEUDO_CALL) return this.program.functions.find(each => each.slot === slot + 1 + imm)?.name
    return helperName(imm)
  }

  get callee(): string | undefined {
    return this.slot === undefined ? undefined : this.calleeAt(this.slot)
  }

  /** The C text of an argument of the call at fault; 1 for the first. */
  argument(number: number): string | undefined {
    const place = this.faultPlace
    const callee = this.callee
    return place && callee ? callIn(place.text, callee)?.args[number - 1] : undefined
  }

  /** The map that a register points to or into. Logs before 6.8 print its sizes only; they name it where one map has them. */
  map({ fields }: RegText): MapDef | undefined {
    const { maps } = this.object
    const name = fields.get('map')
    // The kernel keeps 15 characters of a name.
    if (name !== undefined) return maps.find(each => each.name === name || each.name.slice(0, 15) === name)
    const sizes = [fields.get('ks'), fields.get('vs')]
    if (sizes[1] === undefined) return undefined
    const fitting = maps.filter(each => each.keySize === Number(sizes[0]) && each.valueSize === Number(sizes[1]))
    return fitting.length === 1 ? fitting[0] : undefined
  }

  /** `a program of section xdp`; a log alone does not say which section. */
  get aProgram(): string {
    return this.program.section ? `a program of section ${this.program.section}` : 'this type of program'
  }

  get programs(): string {
    return this.program.section ? `programs of section ${this.program.section}` : 'programs of this type'
  }

  /** What a program returns that gives up without harm. */
  get giveUp(): string {
    return this.slot !== undefined && this.functionAt(this.slot) > 0 ? 'return 0;' : (successes[this.program.type] ?? 'return 0;')
  }

  private functionAt(slot: number): number {
    let found = 0
    this.program.functions.forEach((each, i) => {
      if (each.slot <= slot) found = i
    })
    return found
  }

  get functionName(): string {
    return this.program.functions[this.functionAt(this.slot ?? 0)]?.name ?? this.program.name
  }

  /** Where the value of a register (before the instruction at fault) came from. */
  origin(number: number): Origin {
    return this.originAt(`R${number}`, this.at)
  }

  /** Walks back from a step (not looking at it) to what made the value that `name` (`R1`, `fp-8`) holds there. */
  originAt(name: string, before: number): Origin {
    const { steps } = this.trace
    const { insns } = this.program
    const branches: { at: number; holder: string }[] = []
    const changes: number[] = []
    let holder = name
    let scale = 1n
    let frame = steps[before]?.frame ?? 0
    let made = -1
    let kind: Origin['kind'] = 'entry'
    for (let i = before - 1; i >= 0; i--) {
      const step = steps[i]!
      const { slot } = step
      const code = insns.code[slot]!
      const group = code & 7
      if (step.frame > frame) {
        // Inside a function that has returned: only its result matters.
        if (holder === 'R0' && code === (op.BPF_JMP | op.BPF_EXIT) && step.frame === frame + 1) frame = step.frame
        continue
      }
      if (step.frame < frame) {
        frame = step.frame
        // Arguments come in the registers of the same number.
        continue
      }
      const reg = Number(holder.slice(1))
      if (isJump(code) && (holder === `R${insns.dst[slot]}` || ((code & op.BPF_X) !== 0 && holder === `R${insns.src[slot]}`))) {
        branches.push({ at: i, holder })
        continue
      }
      if (holder.startsWith('fp')) {
        if ((group === op.BPF_STX || group === op.BPF_ST) && this.storesTo(i, holder)) {
          if (group === op.BPF_ST || (code & 0xe0) === op.BPF_ATOMIC) {
            made = i
            kind = 'constant'
            break
          }
          holder = `R${insns.src[slot]}`
        }
        continue
      }
      if (group === op.BPF_JMP && (code & 0xf0) === op.BPF_CALL) {
        if (reg > 5) continue
        if (reg === 0 && steps[i + 1]?.frame === step.frame) {
          made = i
          kind = 'call'
          break
        }
        if (steps[i + 1]?.frame === step.frame) break
        continue
      }
      if (group === op.BPF_LDX && insns.dst[slot] === reg) {
        const spill = this.stackSlot(i, insns.src[slot]!, insns.off[slot]!)
        if (spill) {
          holder = spill
          continue
        }
        made = i
        kind = 'load'
        break
      }
      if (group === op.BPF_LD && insns.dst[slot] === reg) {
        made = i
        kind = insns.src[slot] ? 'address' : 'constant'
        break
      }
      if ((group === op.BPF_ALU || group === op.BPF_ALU64) && insns.dst[slot] === reg) {
        const operation = code & 0xf0
        const imm = BigInt(insns.imm[slot]!)
        const byReg = (code & op.BPF_X) !== 0 && operation !== op.BPF_END
        if (operation === op.BPF_MOV) {
          if (byReg) {
            holder = `R${insns.src[slot]}`
            continue
          }
          made = i
          kind = 'constant'
          break
        }
        if (operation === op.BPF_LSH && !byReg && imm < 60n) {
          scale <<= imm
          // A pair of shifts by 32 or more only widens: it scales nothing.
          continue
        }
        if ((operation === op.BPF_RSH || operation === op.BPF_ARSH) && !byReg) {
          if (scale === 1n) {
            const earlier = steps[i - 1]
            const widening =
              earlier &&
              insns.dst[earlier.slot] === reg &&
              (insns.code[earlier.slot]! & 0xf0) === op.BPF_LSH &&
              insns.imm[earlier.slot] === insns.imm[slot]
            if (widening) {
              i--
              continue
            }
          }
          made = i
          kind = 'computed'
          break
        }
        if (operation === op.BPF_MUL && !byReg && imm > 0n) {
          scale *= imm
          continue
        }
        if (operation === op.BPF_ADD && byReg) {
          const own = readReg(step.before.get(holder) ?? '?')
          const other = readReg(step.before.get(`R${insns.src[slot]}`) ?? '?')
          if (own.kind !== 'scalar' && other.kind === 'scalar') changes.push(i)
          else if (own.kind === 'scalar' && other.kind !== 'scalar') holder = `R${insns.src[slot]}`
          else {
            made = i
            kind = 'computed'
            break
          }
          continue
        }
        if (operation === op.BPF_ADD && !byReg) continue
        made = i
        kind = 'computed'
        break
      }
    }
    const place = made >= 0 ? this.place(steps[made]!.slot) : undefined
    const target = place && assigned(place.text)
    const label = target ?? (place && kind !== 'entry' ? expressionAt(place.text, place.column)?.text : undefined)
    const notes: PathNote[] = []
    const short = label !== undefined && label.length <= 40 && !isCutAsm(label) ? label : undefined
    if (place && made >= 0) {
      const what = this.madeText(made, holder, short)
      if (what) notes.push({ place, text: `${what}${this.round(made)}`, step: made })
    }
    for (const { at, holder: held } of branches.reverse()) {
      const note = this.branchNote(at, held, short)
      if (note) notes.push(note)
    }
    return { step: made, kind, name: short, scale, notes }
  }

  /** The call after which a packet pointer that a register held is void; undefined where the register held none, or nothing happened since. */
  staleSince(number: number): { readonly callee: string; readonly note: PathNote | undefined } | undefined {
    const { steps } = this.trace
    const { step: made } = this.origin(number)
    if (made < 0) return undefined
    const { code, dst } = this.program.insns
    const { slot } = steps[made]!
    const register = code[slot] === (op.BPF_JMP | op.BPF_CALL) ? 0 : dst[slot]!
    const { kind } = readReg(steps[made]!.after.get(`R${register}`) ?? '?')
    // What dynptrs of a packet give is memory in the log.
    if (!/^(pkt|pkt_meta)$|(^|_)mem(_|$)/.test(kind)) return undefined
    for (let i = this.at - 1; i > made; i--) {
      const callee = this.calleeAt(steps[i]!.slot)
      const name = callee?.replace(/^bpf_/, '')
      if (callee === undefined || name === undefined) continue
      if (!mayChangePacket(name) && name !== 'dynptr_write' && name !== 'xdp_pull_data') continue
      const place = this.place(steps[i]!.slot)
      return { callee, note: place && { place, text: 'the packet may move here', step: i } }
    }
    return undefined
  }

  /** The variable part of a pointer: the origin of the scalar that was last added to it; undefined where none was. */
  addedTo(
    number: number,
    constants = false,
  ): { readonly origin: Origin; readonly range: RegText; readonly step: number } | undefined {
    const { steps } = this.trace
    const { insns } = this.program
    let holder = number
    const frame = steps[this.at]?.frame ?? 0
    for (let i = this.at - 1; i >= 0; i--) {
      const step = steps[i]!
      if (step.frame !== frame) continue
      const code = insns.code[step.slot]!
      if (insns.dst[step.slot] !== holder) continue
      const group = code & 7
      if (group === op.BPF_LDX || group === op.BPF_LD) return undefined
      if (group !== op.BPF_ALU64) continue
      const kind = code & 0xf0
      if (kind === op.BPF_MOV && code & op.BPF_X) holder = insns.src[step.slot]!
      else if (kind === op.BPF_ADD && code & op.BPF_X) {
        const own = readReg(step.before.get(`R${holder}`) ?? '?')
        const source = `R${insns.src[step.slot]}`
        const other = readReg(step.before.get(source) ?? '?')
        const scalar = own.kind === 'scalar' ? `R${holder}` : source
        const range = own.kind === 'scalar' ? own : other
        if (range.kind !== 'scalar') return undefined
        if (!constants && range.umin === range.umax && own.kind !== 'scalar') continue
        return { origin: this.originAt(scalar, i), range, step: i }
      }
    }
    return undefined
  }

  /** In which round of a loop a step is; nothing for the first. */
  private round(at: number): string {
    const { steps } = this.trace
    const { slot, frame } = steps[at]!
    let rounds = 1
    for (let i = at - 1; i >= 0 && steps[i]!.frame >= frame; i--)
      if (steps[i]!.slot === slot && steps[i]!.frame === frame) rounds++
    return rounds > 1 ? ` (round ${rounds})` : ''
  }

  /** The calls of the program's own functions that are open where the fault is, outermost first. */
  openCalls(): PathNote[] {
    const { steps } = this.trace
    const notes: PathNote[] = []
    let frame = steps[this.at]?.frame ?? 0
    for (let i = this.at - 1; i >= 0 && frame > 0; i--) {
      const step = steps[i]!
      if (step.frame !== frame - 1) continue
      frame = step.frame
      const place = this.place(step.slot)
      const callee = this.calleeAt(step.slot)
      if (place && callee) notes.push({ place, text: `calls ${callee}${this.round(i)}`, step: i })
    }
    return notes.reverse()
  }

  private madeText(at: number, holder: string, name: string | undefined): string | undefined {
    const step = this.trace.steps[at]!
    const value = readReg(step.after.get(holder) ?? '?')
    const callee = this.calleeAt(step.slot)
    const of = name ?? (callee ? `the result of ${callee}` : 'it')
    if (value.kind === 'scalar') {
      const range = rangeText(value.umin, value.umax, value.smin, value.smax)
      return range === undefined ? `${of} may be any number` : `${of} = ${range}`
    }
    if (value.kind === '?') return undefined
    return `${of}: ${kindText(value, this)}`
  }

  /** What a branch on the path says about a value. */
  branchNote(at: number, holder: string, name: string | undefined): PathNote | undefined {
    const step = this.trace.steps[at]!
    const next = this.trace.steps[at + 1]
    const { insns } = this.program
    const place = this.place(step.slot)
    if (!place || !next) return undefined
    const taken = next.slot !== step.slot + 1
    const of = name ?? 'it'
    const code = insns.code[step.slot]!
    let value = readReg(step.after.get(holder) ?? '?')
    if (taken || value.kind === '?') value = this.narrowed(at, holder, taken) ?? readReg(step.before.get(holder) ?? '?')
    if (value.kind !== 'scalar') {
      const pair = jumps[code & 0xf0]
      if (!pair || (code & op.BPF_X) !== 0 || insns.imm[step.slot] !== 0) return undefined
      return { place, text: `here ${of} ${taken ? pair[0] : pair[1]} NULL`, step: at }
    }
    const range = rangeText(value.umin, value.umax, value.smin, value.smax)
    // The compiler may have turned the condition round: what it implies is certain, which way the C branch went is not.
    const text = range === undefined ? `tells nothing about ${of}` : `from here ${of} = ${range}`
    return { place, text: `${text}${this.round(at)}`, step: at }
  }

  /** Bounds after a comparison with a constant that was true; kernels do not print them at log level 1. */
  private narrowed(at: number, holder: string, taken: boolean): RegText | undefined {
    const step = this.trace.steps[at]!
    const { insns } = this.program
    const code = insns.code[step.slot]!
    const value = readReg(step.before.get(holder) ?? '?')
    if (value.kind !== 'scalar' || (code & op.BPF_X) !== 0 || holder !== `R${insns.dst[step.slot]}`) return undefined
    const kind = code & 0xf0
    const relation = jumps[kind]?.[taken ? 0 : 1]
    if (!relation) return undefined
    const signed = kind === op.BPF_JSGT || kind === op.BPF_JSGE || kind === op.BPF_JSLT || kind === op.BPF_JSLE
    if ((code & 7) === op.BPF_JMP32 && value.umax > 0xffffffffn) return undefined
    const imm = BigInt(insns.imm[step.slot]!)
    const bound = signed ? imm : BigInt.asUintN((code & 7) === op.BPF_JMP32 ? 32 : 64, imm)
    let low = signed ? value.smin : value.umin
    let high = signed ? value.smax : value.umax
    const lift = (to: bigint) => (low = to > low ? to : low)
    const cut = (to: bigint) => (high = to < high ? to : high)
    if (relation === '==') {
      low = bound
      high = bound
    } else if (relation === '>') lift(bound + 1n)
    else if (relation === '>=') lift(bound)
    else if (relation === '<') cut(bound - 1n)
    else if (relation === '<=') cut(bound)
    else if (low === bound) lift(bound + 1n)
    if (signed) {
      const positive = low >= 0n
      return { ...value, smin: low, smax: high, umin: positive ? low : value.umin, umax: positive ? high : value.umax }
    }
    const small = high <= S64_MAX
    return { ...value, umin: low, umax: high, smin: small ? low : S64_MIN, smax: small ? high : S64_MAX }
  }

  private stackSlot(at: number, base: number, off: number): string | undefined {
    const pointer = this.trace.steps[at]!.before.get(`R${base}`)
    const found = base === op.BPF_REG_FP ? ['', '0'] : /^fp(-?\d+)$/.exec(pointer ?? '')
    if (!found) return undefined
    const address = Number(found[1]) + off
    return `fp${Math.floor(address / 8) * 8}`
  }

  private storesTo(at: number, slot: string): boolean {
    const { insns } = this.program
    const index = this.trace.steps[at]!.slot
    return this.stackSlot(at, insns.dst[index]!, insns.off[index]!) === slot
  }

  /** The calls of helpers and functions on the path, newest first. */
  callsOnPath(): { readonly name: string; readonly step: Step; readonly index: number }[] {
    const list: { name: string; step: Step; index: number }[] = []
    for (let i = this.at; i >= 0; i--) {
      const step = this.trace.steps[i]!
      const name = this.calleeAt(step.slot)
      if (name) list.push({ name, step, index: i })
    }
    return list
  }
}

const kinds: Readonly<Record<string, string>> = {
  scalar: 'a number',
  ctx: 'the context',
  fp: 'a pointer to the stack',
  map_ptr: 'a map',
  map_value: 'a pointer to a map value',
  map_key: 'a pointer to a map key',
  pkt: 'a pointer into the packet',
  pkt_meta: "a pointer to the packet's metadata",
  pkt_end: 'the end of the packet',
  mem: 'a pointer to memory',
  rdonly_mem: 'a pointer to memory that is only read',
  ringbuf_mem: 'a ring buffer record',
  alloc_mem: 'a ring buffer record',
  sock: 'a socket',
  sock_common: 'a socket',
  tcp_sock: 'a TCP socket',
  ptr_: 'a pointer into the kernel',
  buf: 'a pointer to a buffer',
  dynptr_ptr: 'a dynptr',
  arena: 'a pointer into the arena',
  func: 'a function',
  '?': 'nothing',
}

/** A kind of register in words. */
export function kindText(value: RegText, story?: Story): string {
  const orNull = value.kind.includes('or_null')
  const bare = value.kind
    .replace(/_?or_null_?/, value.kind.startsWith('ptr_or') || value.kind.includes('_ptr_or') ? '_' : '')
    .replace(/^(rdonly|untrusted|trusted|rcu|percpu|user|ringbuf)_(?=ptr_)/, '')
  const map = value.kind.startsWith('map_value') ? story?.map(value) : undefined
  const perCpu = value.kind.startsWith('percpu_') ? 'a per-CPU pointer into the kernel' : undefined
  const words = map ? `a pointer to a value of \`${map.name}\`` : (perCpu ?? kinds[bare] ?? `a ${bare} pointer`)
  return orNull ? `${words}, or NULL` : words
}

/** A name in back quotes if it is one, else the words given. */
export const quoted = (name: string | undefined, otherwise: string): string => (name === undefined ? otherwise : `\`${name}\``)

export { isName, rangeText, U64_MAX }
