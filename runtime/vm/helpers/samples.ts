/** What a perf sample carries beside registers: branches taken and the counter; all given with the run's input. */
import { EINVAL, ENOENT } from '../errno.js'
import type { Machine } from '../machine.js'
import { defineHelpers } from './table.js'

const ENTRY = 24
const BPF_F_GET_BRANCH_RECORDS_SIZE = 1n

/** `struct perf_branch_entry`: from, to, and the word of flags. */
export interface BranchInput {
  readonly from: bigint
  readonly to: bigint
  readonly flags?: bigint
}

export interface SampleInput {
  readonly branches?: readonly BranchInput[]
  /** Counter, time enabled, time running. */
  readonly counter?: readonly [bigint, bigint, bigint]
}

const SAMPLE = 'sample'

export function setSample(m: Machine, sample: SampleInput | undefined): void {
  m.extras.set(SAMPLE, sample)
}

const sampleOf = (m: Machine) => (m.extras.get(SAMPLE) as SampleInput | undefined) ?? {}

function branchBytes(branches: readonly BranchInput[]): Uint8Array {
  const bytes = new Uint8Array(branches.length * ENTRY)
  const view = new DataView(bytes.buffer)
  for (const [index, { from, to, flags = 0n }] of branches.entries())
    for (const [word, value] of [from, to, flags].entries())
      view.setBigUint64(index * ENTRY + word * 8, BigInt.asUintN(64, value), true)
  return bytes
}

/** bpf_read_branch_records(ctx, buf, size, flags). */
function readBranches(m: Machine): void {
  const flags = m.u64(4)
  const { branches } = sampleOf(m)
  const size = m.u32(3)
  if (flags & ~BPF_F_GET_BRANCH_RECORDS_SIZE) m.ret(-EINVAL)
  else if (!branches) m.ret(-ENOENT)
  else if (flags) m.ret(branches.length * ENTRY)
  else if (m.isNull(2) || size % ENTRY !== 0) m.ret(-EINVAL)
  else {
    const bytes = branchBytes(branches).subarray(0, size)
    m.memory.write(m.writable(2, size), bytes)
    m.ret(bytes.length)
  }
}

/** bpf_get_branch_snapshot(entries, size, flags). */
function snapshot(m: Machine): void {
  const size = m.u32(2)
  const to = m.writable(1, size)
  const bytes = branchBytes(sampleOf(m).branches ?? []).subarray(0, size - (size % ENTRY))
  if (m.u64(3) !== 0n) m.ret(-EINVAL)
  else if (bytes.length === 0) m.ret(-ENOENT)
  else {
    m.memory.write(to, bytes)
    m.ret(bytes.length)
  }
}

function readCounter(m: Machine): void {
  const size = m.u32(3)
  const to = m.writable(2, size)
  const { counter } = sampleOf(m)
  m.memory.bytes.fill(0, to, to + size)
  if (size !== ENTRY || !counter) m.ret(-EINVAL)
  else {
    for (const [index, value] of counter.entries()) m.memory.view.setBigUint64(to + index * 8, value, true)
    m.ret(0)
  }
}

defineHelpers([
  { id: 56, name: 'bpf_perf_prog_read_value', run: readCounter },
  { id: 119, name: 'bpf_read_branch_records', run: readBranches },
  { id: 176, name: 'bpf_get_branch_snapshot', run: snapshot },
])
