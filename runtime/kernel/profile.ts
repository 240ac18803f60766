/**
 * A kernel version as a selection of facts. Behaviour that differs between versions is a row here, with the version it came in and
 * where it is to be read; the verifier asks the profile and never compares versions.
 */

/** A rule of the verifier that some versions have and older ones have not. */
export interface KernelRule {
  /** First version that has it. */
  readonly since: string
  /** Older long-term versions whose stable updates have it too. */
  readonly stable?: readonly string[]
  /** Function or file of the kernel that shows it; kernel/bpf/verifier.c where no file is named. */
  readonly source: string
}

/** Rules by name. Each is a property of a profile: true where the version has the rule. */
export const kernelRules = {
  // ---- instructions
  /** Instructions of -mcpu=v4: sign-extending loads and moves, bswap, signed division. */
  v4: { since: '6.6', source: 'check_alu_op, resolve_pseudo_ldimm64' },
  /** `gotol`: an unconditional jump by a 32-bit offset; 6.1's stable updates have it alone of -mcpu=v4. */
  longJumps: { since: '6.6', stable: ['6.1'], source: 'check_cfg, check_subprogs; bpf_opcode_in_insntable in core.c' },
  mayGoto: { since: '6.9', source: 'check_cond_jmp_op' },
  /** may_goto may name the next instruction. */
  mayGotoNext: { since: '6.14', source: 'check_cond_jmp_op' },
  /** may_goto looks at the clock, for which it keeps two words on the stack, not one. */
  timedMayGoto: { since: '6.15', source: 'do_misc_fixups; arch_bpf_timed_may_goto of x86-64' },
  acquireRelease: { since: '6.15', source: 'check_atomic_load, check_atomic_store' },
  arena: { since: '6.9', source: 'check_alu_op (addr_space_cast); kernel/bpf/arena.c' },
  /** Loads from an arena may extend the sign. */
  arenaSignedLoads: { since: '6.18', source: 'convert_ctx_accesses; bpf_jit_supports_insn of x86-64' },

  /** Atomic operations beyond addition, and their results. */
  atomics: { since: '5.12', source: 'check_atomic' },
  /** Addresses of the program's own functions, for callbacks. */
  functionPointers: { since: '5.13', source: 'check_ld_imm' },
  /** Calls of kernel functions. */
  kfuncs: { since: '5.13', source: 'check_kfunc_call' },
  /** Addresses of kernel variables by their BTF. */
  kernelVariables: { since: '5.10', source: 'check_pseudo_btf_id' },

  // ---- numbers
  /** Bounds of the low 32 bits are tracked on their own. */
  subregBounds: { since: '5.7', source: '__reg32_deduce_bounds, scalar32_min_max_add' },
  /** Deductions between 32- and 64-bit ranges. */
  mixedBounds: { since: '6.8', source: '__reg_deduce_mixed_bounds, __reg32_deduce_bounds' },
  /** Deductions across signed ranges that cross zero, and 32-bit ranges that cross a 2^32 boundary (completed in 6.17). */
  crossingBounds: { since: '6.8', source: '__reg64_deduce_bounds, __reg32_deduce_bounds' },
  /** Comparisons of two unknowns decide and teach, not only those with a constant. */
  refineBoth: { since: '6.8', source: 'reg_set_min_max, is_scalar_branch_taken' },
  /** Contradicting bounds are noticed and given up. */
  boundsSanity: { since: '6.8', source: 'reg_bounds_sanity_check' },
  /** Where a range and the known bits leave one value only, that is the value. */
  singleValues: { since: '7.0', stable: ['6.18'], source: '__update_reg64_bounds, tnum_step in kernel/bpf/tnum.c' },
  /** Products of tnums as unions of both cases of an unknown bit. */
  tnumMulUnion: { since: '6.18', source: 'tnum_mul in kernel/bpf/tnum.c' },
  /** Products, OR and XOR of two unknowns keep bounds. */
  freeOperands: { since: '6.10', source: 'is_safe_to_compute_dst_reg_range, adjust_scalar_min_max_vals' },
  /** Sums keep bounds when both ends overflow alike. */
  overflowAware: { since: '6.17', source: 'scalar_min_max_add, scalar_min_max_sub' },
  /** BPF_NEG is tracked as 0 - x. */
  trackNeg: { since: '6.17', source: 'check_alu_op, adjust_scalar_min_max_vals' },
  /** What byte swaps do to known bits, and that conversions to the machine's order only cut. */
  trackByteSwaps: { since: '7.0', stable: ['6.18'], source: 'scalar_byte_swap' },
  /** AND and OR with a constant fork the path on a sign mask. */
  forkSignMasks: { since: '6.18', stable: ['6.12'], source: 'maybe_fork_scalars' },
  /** Scalars linked by a constant difference. */
  linkedOffsets: { since: '6.11', source: 'sync_linked_regs, adjust_reg_min_max_vals' },
  /** Also negative ones, of subtractions, and of 32-bit sums; what is learnt is synced. */
  linkedDifferences: { since: '7.0', stable: ['6.18'], source: 'sync_linked_regs, adjust_reg_min_max_vals' },
  /** Registers that nothing reads any more are not looked at for links. */
  linkedLiveOnly: { since: '7.0', stable: ['6.18'], source: 'collect_linked_regs' },
  /** Linked scalars are kept with the path, six at most, so that precision follows the links. */
  linkedHistory: { since: '6.12', source: 'collect_linked_regs, bt_sync_linked_regs' },
  /** 32-bit moves of values that fit keep the link to their source. */
  linkedNarrowMoves: { since: '6.4', source: 'check_alu_op' },
  /** A pointer and a pointer that is not null, found equal: neither is null. */
  equalPointersNotNull: { since: '6.2', source: 'check_cond_jmp_op' },

  // ---- the stack
  /** Spilled numbers keep bounds, not only constants their value. */
  boundedSpills: { since: '5.10', source: 'check_stack_write' },
  /** Numbers of 1, 2 and 4 bytes too. */
  narrowSpills: { since: '5.16', source: 'check_stack_write_fixed_off, save_register_state' },
  /** Programs may read and write the stack at an offset that is not constant. */
  variableStackAccess: { since: '5.12', source: 'check_stack_read_var_off, check_stack_write_var_off' },
  /** Spilled scalars keep bounds when narrower than 64 bits. */
  spillNarrow: { since: '6.8', source: 'check_stack_write_fixed_off, check_stack_read_fixed_off' },
  /** Numbers spilled to part of a slot learn from their registers. */
  narrowSpillsLinked: { since: '6.9', source: 'bpf_for_each_spilled_reg in include/linux/bpf_verifier.h' },
  /** Privileged programs may read stack that was never written. */
  uninitStack: { since: '6.3', stable: ['6.1'], source: 'check_stack_read_fixed_off, check_stack_range_initialized' },
  /** Slots of a dynptr may not be overwritten while it stands for something. */
  guardedDynptrs: { since: '6.3', source: 'destroy_if_dynptr_stack_slot' },
  /** Helpers' reads and writes of the stack are told apart. */
  typedHelperAccess: { since: '6.14', source: 'check_stack_range_initialized' },
  /** Private stacks for programs that can recurse. The verifier of 6.12's updates knows them, but no JIT there gives them. */
  privateStack: { since: '6.13', source: 'check_max_stack_depth; bpf_jit_supports_private_stack of x86-64' },

  // ---- speculation (without CAP_PERFMON)
  /** What a processor running ahead must not do gets a barrier before it; older kernels refuse it. */
  nospecFallback: { since: '6.17', source: 'do_check, error_recoverable_with_nospec, check_stack_range_initialized' },
  /** Pointers to the kernel's structs are of no use to them; 6.1 says so of those into maps only. */
  hiddenStructs: { since: '6.2', source: 'check_ptr_to_btf_access' },
  /** Packet pointers that are no longer valid are gone, not numbers. */
  hiddenStalePointers: { since: '6.3', source: 'mark_reg_invalid, clear_all_pkt_pointers' },
  /** A number that a pointer is added to is looked at in a copy: messages take the pointer for it. */
  copiedOffsets: { since: '7.1', stable: ['6.1', '6.12'], source: 'adjust_reg_min_max_vals, sanitize_err' },

  // ---- pruning and loops
  /** States are compared by what registers hold, not by their kind; ids of both states in pairs. */
  equalityByContent: { since: '6.3', source: 'regsafe, regs_exact, check_ids' },
  /** Precision is traced through calls of the program's own functions. */
  subprogPrecision: { since: '6.5', source: 'backtrack_insn, mark_chain_precision_batch' },
  /** What an atomic operation fetches comes from memory; others take the register's older value for it. */
  fetchedPrecision: { since: '7.1', stable: ['6.1', '6.12'], source: 'backtrack_insn, is_atomic_fetch_insn' },
  /** What a callback is given is not traced beyond the call that gives it. */
  callbackArgsSet: { since: '6.17', source: 'backtrack_insn' },
  /** Slots are traced through every pointer to the stack; older ones make values precise when they are stored through another than r10. */
  stackHistory: { since: '6.8', source: 'push_jmp_history, backtrack_insn' },
  /** Endless loops are those that come back to exactly the same state. */
  exactLoops: { since: '6.7', source: 'is_state_visited, states_equal' },
  /** Loops are components of the program, with all states in them; before, states between one and its like further up the path. */
  loopComponents: { since: '6.17', source: 'maybe_enter_scc, maybe_exit_scc, add_scc_backedge; get_loop_entry' },
  /** Rounds of loops are compared without registers that nothing reads any more. */
  liveRounds: { since: '6.15', source: 'func_states_equal, compute_live_registers' },
  /** Some instructions always get a checkpoint, also in a loop. */
  forcedCheckpoints: { since: '6.4', source: 'is_state_visited, mark_force_checkpoint' },
  /** A long path gets a checkpoint. */
  longHistoryCheckpoint: { since: '6.12', source: 'is_state_visited' },

  // ---- calls
  /** Global functions are verified on their own; before they are as static ones. */
  globalFunctions: { since: '5.6', source: 'do_check_subprogs' },
  /** Global functions may take pointers to memory. */
  globalMemory: { since: '5.13', source: 'btf_prepare_func_args in kernel/bpf/btf.c' },
  /** Tail calls and calls of own functions may go together. */
  tailCallsBesideCalls: { since: '5.10', source: 'check_map_func_compatibility' },
  iterators: { since: '6.4', source: 'process_iter_next_call' },
  /** Callbacks of helpers are walked round by round, not once. */
  callbackLoops: { since: '6.7', source: 'push_callback_call, prepare_func_exit' },
  /** Looking up a constant index of an array gives no null. */
  constantKeys: { since: '6.14', source: 'check_helper_call, get_constant_map_key' },
  /** A tail call in a subprogram also returns to its caller. */
  tailCallReturns: { since: '6.18', source: 'check_helper_call, visit_tailcall_insn' },
  /** Global functions may tag their arguments (`arg:ctx`, `arg:nonnull`…). */
  argTags: { since: '6.8', source: 'btf_prepare_func_args in kernel/bpf/btf.c' },
  /** Loops are found by walking: the graph may have back-edges other than jumps, and calls may recur. */
  anyBackEdge: { since: '6.9', source: 'push_insn' },
  /** References and locks belong to the path, not to the function that took them; what may not leave with them is refused in one place. */
  heldByPath: {
    since: '6.14',
    source: 'acquire_reference, check_resource_leak; before: struct bpf_func_state, transfer_reference_state',
  },
  /** Of every function it is known whether it may sleep. */
  sleepKnown: { since: '6.15', source: 'mark_subprog_might_sleep, bpf_check_attach_target' },
  /** Subprograms may be called with a lock held. */
  callsUnderLock: { since: '6.9', source: 'do_check, check_func_call' },
  /** So may numbers be iterated over. */
  numbersUnderLock: { since: '6.15', source: 'kfunc_spin_allowed' },

  /** Global functions are verified after the main program, and only those it calls. */
  lazyGlobals: { since: '6.8', source: 'do_check_subprogs' },
  /** A global function that may move the packet takes its caller's pointers into it. */
  globalsChangePackets: { since: '6.13', stable: ['6.12'], source: 'check_func_call, mark_subprog_changes_pkt_data' },
  /** Spills around calls that clobber little do not count as stack. */
  fastcalls: { since: '6.12', source: 'mark_fastcall_patterns' },
  /** What programs and callbacks return is compared as a range, and is precise. */
  returnRanges: { since: '6.8', source: 'check_return_code, prepare_func_exit' },
  /** LSM programs must return what their hook may return. */
  lsmReturnRanges: { since: '6.12', source: 'bpf_lsm_get_retval_range in kernel/bpf/bpf_lsm.c' },

  /** A size that may be 0 is refused as such where 0 is not allowed; older kernels check an access of 0 bytes. */
  zeroSizesRefused: { since: '6.9', source: 'check_mem_size_reg' },
  /** A null given where an argument may be null is precise; 6.18's stable updates did not have it in November 2026. */
  preciseNulls: { since: '7.1', stable: ['6.12'], source: 'check_func_arg' },

  /** Packet loads of old are refused in callbacks. */
  callbackPacketLoads: { since: '6.18', stable: ['6.12'], source: 'check_ld_abs, check_max_stack_depth_subprog' },
  /** Frames count as the JIT lays them out, in steps of 16 bytes, not of 32. */
  stackOfJit: { since: '6.9', source: 'round_up_stack_depth' },

  /** Functions are named whose results programs may change, beside those made to fail. */
  fmodRetSets: { since: '6.3', source: 'check_attach_modify_return, btf_kfunc_is_modify_return' },

  // ---- programs that may sleep
  sleepablePrograms: { since: '5.10', source: 'bpf_prog_load in kernel/bpf/syscall.c' },
  /** Which may sleep is decided by what they attach to; iterators and struct_ops are among them. */
  sleepableByAttach: { since: '6.3', source: 'can_be_sleepable' },
  sleepableLocks: { since: '6.6', source: 'check_map_prog_compatibility' },

  // ---- words of the log
  /** Level 2 begins with the registers that live at each instruction. */
  liveRegsShown: { since: '6.15', source: 'compute_live_registers' },
  /** Level 2 says which slots of the stack live, as that is worked out. */
  liveStackShown: { since: '6.18', source: 'update_instance, log_mask_change in kernel/bpf/liveness.c' },
  /** `peak_states` is the most there were at a time, not how many are left. */
  peakIsMost: { since: '6.17', source: 'update_peak_states' },
  /** Slots that an instruction reads are printed behind it. */
  slotReadsShown: { since: '6.8', source: 'check_stack_read_fixed_off' },
  /** Lines of the source come with file and number, and once. */
  linePlaces: { since: '6.10', source: 'verbose_linfo' },
  /** Numbers are called `scalar`, no longer `inv`. */
  scalarWord: { since: '5.18', source: 'reg_type_str' },
  /** Memory of ring buffers is called so, no longer `alloc_mem`. */
  ringbufWord: { since: '6.2', source: 'reg_type_str' },

  // ---- pointers
  /** Special fields are found in nested structs and arrays too, not only among a value's own members. */
  nestedFields: { since: '6.11', source: 'btf_find_nested_struct in kernel/bpf/btf.c' },
  /** Pointers to the kernel's structs carry how far they may be trusted. */
  trustedPointers: { since: '6.2', source: 'is_trusted_reg, check_ptr_to_btf_access' },
  /** Structs of the kernel are read by GPL-compatible programs only. */
  gplStructAccess: { since: '6.4', source: 'check_ptr_to_btf_access' },
  /** Arguments of raw tracepoints may be marked as null or error. */
  rawTpNullArgs: { since: '6.14', stable: ['6.12'], source: 'btf_ctx_access, raw_tp_null_args in kernel/bpf/btf.c' },
  /** Pointers in a typed context are loaded whole. */
  wholePointerArguments: { since: '6.14', stable: ['6.12'], source: 'btf_ctx_access in kernel/bpf/btf.c' },
  /** BPF_ST may write to the context. */
  contextImmediateStores: { since: '6.4', source: 'do_check' },
  /** Kptrs may be used in an RCU section as they are. */
  rcuKptrs: { since: '6.4', source: 'btf_ld_kptr_type' },
  /** Pointers to what is no struct are read-only untrusted memory. */
  untrustedMem: { since: '6.17', source: 'btf_struct_walk in kernel/bpf/btf.c' },
} as const satisfies Readonly<Record<string, KernelRule>>

