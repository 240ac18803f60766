/**
 * From blocks to slots: frame addresses become numbers, inline assembly becomes instructions, branches get their distances. Distances that 16 bits
 * cannot hold take `gotol` (-mcpu=v4).
 */
import { assembleInline, type InlineSymbol } from '../../assembler/inline-asm.js'
import { Insns } from '../../assembler/isa/insns.js'
import * as op from '../../assembler/isa/opcodes.js'
import type { DiagnosticSink } from '../../base/diagnostics.js'
import type { Loc } from '../../base/source.js'
import type { CoreAccess, Func } from '../ir/ir.js'
import type { Target } from '../options.js'
import { asmText } from './asm-text.js'
import { type FrameContent, frameContents } from './frame.js'
import {
  ADD64_K,
  CALL,
  EXIT,
  FP,
  isBranch,
  LD_IMM64,
  type MBlock,
  type MFunc,
  MInsn,
  MOV64_X,
  P_ASM,
  P_FRAME,
  type SymbolRef,
} from './machine.js'
import { invertJump } from './select-control.js'

/** A place that a relocation fills: which slot, what kind of field, and whose address. */
export interface CodeReloc {
  readonly slot: number
  readonly kind: 'imm64' | 'call'
  /** Of this module, or named by an inline assembly. */
  readonly target: SymbolRef['target'] | string
  readonly addend: number
}

/** A function's machine code. */
export interface FunctionCode {
  readonly func: Func
  readonly insns: Insns
  readonly relocs: readonly CodeReloc[]
  /** Source places by slot, 0 where there is none. */
  readonly locs: Int32Array
  readonly cores: readonly { readonly slot: number; readonly core: CoreAccess }[]
  /** Names of the labels in front of slots that branches go to. */
  readonly labels: ReadonlyMap<number, string>
  /** Bytes. */
  readonly frameSize: number
  /** What takes the space of the frame, largest first. */
  readonly frame: readonly FrameContent[]
}

export interface LinearContext {
  readonly target: Target
  readonly sink: DiagnosticSink
}

/** One instruction with what is still open. */
interface Item {
  code: number
  readonly dst: number
  readonly src: number
  readonly off: number
  readonly imm: number
  readonly high: number
  readonly slots: number
  readonly loc: Loc
  readonly core: CoreAccess | undefined
  readonly symbol:
    | { readonly kind: 'imm64' | 'call'; readonly target: SymbolRef['target'] | string; readonly addend: number }
    | undefined
  /** Name of the label it branches to. */
  branch: string | undefined
}

const GOTO = op.BPF_JMP | op.BPF_JA
const GOTOL = op.BPF_JMP32 | op.BPF_JA

class Linearizer {
  private readonly items: Item[] = []
  /** Item that a label stands before. */
  private readonly labels = new Map<string, number>()
  private asms = 0
  /** How many items there are behind assembly that left the function: an exit there is one nobody reaches, which the kernel refuses. */
  private left = -1

  constructor(
    private readonly func: MFunc,
    private readonly context: LinearContext,
    private readonly serial: number,
  ) {}

  run(): FunctionCode {
    const { blocks } = this.func
    blocks.forEach((block, i) => {
      this.labels.set(this.name(block), this.items.length)
      this.left = -1
      this.block(block, blocks[i + 1])
    })
    return this.encode()
  }

  private name(block: MBlock): string {
    return `.LBB${this.serial}_${block.id}`
  }

  private push(insn: MInsn, branch?: string): void {
    const { symbol } = insn
    this.items.push({
      code: insn.op,
      dst: Math.max(0, insn.dst),
      src: insn.op === CALL ? (symbol ? op.BPF_PSEUDO_CALL : 0) : Math.max(0, insn.src),
      off: insn.off + (insn.slot?.offset ?? 0),
      imm: insn.imm,
      high: insn.high,
      slots: insn.op === LD_IMM64 ? 2 : 1,
      loc: insn.loc,
      core: insn.core,
      symbol: symbol && { kind: insn.op === CALL ? 'call' : 'imm64', target: symbol.target, addend: symbol.addend },
      branch,
    })
  }

