/**
 * A program ready to be run: its instructions packed two words a slot, with map references replaced by what registers will hold.
 */
import { NotImplemented } from '../../base/outcome.js'
import type { Insns } from '../../assembler/isa/insns.js'
import { classify, isForm } from '../../assembler/isa/isa-table.js'
import * as op from '../../assembler/isa/opcodes.js'
import type { BtfSet } from '../../linker/btf/btf-types.js'
import type { LineInfo } from '../../linker/object/bpf-object.js'
import { VmFault } from './fault.js'
import { FUNC_HANDLE, HANDLE_STEP, MAP_HANDLE } from './memory.js'

/** The helper bpf_tail_call. */
export const TAIL_CALL = 12

/** What gives programs of any type pointers into kernel objects: casts, the current task, sockets as the kernel has them. */
const POINTER_KFUNCS: ReadonlySet<string> = new Set(['bpf_cast_to_kern_ctx', 'bpf_rdonly_cast'])
const POINTER_HELPERS: ReadonlySet<number> = new Set([136, 137, 138, 139, 140, 158, 178, 196])

/** What loading a program needs to know of its surroundings. */
export interface ImageScope {
  /** Address of the first byte of a map's only value (global data). */
  mapValueAddress(map: number): number
  /** Number of the object's maps. */
  readonly mapCount: number
  /** What number one of them has in the machine. */
  mapNumber(map: number): number
  /** The object's types. */
  readonly btf: BtfSet | undefined
  /** Address of a kernel variable by its BTF id. */
  variableAddress(btfId: number): number
  /** Name of a kfunc by its BTF id. */
  kfuncName(btfId: number): string
}

export class ProgramImage {
  /** Word 2n: opcode, registers and offset as encoded in little endian; word 2n + 1: the immediate. */
  readonly words: Int32Array
  /** kfunc names by slot. */
  readonly kfuncs = new Map<number, string>()
  /** How often each slot ran; made when coverage is asked for. */
  hits: Uint32Array | undefined
  /** Of conditional jumps, how often they were taken; made with `hits`. */
  taken: Uint32Array | undefined

  readonly btf: BtfSet | undefined
  /** Whether a load through a bad pointer gives 0, as in programs that follow BTF pointers (BPF_PROBE_MEM). */
  readonly probing: boolean

  /** Where exceptions go (see exceptionCallback). */
  exceptionCallback = -1

  constructor(
    readonly name: string,
    insns: Insns,
    readonly lineInfo: readonly LineInfo[],
    scope: ImageScope,
    probing: boolean,
  ) {
    this.btf = scope.btf
    let followsPointers = probing
    this.words = new Int32Array(insns.length * 2)
    for (let slot = 0; slot < insns.length; slot++) {
      const form = classify(insns, slot)
      if (!isForm(form)) throw new VmFault(`invalid instruction: ${form.reason}`, slot, name)
      this.pack(insns, slot, insns.imm[slot]!)
      if (form.kind === 'call_kfunc') {
        const kfunc = scope.kfuncName(insns.imm[slot]!)
        this.kfuncs.set(slot, kfunc)
        followsPointers ||= POINTER_KFUNCS.has(kfunc)
      } else if (form.kind === 'call_helper') followsPointers ||= POINTER_HELPERS.has(insns.imm[slot]!)
      if (form.slots === 1) continue
      this.wide(insns, slot, scope)
      slot++
    }
    this.probing = followsPointers
  }

  private pack(insns: Insns, slot: number, imm: number): void {
    this.words[slot * 2] = insns.code[slot]! | (insns.dst[slot]! << 8) | (insns.src[slot]! << 12) | (insns.off[slot]! << 16)
    this.words[slot * 2 + 1] = imm
  }

  /** A 64-bit immediate: both halves as the register will hold them. */
  private wide(insns: Insns, slot: number, scope: ImageScope): void {
    let low = insns.imm[slot]!
    let high = insns.imm[slot + 1]!
    switch (insns.src[slot]) {
      case 0:
        break
      case op.BPF_PSEUDO_MAP_FD:
      case op.BPF_PSEUDO_MAP_IDX:
        if (low < 0 || low >= scope.mapCount) throw new VmFault(`there is no map ${low}`, slot, this.name)
        low = scope.mapNumber(low) * HANDLE_STEP
        high = MAP_HANDLE
        break
      case op.BPF_PSEUDO_MAP_VALUE:
      case op.BPF_PSEUDO_MAP_IDX_VALUE:
        if (low < 0 || low >= scope.mapCount) throw new VmFault(`there is no map ${low}`, slot, this.name)
        low = (scope.mapValueAddress(low) + high) | 0
        high = 0
        break
      case op.BPF_PSEUDO_FUNC:
        low = slot + 1 + low
        high = FUNC_HANDLE
        break
      case op.BPF_PSEUDO_BTF_ID:
        low = scope.variableAddress(low)
        high = 0
        break
      default:
        throw new NotImplemented(`64-bit immediate of kind ${insns.src[slot]}`, `${this.name}, instruction ${slot}`)
    }
    this.words[slot * 2 + 1] = low
    this.words[slot * 2 + 3] = high
  }

  /** By slot: 1 where a function begins that uses its frame, 2 for one that does not, 0 while it is not known. */
  private frameUse: Uint8Array | undefined

  /** Whether a function, or a program that it may go on in, has to do with its stack frame: those that do not need none. */
  usesFrame(entry: number): boolean {
    this.frameUse ??= new Uint8Array(this.words.length >> 1)
    if (this.frameUse[entry] === 0) this.frameUse[entry] = this.reachesFrame(entry) ? 1 : 2
    return this.frameUse[entry] !== 2
  }

  private reachesFrame(entry: number): boolean {
    const seen = new Set<number>()
    const work = [entry]
    while (work.length > 0) {
      const slot = work.pop()!
      const word = this.words[slot * 2]
      if (word === undefined || seen.has(slot)) continue
      seen.add(slot)
      const code = word & 0xff
      if (((word >> 8) & 15) === op.BPF_REG_FP || ((word >> 12) & 15) === op.BPF_REG_FP) return true
      const isJump = (code & 7) === op.BPF_JMP || (code & 7) === op.BPF_JMP32
      const operation = code & 0xf0
      if (isJump && operation === op.BPF_EXIT) continue
      if (isJump && operation === op.BPF_CALL) {
        // A tail call goes on in this frame.
        if (word >> 12 === 0 && this.words[slot * 2 + 1] === TAIL_CALL) return true
      } else if (isJump) {
        work.push(slot + 1 + (code === (op.BPF_JMP32 | op.BPF_JA) ? this.words[slot * 2 + 1]! : word >> 16))
        if (operation === op.BPF_JA) continue
      }
      work.push(code === (op.BPF_LD | op.BPF_IMM | op.BPF_DW) ? slot + 2 : slot + 1)
    }
    return false
  }

  /** The source line of a slot: the last line record at or before it. */
  lineOf(slot: number): LineInfo | undefined {
    let low = 0
    let high = this.lineInfo.length - 1
    let found: LineInfo | undefined
    while (low <= high) {
      const middle = (low + high) >> 1
      if (this.lineInfo[middle]!.slot <= slot) {
        found = this.lineInfo[middle]
        low = middle + 1
      } else high = middle - 1
    }
    return found
  }
}
