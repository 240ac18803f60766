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

/** By register, the name of what it holds; undefined where nothing is known. */
type State = (string | undefined)[]

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
  const begin = (block: MBlock): State | undefined => {
    if (block === entry) return new Array(REGISTERS).fill(undefined)
    let state: State | undefined
    for (const { from, taken } of incoming.get(block)!) {
      let end = ends.get(from)
      // A way not gone yet: taken to agree, until it is known.
      if (!end) continue
      if (taken) end = withEqual(end, from.last!)
      if (!state) state = [...end]
      else for (let r = 0; r < REGISTERS; r++) if (state[r] !== end[r]) state[r] = undefined
    }
    return state
  }
  for (let changed = true; changed; ) {
    changed = false
    for (const block of func.blocks) {
      const state = begin(block)
      if (!state) continue
      for (const insn of block.insns) step(state, insn)
      const before = ends.get(block)
      if (before && before.every((value, r) => value === state[r])) continue
      ends.set(block, state)
      changed = true
    }
  }
  for (const block of func.blocks) {
    const state = begin(block)
    if (!state) continue
    block.insns = block.insns.filter(insn => {
      const name = resolve(state, nameOf(insn))
      if (name !== undefined && state[insn.dst] === name) return false
      if (name?.startsWith('slot ')) reuseReload(insn, state.indexOf(name))
      step(state, insn)
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

/** What the instruction puts into its destination, if that has a name that any other instruction could give too. */
function nameOf(insn: MInsn): string | undefined {
  if (insn.core) return undefined
  if (insn.op === MOV64_K) return `#${BigInt.asUintN(64, BigInt(insn.imm))}`
  if (insn.op === MOV32_K) return `#${insn.imm >>> 0}`
  if (insn.op === P_FRAME) return `frame ${insn.slot!.id} ${insn.imm}`
  if (insn.op === LD_IMM64) return insn.symbol ? `@${insn.symbol.target.name}+${insn.symbol.addend}` : undefined
  if (isCopy(insn) && insn.src !== FP) return `=${insn.src}`
  if (insn.op === LOAD_SPILL && insn.slot?.spill) return `slot ${insn.slot.id}`
  return undefined
}

/** A copy of what has a name of its own has that name. */
function resolve(state: State, name: string | undefined): string | undefined {
  return name?.startsWith('=') ? (state[Number(name.slice(1))] ?? name) : name
}

function step(state: State, insn: MInsn): void {
  if (insn.op === STORE_SPILL && insn.slot?.spill) {
    const name = `slot ${insn.slot.id}`
    for (let r = 0; r < REGISTERS; r++) if (state[r] === name) state[r] = undefined
    if (state[insn.src] === undefined) state[insn.src] = name
    return
  }
  const name = resolve(state, nameOf(insn))
  const written = writeMask(insn)
  if (written === 0) return
  for (let r = 0; r < REGISTERS; r++) {
    if (!(written & (1 << r))) continue
    state[r] = undefined
    const copies = `=${r}`
    for (let other = 0; other < REGISTERS; other++) if (state[other] === copies) state[other] = undefined
  }
  if (name !== undefined && name !== `=${insn.dst}`) state[insn.dst] = name
}

const isEqualTest = (insn: MInsn) => insn.op === (op.BPF_JMP | op.BPF_JEQ | op.BPF_K)

/** Behind `if r == number` the register holds the number. */
function withEqual(state: State, branch: MInsn): State {
  const known = [...state]
  known[branch.dst] = `#${BigInt.asUintN(64, BigInt(branch.imm))}`
  return known
}