export type KernelRuleName = keyof typeof kernelRules

export interface KernelFacts {
  /** `6.1`, `6.12`, `6.18`… */
  readonly version: string
  /** Rounds of deduction in a sync of bounds: 1 before 6.8. */
  readonly boundsRounds: number
  /** Its verdicts were held against its own, program by program. Where not, the verifier says `accepted` only if `documented`. */
  readonly settled: boolean
  /**
   * The tables say what it has and lacks, from documentation and from the trees of its neighbours, but no kernel of that version was asked.
   * It accepts what they accept and nothing speaks against; of features whose old rules are not all there it says `not-implemented`.
   */
  readonly documented: boolean
  /** Processed instructions at most. */
  readonly insnLimit: number
  /** Layout of the log: liveness suffixes (`R1_w`) until 6.17; `plain` from 6.18; `classic` before 6.8. */
  readonly log: 'liveness' | 'plain' | 'classic'
  /** CPUs of the machine, where a helper's result depends on it. */
  readonly cpus: number
}

export type KernelProfile = KernelFacts & Readonly<Record<KernelRuleName, boolean>>

const facts: readonly KernelFacts[] = [
  { version: '5.4', boundsRounds: 1, settled: false, documented: true, insnLimit: 1000000, log: 'classic', cpus: 1 },
  { version: '5.10', boundsRounds: 1, settled: false, documented: true, insnLimit: 1000000, log: 'classic', cpus: 1 },
  { version: '5.15', boundsRounds: 1, settled: false, documented: true, insnLimit: 1000000, log: 'classic', cpus: 1 },
  { version: '6.1', boundsRounds: 1, settled: true, documented: true, insnLimit: 1000000, log: 'classic', cpus: 1 },
  { version: '6.6', boundsRounds: 1, settled: false, documented: true, insnLimit: 1000000, log: 'classic', cpus: 1 },
  { version: '6.12', boundsRounds: 3, settled: true, documented: true, insnLimit: 1000000, log: 'liveness', cpus: 1 },
  { version: '6.18', boundsRounds: 3, settled: true, documented: true, insnLimit: 1000000, log: 'plain', cpus: 2 },
]

const places = new Map<string, number>()

/** Where a `major.minor` stands in their order. There are few, and each is asked for often. */
function placeOf(version: string): number {
  let place = places.get(version)
  if (place === undefined) {
    const [major = 0, minor = 0] = version.split('.').map(Number)
    places.set(version, (place = major * 1000 + minor))
  }
  return place
}

/** Whether a version is at least another, both as `major.minor`. */
export const versionAtLeast = (version: string, least: string): boolean => placeOf(version) >= placeOf(least)

function rulesOf(version: string): Record<KernelRuleName, boolean> {
  const rules = Object.entries(kernelRules) as [KernelRuleName, KernelRule][]
  return Object.fromEntries(
    rules.map(([name, rule]) => [name, versionAtLeast(version, rule.since) || (rule.stable?.includes(version) ?? false)]),
  ) as Record<KernelRuleName, boolean>
}

export const kernelProfiles: readonly KernelProfile[] = facts.map(row => ({ ...row, ...rulesOf(row.version) }))

/** The profile of a version; undefined for one that has none. */
export function kernelProfile(version: string): KernelProfile | undefined {
  return kernelProfiles.find(profile => profile.version === version)
}
