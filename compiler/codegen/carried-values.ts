/**
 * After allocation, across blocks: a constant, an address, a copy or a spilled value that the register holds on every way here is not put there
 * again. What every register surely holds is worked out forwards over the whole function; where ways differ nothing is known.
 */
import * as op from '../../assembler/isa/opcodes.js'
import { ALLOCATABLE } from './registers.js'
import {
  FP,
  isBranch,
  isCopy,
  LD_IMM64,
  type MBlock,
  type MFunc,
  type MInsn,
  MOV32_K,
  MOV64_K,
  MOV64_X,
  P_FRAME,
  successorBlocks,
} from './machine.js'
import { writeMask } from './physical-liveness.js'

const REGISTERS = ALLOCATABLE.length

/**
 * By register, the name of what it holds. A number from -2^31 to 2^32 is a constant's, of 64 bits; above that lie the names of copies, of
 * spilled values and of addresses.
 */
type State = Float64Array
const UNKNOWN = -(2 ** 40)
/** And the register that holds the original. */
const COPY = 2 ** 40
/** And the slot's number. */
const SPILLED = 2 ** 41
/** And the address's number. */
const ADDRESS = 2 ** 42

const isCopyName = (name: number) => name >= COPY && name < SPILLED
const isSpillName = (name: number) => name >= SPILLED && name < ADDRESS

export function reuseCarriedValues(func: MFunc): void {
  const { blocks } = func
  const places = new Map<MBlock, number>()
  for (let b = 0; b < blocks.length; b++) places.set(blocks[b]!, b)
  const incoming: { readonly from: number; readonly taken: MInsn | undefined }[][] = blocks.map(() => [])
  const outgoing: number[][] = []
  for (let from = 0; from < blocks.length; from++) {
    const { last, next } = blocks[from]!
    const taken = last && isBranch(last) && !last.asm ? last.target : undefined
    const targets: number[] = []
    for (const to of successorBlocks(blocks[from]!)) {
      const place = places.get(to)
      if (place === undefined) continue
      targets.push(place)
      // An edge on which a branch is both taken and not says nothing.
      incoming[place]!.push({ from, taken: to === taken && to !== next && isEqualTest(last!) ? last : undefined })
    }
    outgoing.push(targets)
  }
  /** What registers hold at the end of each block that has been gone through, one block after the other. */
  const ends = new Float64Array(blocks.length * REGISTERS)
  const gone = new Uint8Array(blocks.length)
  const names = new Names()
  /** Where the walk stands. */
  const state: State = new Float64Array(REGISTERS)
  /** Puts into `state` what is known where the block begins; false where no way to it has been gone yet. */
  const begin = (block: number): boolean => {
    let first = true
    if (block === 0) {
      state.fill(UNKNOWN)
      return true
    }
    for (const { from, taken } of incoming[block]!) {
      // A way not gone yet: taken to agree, until it is known.
      if (!gone[from]) continue
      for (let r = 0, at = from * REGISTERS; r < REGISTERS; r++, at++) {
        // Behind `if r == number` the register holds the number.
        const held = taken && r === taken.dst ? taken.imm : ends[at]!
        if (first) state[r] = held
        else if (state[r] !== held) state[r] = UNKNOWN
      }
      first = false
    }
    return !first
  }
  /** Blocks before which something has changed. */
  const waiting = new Uint8Array(blocks.length).fill(1)
  for (let changed = true; changed; ) {
    changed = false
    for (let b = 0; b < blocks.length; b++) {
      if (!waiting[b] || !begin(b)) continue
      waiting[b] = 0
      const { insns } = blocks[b]!
      for (let i = 0; i < insns.length; i++) names.step(state, insns[i]!)
      const end = b * REGISTERS
      let same = gone[b] === 1
      for (let r = 0; same && r < REGISTERS; r++) same = ends[end + r] === state[r]
      if (same) continue
      ends.set(state, end)
      gone[b] = 1
      for (const to of outgoing[b]!) waiting[to] = 1
      changed = true
    }
  }
  for (let b = 0; b < blocks.length; b++) {
    if (!begin(b)) continue
    const block = blocks[b]!
    block.insns = block.insns.filter(insn => {
      const name = resolve(state, names.of(insn))
      if (name !== UNKNOWN && state[insn.dst] === name) return false
      if (isSpillName(name)) reuseReload(insn, state.indexOf(name))
      names.step(state, insn)
      return true
    })
  }
}

/** A spilled value that another register holds is copied from there. */
function reuseReload(insn: MInsn, holder: number): void {
  if (holder < 0) return
  insn.op = MOV64_X
  insn.src = holder
  insn.off = 0
  insn.slot = undefined
}

const LOAD_SPILL = op.BPF_LDX | op.BPF_MEM | op.BPF_DW
const STORE_SPILL = op.BPF_STX | op.BPF_MEM | op.BPF_DW

class Names {
  private readonly addresses = new Map<string, number>()

  /** What the instruction puts into its destination, if that has a name that any other instruction could give too. */
  of(insn: MInsn): number {
    if (insn.core) return UNKNOWN
    switch (insn.op) {
      case MOV64_K:
        return insn.imm
      case MOV32_K:
        return insn.imm >>> 0
      case MOV64_X:
        return isCopy(insn) && insn.src !== FP ? COPY + insn.src : UNKNOWN
      case LOAD_SPILL:
        return insn.slot?.spill ? SPILLED + insn.slot.id : UNKNOWN
      case P_FRAME:
        return this.address(`frame ${insn.slot!.id} ${insn.imm}`)
      case LD_IMM64:
        return insn.symbol ? this.address(`@${insn.symbol.target.name}+${insn.symbol.addend}`) : UNKNOWN
      default:
        return UNKNOWN
    }
  }

  private address(key: string): number {
    let name = this.addresses.get(key)
    if (name === undefined) this.addresses.set(key, (name = ADDRESS + this.addresses.size))
    return name
  }

  step(state: State, insn: MInsn): void {
    if (insn.op === STORE_SPILL && insn.slot?.spill) {
      const name = SPILLED + insn.slot.id
      for (let r = 0; r < REGISTERS; r++) if (state[r] === name) state[r] = UNKNOWN
      if (state[insn.src] === UNKNOWN) state[insn.src] = name
      return
    }
    const written = writeMask(insn)
    if (written === 0) return
    const name = resolve(state, this.of(insn))
    for (let r = 0; r < REGISTERS; r++) {
      if (!(written & (1 << r))) continue
      state[r] = UNKNOWN
      const copies = COPY + r
      for (let other = 0; other < REGISTERS; other++) if (state[other] === copies) state[other] = UNKNOWN
    }
    if (name !== UNKNOWN && name !== COPY + insn.dst) state[insn.dst] = name
  }
}

/** A copy of what has a name of its own has that name. */
function resolve(state: State, name: number): number {
  if (!isCopyName(name)) return name
  const original = state[name - COPY]
  return original === undefined || original === UNKNOWN ? name : original
}

const isEqualTest = (insn: MInsn) => insn.op === (op.BPF_JMP | op.BPF_JEQ | op.BPF_K)
