/**
 * A kernel version as a selection of facts. Behaviour that differs between versions is a row here, read by the verifier and the VM;
 * there are no version checks in code paths. Source of each row: the version's kernel/bpf/verifier.c and log.c.
 */

export interface KernelProfile {
  /** `6.1`, `6.12`, `6.18`… */
  readonly version: string
  /** Deduction rules of register bounds; see runtime/verifier/state/bounds.ts. */
  readonly bounds: { readonly crossing: boolean; readonly rounds: number; readonly mixed: boolean }
  /** Product of tnums: `union` from 6.18. */
  readonly tnumMul: 'classic' | 'union'
  /** Sums keep bounds when both ends overflow alike (6.17). */
  readonly overflowAware: boolean
  /** BPF_NEG is tracked as 0 - x (6.17). */
  readonly trackNeg: boolean
  /** AND and OR with a constant fork the path on a sign mask (6.18.y and 6.12.y stable). */
  readonly forkSignMasks: boolean
  /** Branches are decided and refined on two unknowns, and tnums take part in equality (6.8). */
  readonly refineBoth: boolean
  /** Scalars linked by a constant difference (6.11). */
  readonly linkedOffsets: boolean
  /** Spilled scalars keep bounds when narrower than 64 bits, constants from ST are tracked (6.3/6.8). */
  readonly spillNarrow: boolean
  /** Instructions of -mcpu=v4: sign-extending loads and moves, bswap, gotol, signed division (6.6). */
  readonly v4: boolean
  readonly mayGoto: boolean
  readonly acquireRelease: boolean
  readonly arena: boolean
  readonly iterators: boolean
  /** Private stacks for programs that can recurse (6.13; Debian's 6.12 has it too). */
  readonly privateStack: boolean
  /** Helpers' reads and writes of the stack are told apart (6.14). */
  readonly typedHelperAccess: boolean
  /** Privileged programs may read stack that was never written (6.3). */
  readonly uninitStack: boolean
  /** Looking up a constant index of an array gives no null (6.14). */
  readonly constantKeys: boolean
  /** A tail call in a subprogram also returns to its caller (6.18 stable). */
  readonly tailCallReturns: boolean
  /** Pointers to what is no struct are read-only untrusted memory (6.17). */
  readonly untrustedMem: boolean
  /** Global functions may tag their arguments (`arg:ctx`, `arg:nonnull`…, 6.8). */
  readonly argTags: boolean
  /** Equality is decided by ranges too, not by known bits alone (6.3). */
  readonly rangedEquality: boolean
  /** All rules that can refuse a program are there. Where not, the verifier does not say `accepted`. */
  readonly settled: boolean
  /** Processed instructions at most. */
  readonly insnLimit: number
  /** Layout of the log: liveness suffixes (`R1_w`) until 6.17; `plain` from 6.18. */
  readonly log: 'liveness' | 'plain' | 'classic'
  /** CPUs of the machine, where a helper's result depends on it. */
  readonly cpus: number
}

const v6_18: KernelProfile = {
  version: '6.18',
  bounds: { crossing: true, rounds: 3, mixed: true },
  tnumMul: 'union',
  overflowAware: true,
  trackNeg: true,
  forkSignMasks: true,
  refineBoth: true,
  linkedOffsets: true,
  spillNarrow: true,
  v4: true,
  mayGoto: true,
  acquireRelease: true,
  arena: true,
  iterators: true,
  privateStack: true,
  typedHelperAccess: true,
  uninitStack: true,
  untrustedMem: true,
  constantKeys: true,
  tailCallReturns: true,
  argTags: true,
  rangedEquality: true,
  settled: true,
  insnLimit: 1000000,
  log: 'plain',
  cpus: 2,
}

const v6_12: KernelProfile = {
  ...v6_18,
  version: '6.12',
  tnumMul: 'classic',
  overflowAware: false,
  trackNeg: false,
  acquireRelease: false,
  typedHelperAccess: false,
  untrustedMem: false,
  constantKeys: false,
  tailCallReturns: false,
  log: 'liveness',
  cpus: 1,
}

const v6_1: KernelProfile = {
  ...v6_12,
  version: '6.1',
  bounds: { crossing: false, rounds: 1, mixed: false },
  forkSignMasks: false,
  refineBoth: false,
  linkedOffsets: false,
  spillNarrow: false,
  v4: false,
  mayGoto: false,
  arena: false,
  iterators: false,
  privateStack: false,
  uninitStack: false,
  argTags: false,
  rangedEquality: false,
  settled: false,
  log: 'classic',
}

export const kernelProfiles: readonly KernelProfile[] = [v6_1, v6_12, v6_18]

/** Whether a version is at least another, both as `major.minor`. */
export function versionAtLeast(version: string, least: string): boolean {
  const [a = 0, b = 0] = version.split('.').map(Number)
  const [c = 0, d = 0] = least.split('.').map(Number)
  return a > c || (a === c && b >= d)
}

/** The profile of a version; undefined for one that has none. */
export function kernelProfile(version: string): KernelProfile | undefined {
  return kernelProfiles.find(profile => profile.version === version)
}
