// Writes compiler/include/headers/system/linux/bpf.h: the types of the kernel's BPF interface, taken from a vmlinux.h that was made from a
// kernel's BTF (bpftool btf dump file /sys/kernel/btf/vmlinux format c), and the constants that BTF does not record.
//   node scripts/gen-uapi.mjs vmlinux.h
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const dump = readFileSync(process.argv[2], 'utf8')

/** In the order of the header. `enum:X` is a named enum, `anon:X` the unnamed one that begins with X, the others are structs and unions. */
const types = `
  anon:BPF_REG_0 bpf_insn bpf_lpm_trie_key_hdr bpf_lpm_trie_key_u8 bpf_cgroup_storage_key enum:bpf_cgroup_iter_order
  bpf_iter_link_info enum:bpf_cmd enum:bpf_map_type enum:bpf_prog_type enum:bpf_attach_type enum:bpf_link_type
  enum:bpf_perf_event_type anon:BPF_F_KPROBE_MULTI_RETURN anon:BPF_F_UPROBE_MULTI_RETURN enum:bpf_addr_space_cast anon:BPF_ANY
  anon:BPF_F_NO_PREALLOC enum:bpf_stats_type enum:bpf_stack_build_id_status bpf_stack_build_id bpf_attr enum:bpf_func_id
  anon:BPF_F_RECOMPUTE_CSUM anon:BPF_F_HDR_FIELD_MASK anon:BPF_F_PSEUDO_HDR anon:BPF_F_TUNINFO_IPV6 anon:BPF_F_SKIP_FIELD_MASK
  anon:BPF_F_ZERO_CSUM_TX anon:BPF_F_TUNINFO_FLAGS anon:BPF_F_INDEX_MASK anon:BPF_F_CURRENT_NETNS anon:BPF_CSUM_LEVEL_QUERY
  anon:BPF_F_ADJ_ROOM_FIXED_GSO anon:BPF_ADJ_ROOM_ENCAP_L2_MASK anon:BPF_F_SYSCTL_BASE_NAME
  anon:BPF_LOCAL_STORAGE_GET_F_CREATE anon:BPF_F_GET_BRANCH_RECORDS_SIZE anon:BPF_RB_NO_WAKEUP anon:BPF_RB_AVAIL_DATA
  anon:BPF_RINGBUF_BUSY_BIT anon:BPF_SK_LOOKUP_F_REPLACE enum:bpf_adj_room_mode enum:bpf_hdr_start_off enum:bpf_lwt_encap_mode
  anon:BPF_F_BPRM_SECUREEXEC anon:BPF_F_INGRESS anon:BPF_SKB_TSTAMP_UNSPEC __sk_buff bpf_tunnel_key bpf_xfrm_state enum:bpf_ret_code
  bpf_sock bpf_tcp_sock bpf_sock_tuple enum:tcx_action_base bpf_xdp_sock enum:xdp_action xdp_md bpf_devmap_val bpf_cpumap_val
  enum:sk_action sk_msg_md sk_reuseport_md bpf_prog_info bpf_map_info bpf_btf_info bpf_link_info bpf_token_info bpf_sock_addr
  bpf_sock_ops anon:BPF_SOCK_OPS_RTO_CB_FLAG anon:BPF_SOCK_OPS_VOID anon:BPF_TCP_ESTABLISHED anon:BPF_LOAD_HDR_OPT_TCP_SYN
  anon:BPF_WRITE_HDR_TCP_CURRENT_MSS bpf_perf_event_value bpf_cgroup_dev_ctx
  bpf_raw_tracepoint_args anon:BPF_FIB_LOOKUP_DIRECT anon:BPF_FIB_LKUP_RET_SUCCESS bpf_fib_lookup bpf_redir_neigh
  enum:bpf_check_mtu_flags enum:bpf_check_mtu_ret enum:bpf_task_fd_type anon:BPF_FLOW_DISSECTOR_F_PARSE_1ST_FRAG bpf_flow_keys
  bpf_func_info bpf_line_info bpf_spin_lock bpf_timer bpf_task_work bpf_wq bpf_dynptr bpf_list_head bpf_list_node bpf_rb_root
  bpf_rb_node bpf_refcount bpf_sysctl bpf_sockopt bpf_pidns_info bpf_sk_lookup btf_ptr anon:BTF_F_COMPACT enum:bpf_core_relo_kind
  bpf_core_relo anon:BPF_F_TIMER_ABS bpf_iter_num enum:bpf_kfunc_flags
`