  private goto(to: MBlock, loc: Loc): void {
    // A block that only returns is as short as the way to it.
    const only = to.insns[0]
    if (to.insns.length === 1 && only!.op === EXIT) this.push(only!)
    else this.push(new MInsn(GOTO, 0, 0, 0, 0, loc), this.name(to))
  }

  private block(block: MBlock, following: MBlock | undefined): void {
    const last = block.last
    const branch = last && isBranch(last) && !last.asm ? last : undefined
    for (const insn of block.insns) if (insn !== branch) this.insn(insn)
    const { next } = block
    if (!branch) {
      if (next && (next !== following || block.jumps)) this.goto(next, last?.loc ?? 0)
      return
    }
    const target = branch.target!
    const inverse = target === following && next !== following && !branch.straight ? invertJump(this.cpu, branch.op) : undefined
    if (inverse !== undefined) {
      branch.op = inverse
      this.push(branch, this.name(next!))
      return
    }
    this.push(branch, this.name(target))
    if (next && next !== following) this.goto(next, branch.loc)
  }

  private get cpu(): { readonly cpu: number } {
    return { cpu: Number(this.context.target.cpu.slice(1)) }
  }

  private insn(insn: MInsn): void {
    if (insn.op === P_FRAME) {
      this.push(new MInsn(MOV64_X, insn.dst, FP, 0, 0, insn.loc))
      this.push(new MInsn(ADD64_K, insn.dst, 0, 0, insn.imm + insn.slot!.offset, insn.loc))
    } else if (insn.op === P_ASM) this.asm(insn)
    else if (insn.op !== EXIT || this.left !== this.items.length) this.push(insn)
  }

  private error(code: string, loc: Loc, message: string, hint?: string): void {
    this.context.sink.error(code, loc ? { start: loc, end: loc + 1 } : undefined, message, hint ? { hint } : {})
  }

  private asm(insn: MInsn): void {
    const { target } = this.context
    const unique = this.serial * 1000 + this.asms++
    const written = asmText(insn.asm!, { label: block => this.name(block), unique })
    if ('fault' in written) {
      this.error('G0009', insn.loc, `the assembly names the operand '${written.fault}', which it does not have`)
      return
    }
    const prefix = `${this.serial}.${this.asms}.`
    const { items, diagnostics } = assembleInline(written.text, { prefix, little: target.little })
    for (const diagnostic of diagnostics) this.error('G0010', insn.loc, `inline assembly: ${diagnostic.message}`)
    for (const item of items) {
      if (item.kind === 'label') {
        this.labels.set(item.name, this.items.length)
        continue
      }
      const { insn: parsed, symbol } = item
      this.items.push({
        code: parsed.code,
        dst: parsed.dst,
        src: parsed.src,
        off: parsed.off,
        imm: parsed.imm,
        high: parsed.immHigh,
        slots: parsed.slots,
        loc: insn.loc,
        core: undefined,
        symbol: symbol && asReloc(symbol),
        branch: symbol?.field.startsWith('branch') ? symbol.name : undefined,
      })
    }
    const end = items.at(-1)
    if (end && end.kind !== 'label' && [EXIT, GOTO, GOTOL].includes(end.insn.code)) this.left = this.items.length
  }

  // --- encoding ---

  private encode(): FunctionCode {
    this.reach()
    const starts = this.starts()
    const total = starts[this.items.length]!
    const insns = new Insns(total)
    const locs = new Int32Array(total)
    const relocs: CodeReloc[] = []
    const cores: { slot: number; core: CoreAccess }[] = []
    const labels = new Map<number, string>()
    this.items.forEach((item, i) => {
      const slot = starts[i]!
      let { off, imm } = item
      const distance = item.branch === undefined ? undefined : this.distance(item, i, starts, labels)
      if (distance !== undefined) {
        if (item.code === GOTOL) imm = distance
        else off = distance
      }
      if (off < -0x8000 || off > 0x7fff) this.tooFar(item, off)
      insns.set(slot, item.code, item.dst, item.src, off, imm)
      if (item.slots === 2) insns.set(slot + 1, 0, 0, 0, 0, item.high)
      locs[slot] = item.loc
      if (item.symbol) relocs.push({ slot, ...item.symbol })
      if (item.core) cores.push({ slot, core: item.core })
    })
    return {
      func: this.func.func,
      insns,
      relocs,
      locs,
      cores,
      labels,
      frameSize: this.func.frameSize,
      frame: frameContents(this.func),
    }
  }

