/**
 * The VM against the running kernel on all selftest programs that test runs take (vm-judge.ts): the same answers, packets and maps, but for what
 * is listed here. Needs root, koffi, the running kernel's BTF and
 *   BPFC_OBJECTS  folder with clang's objects of the selftests
 */
import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { missingForLoading, VMLINUX } from './oracle.js'
import { judgeFolder } from './vm-judge.js'

const folder = process.env['BPFC_OBJECTS']
const missing = [existsSync(VMLINUX) ? '' : VMLINUX, ...missingForLoading(), folder ? '' : 'BPFC_OBJECTS'].filter(Boolean)
if (missing.length) console.warn(`vm-judge.test: skipped, there is no ${missing.join(', no ')}`)

/** What cannot be the same, by program or by the words of the difference, with the reason. */
const known: readonly (readonly [RegExp, string])[] = [
  [/\[.*(get_prandom_u32|ktime_get_ns)/, 'returns random numbers or the time'],
  [
    /^(linked_list|refcounted_kptr)\.o:\S+ .*, the kernel \S*88ffff/,
    'an empty list in a map: the kernel shows addresses in the copy that it made for the reader',
  ],
  [/^test_spin_lock.o:bpf_spin_lock_test /, 'the time of the machine, taken with a helper of networking'],
  [/^for_each_array_map_elem.o:test_pkt_access /, 'looks at the per-CPU values of the processor that it runs on'],
  [/^timer_lockup/, 'timers of 1 ns fire in the kernel at once, in the VM when the test moves the clock'],
  [/^type_cast.o:md_xdp /, 'reads the number of the network namespace'],
  [/\[.*get_netns_cookie/, 'asks for the cookie of the network namespace'],
  [
    /^verifier_live_stack.o:(must_write_not_same_type|caller_stack_read) |^compute_live_registers.o:(load|regular_call) |^verifier_basic_stack.o:uninitialized_stack2 |^verifier_raw_stack.o:stack_no_skb_load_bytes |^test_global_func16/,
    'takes stack that was never written: the kernel has what was there before',
  ],
  [
    /^verifier_direct_packet_access.o:(direct_packet_access_test4_write|packet_access_test17_pruning_alignment|test18_imm_pkt_ptr_1|test19_imm_pkt_ptr_2|test22_x_pkt_ptr_3) /,
    'stores a pointer into the packet: addresses are others',
  ],
  [
    /^cgroup_skb_direct_packet_access.o:|^verifier_(lwt.o:packet_write_for_lwt_xmit|ref_tracking.o:to_leak_released_ptr_reg|stack_ptr.o:array_map_using_bpf_b) /,
    'stores a pointer',
  ],
  [
    /^verifier_(search_pruning.o:state_equality_check_way_[12]|spill_fill.o:check_(valid_spill_fill|corrupted_spill_fill_[lm]sb)|unpriv.o:unpriv_return_pointer|helper_access_var_len.o:ptr_to_mem_or_null_7) /,
    'returns a pointer',
  ],
]

describe.skipIf(missing.length > 0)('the VM gives what BPF_PROG_TEST_RUN gives', () => {
  it('on every program of the selftests that it takes', () => {
    const tally = judgeFolder(folder!)
    const counts = [...tally].map(([what, lines]) => `${what} ${lines.length}`).join(', ')
    console.log(`vm-judge: ${counts}`)
    const differences = ['differs', 'machine', 'fault', 'vm'].flatMap(what => tally.get(what) ?? [])
    expect(differences.filter(line => !known.some(([pattern]) => pattern.test(line)))).toEqual([])
    expect(tally.get('same')!.length).toBeGreaterThan(840)
  }, 300_000)
})