/** Names that are macros in the kernel's header. */
const macros = {
  BPF_JMP32: '0x06',
  BPF_ALU64: '0x07',
  BPF_DW: '0x18',
  BPF_MEMSX: '0x80',
  BPF_ATOMIC: '0xc0',
  BPF_XADD: '0xc0',
  BPF_MOV: '0xb0',
  BPF_ARSH: '0xc0',
  BPF_END: '0xd0',
  BPF_TO_LE: '0x00',
  BPF_TO_BE: '0x08',
  BPF_FROM_LE: 'BPF_TO_LE',
  BPF_FROM_BE: 'BPF_TO_BE',
  BPF_JNE: '0x50',
  BPF_JLT: '0xa0',
  BPF_JLE: '0xb0',
  BPF_JSGT: '0x60',
  BPF_JSGE: '0x70',
  BPF_JSLT: '0xc0',
  BPF_JSLE: '0xd0',
  BPF_JCOND: '0xe0',
  BPF_CALL: '0x80',
  BPF_EXIT: '0x90',
  BPF_FETCH: '0x01',
  BPF_XCHG: '(0xe0 | BPF_FETCH)',
  BPF_CMPXCHG: '(0xf0 | BPF_FETCH)',
  BPF_LOAD_ACQ: '0x100',
  BPF_STORE_REL: '0x110',
  MAX_BPF_REG: '__MAX_BPF_REG',
  MAX_BPF_ATTACH_TYPE: '__MAX_BPF_ATTACH_TYPE',
  MAX_BPF_LINK_TYPE: '__MAX_BPF_LINK_TYPE',
  BPF_F_ALLOW_OVERRIDE: '(1U << 0)',
  BPF_F_ALLOW_MULTI: '(1U << 1)',
  BPF_F_REPLACE: '(1U << 2)',
  BPF_F_BEFORE: '(1U << 3)',
  BPF_F_AFTER: '(1U << 4)',
  BPF_F_ID: '(1U << 5)',
  BPF_F_PREORDER: '(1U << 6)',
  BPF_F_STRICT_ALIGNMENT: '(1U << 0)',
  BPF_F_ANY_ALIGNMENT: '(1U << 1)',
  BPF_F_TEST_RND_HI32: '(1U << 2)',
  BPF_F_TEST_STATE_FREQ: '(1U << 3)',
  BPF_F_SLEEPABLE: '(1U << 4)',
  BPF_F_XDP_HAS_FRAGS: '(1U << 5)',
  BPF_F_XDP_DEV_BOUND_ONLY: '(1U << 6)',
  BPF_F_TEST_REG_INVARIANTS: '(1U << 7)',
  BPF_F_NETFILTER_IP_DEFRAG: '(1U << 0)',
  BPF_PSEUDO_MAP_FD: '1',
  BPF_PSEUDO_MAP_IDX: '5',
  BPF_PSEUDO_MAP_VALUE: '2',
  BPF_PSEUDO_MAP_IDX_VALUE: '6',
  BPF_PSEUDO_BTF_ID: '3',
  BPF_PSEUDO_FUNC: '4',
  BPF_PSEUDO_CALL: '1',
  BPF_PSEUDO_KFUNC_CALL: '2',
  BPF_F_QUERY_EFFECTIVE: '(1U << 0)',
  BPF_F_TEST_RUN_ON_CPU: '(1U << 0)',
  BPF_F_TEST_XDP_LIVE_FRAMES: '(1U << 1)',
  BPF_F_TEST_SKB_CHECKSUM_COMPLETE: '(1U << 2)',
  BPF_BUILD_ID_SIZE: '20',
  BPF_OBJ_NAME_LEN: '16U',
  BPF_TAG_SIZE: '8',
  XDP_PACKET_HEADROOM: '256',
  BPF_F_REDIRECT_FLAGS: '(BPF_F_INGRESS | BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS)',
  'BPF_F_ADJ_ROOM_ENCAP_L2(len)': '(((__u64)len & BPF_ADJ_ROOM_ENCAP_L2_MASK) << BPF_ADJ_ROOM_ENCAP_L2_SHIFT)',
  'BPF_LINE_INFO_LINE_NUM(line_col)': '((line_col) >> 10)',
  'BPF_LINE_INFO_LINE_COL(line_col)': '((line_col) & 0x3ff)',
  '__bpf_md_ptr(type, name)': 'union { type name; __u64 :64; } __attribute__((aligned(8)))',
}

/** Of the types that the kernel itself only knows by other names. */
const extra = `/* Of a device access, in struct bpf_cgroup_dev_ctx. */
enum {
	BPF_DEVCG_ACC_MKNOD = (1ULL << 0),
	BPF_DEVCG_ACC_READ = (1ULL << 1),
	BPF_DEVCG_ACC_WRITE = (1ULL << 2),
};

enum {
	BPF_DEVCG_DEV_BLOCK = (1ULL << 0),
	BPF_DEVCG_DEV_CHAR = (1ULL << 1),
};

/* A key of BPF_MAP_TYPE_LPM_TRIE, in the form of older kernels' headers. */
struct bpf_lpm_trie_key {
	__u32 prefixlen;
	__u8 data[0];
};
`

function definition(row) {
  const [kind, name] = row.includes(':') ? row.split(':') : ['record', row]
  const head = kind === 'enum' ? `enum ${name}` : kind === 'anon' ? `enum` : `(?:struct|union) ${name}`
  const pattern = kind === 'anon' ? `^${head} \\{\\n\\t${name} = [\\s\\S]*?^\\};` : `^${head} \\{(?:\\};|[\\s\\S]*?^\\}.*;)`
  const found = new RegExp(pattern, 'm').exec(dump)
  if (!found) console.error(`not in the dump: ${row}`)
  return found?.[0]
}

const parts = types.trim().split(/\s+/).map(definition).filter(Boolean)
const text = `/*
 * The kernel's BPF interface: what <linux/bpf.h> declares. Part of bpfc; types from a kernel's BTF by scripts/gen-uapi.mjs.
 */
#ifndef _UAPI__LINUX_BPF_H__
#define _UAPI__LINUX_BPF_H__

#include <linux/types.h>
#include <linux/bpf_common.h>

${Object.entries(macros)
  .map(([name, value]) => `#define ${name} ${value}`)
  .join('\n')}

${extra}
${parts.join('\n\n')}

#endif
`
writeFileSync(join(root, 'compiler/include/headers/system/linux/bpf.h'), text)