  private tooFar(item: Item, off: number): void {
    if (item.branch !== undefined)
      this.error(
        'G0008',
        item.loc,
        `a branch over ${off} instructions: offsets have 16 bits`,
        'split the function, or build with -mcpu=v4',
      )
    else this.error('G0011', item.loc, `an access at offset ${off}: offsets have 16 bits`)
  }

  private distance(item: Item, index: number, starts: Int32Array, labels: Map<number, string>): number | undefined {
    const at = this.labels.get(item.branch!)
    if (at === undefined) {
      this.error('G0012', item.loc, `a branch to '${item.branch}', which is not a label here`)
      return undefined
    }
    if (!labels.has(starts[at]!)) labels.set(starts[at]!, item.branch!)
    return starts[at]! - starts[index]! - 1
  }

  private starts(): Int32Array {
    const starts = new Int32Array(this.items.length + 1)
    this.items.forEach((item, i) => {
      starts[i + 1] = starts[i]! + item.slots
    })
    return starts
  }

  /** With `gotol`, branches that are too far jump over a long jump. Each round only makes distances longer, so it ends. */
  private reach(): void {
    if (this.cpu.cpu < 4) return
    for (;;) {
      const starts = this.starts()
      const far = new Set<number>()
      this.items.forEach((item, i) => {
        if (item.branch === undefined || item.code === GOTOL) return
        const at = this.labels.get(item.branch)
        if (at === undefined) return
        const distance = starts[at]! - starts[i]! - 1
        if (distance < -0x8000 || distance > 0x7fff) far.add(i)
      })
      if (far.size === 0) return
      this.lengthen(far)
    }
  }

  private lengthen(far: ReadonlySet<number>): void {
    const old = this.items.splice(0)
    const moved = new Int32Array(old.length + 1)
    old.forEach((item, i) => {
      moved[i] = this.items.length
      if (!far.has(i)) this.items.push(item)
      else if (item.code === GOTO) {
        item.code = GOTOL
        this.items.push(item)
      } else {
        // if (x) goto near; goto over; near: gotol target; over:
        const near = `${item.branch}.near.${this.items.length}`
        const over = `${item.branch}.over.${this.items.length}`
        const plain = { dst: 0, src: 0, off: 0, imm: 0, high: 0, slots: 1, loc: item.loc, core: undefined, symbol: undefined }
        const long: Item = { ...plain, code: GOTOL, branch: item.branch }
        const short: Item = { ...plain, code: GOTO, branch: over }
        item.branch = near
        this.items.push(item, short, long)
        this.labels.set(near, -(this.items.length - 1) - 1)
        this.labels.set(over, -this.items.length - 1)
      }
    })
    moved[old.length] = this.items.length
    // New labels are already in the new numbering: they were marked by their sign.
    for (const [name, at] of this.labels) this.labels.set(name, at < 0 ? -at - 1 : moved[at]!)
  }
}

function asReloc(symbol: InlineSymbol): Item['symbol'] {
  if (symbol.field === 'imm64') return { kind: 'imm64', target: symbol.name, addend: symbol.addend }
  return symbol.field === 'call' ? { kind: 'call', target: symbol.name, addend: 0 } : undefined
}

/** `serial` numbers the functions of a module, so that labels differ. */
export function linearize(func: MFunc, context: LinearContext, serial: number): FunctionCode {
  return new Linearizer(func, context, serial).run()
}
