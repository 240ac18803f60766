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
  const entry = func.blocks[0]!
  const incoming = new Map<MBlock, { readonly from: MBlock; readonly taken: boolean }[]>()
  for (const block of func.blocks) incoming.set(block, [])
  for (const from of func.blocks) {
    const { last } = from
    const taken = last && isBranch(last) && !last.asm ? last.target : undefined
    // An edge on which a branch is both taken and not says nothing.
    for (const to of successorBlocks(from))
      incoming.get(to)?.push({ from, taken: to === taken && to !== from.next && isEqualTest(last!) })
  }
  const ends = new Map<MBlock, State>()
  const names = new Names()
  const begin = (block: MBlock): State | undefined => {
    if (block === entry) return new Float64Array(REGISTERS).fill(UNKNOWN)
    let state: State | undefined
    for (const { from, taken } of incoming.get(block)!) {
      let end = ends.get(from)
      // A way not gone yet: taken to agree, until it is known.
      if (!end) continue
      if (taken) end = withEqual(end, from.last!)
      if (!state) state = end.slice()
      else for (let r = 0; r < REGISTERS; r++) if (state[r] !== end[r]) state[r] = UNKNOWN
    }
    return state
  }
  for (let changed = true; changed; ) {
    changed = false
    for (const block of func.blocks) {
      const state = begin(block)
      if (!state) continue
      for (const insn of block.insns) names.step(state, insn)
      const before = ends.get(block)
      if (before && sameState(before, state)) continue
      ends.set(block, state)
      changed = true
    }
  }
  for (const block of func.blocks) {
    const state = begin(block)
    if (!state) continue
    block.insns = block.insns.filter(insn => {
      const name = resolve(state, names.of(insn))
      if (name !== UNKNOWN && state[insn.dst] === name) return false
      if (isSpillName(name)) reuseReload(insn, state.indexOf(name))
      names.step(state, insn)
      return true
    })
  }
}

function sameState(a: State, b: State): boolean {
  for (let r = 0; r < REGISTERS; r++) if (a[r] !== b[r]) return false
  return true
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

/** Behind `if r == number` the register holds the number. */
function withEqual(state: State, branch: MInsn): State {
  const known = state.slice()
  known[branch.dst] = branch.imm
  return known
}
