/**
 * Makes linker/btf/bundled-btf.gen.ts: the part of a kernel's BTF that ships with bpfc, so that `#include "vmlinux.h"` works where there is no
 * BTF at hand. Usage: node scripts/run-ts.mjs scripts/gen-bundled-btf.ts [/sys/kernel/btf/vmlinux]
 *
 * The roots below are taken whole, with everything they hold by value; a pointer to any other struct becomes a pointer to a forward
 * declaration. So member offsets and sizes are the kernel's own, and the file stays small.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { BtfBuilder, encodeBtf } from '../linker/btf/btf-builder.js'
import { readBtf } from '../linker/btf/btf-file.js'
import { type BtfId, BtfKind, type BtfType } from '../linker/btf/btf-types.js'

/** Struct, union, enum and typedef names; a trailing `*` takes all names with that beginning. */
const roots = [
  // integers and their names
  ...['u8', 'u16', 'u32', 'u64', 's8', 's16', 's32', 's64', '__u8', '__u16', '__u32', '__u64', '__s8', '__s16', '__s32', '__s64'],
  ...[
    '__be16',
    '__be32',
    '__be64',
    '__le16',
    '__le32',
    '__le64',
    '__sum16',
    '__wsum',
    'bool',
    'size_t',
    'ssize_t',
    'pid_t',
    'uid_t',
    'gid_t',
  ],
  ...[
    'dev_t',
    'umode_t',
    'loff_t',
    'sector_t',
    'gfp_t',
    'uintptr_t',
    'uint8_t',
    'uint16_t',
    'uint32_t',
    'uint64_t',
    'int8_t',
    'int16_t',
    'int32_t',
    'int64_t',
  ],
  ...[
    'atomic_t',
    'atomic64_t',
    'refcount_t',
    'spinlock_t',
    'kuid_t',
    'kgid_t',
    'ktime_t',
    'sigset_t',
    'possible_net_t',
    'socket_lock_t',
  ],
  // tasks
  ...[
    'task_struct',
    'mm_struct',
    'cred',
    'nsproxy',
    'pid',
    'upid',
    'pid_namespace',
    'uts_namespace',
    'new_utsname',
    'mnt_namespace',
    'ns_common',
    'signal_struct',
  ],
  ...[
    'fs_struct',
    'files_struct',
    'fdtable',
    'css_set',
    'cgroup',
    'cgroup_subsys_state',
    'kernfs_node',
    'thread_info',
    'pt_regs',
    'user_namespace',
  ],
  // files
  ...['file', 'path', 'dentry', 'inode', 'qstr', 'super_block', 'vfsmount', 'mount', 'linux_binprm', 'file_system_type'],
  // the network
  ...[
    'sock',
    'sock_common',
    'inet_sock',
    'inet_connection_sock',
    'tcp_sock',
    'udp_sock',
    'socket',
    'request_sock',
    'sockaddr',
    'sockaddr_in',
    'sockaddr_in6',
    'in_addr',
    'in6_addr',
  ],
  // what sockets of other kinds are, what netfilter hooks and iterators get
  ...[
    'tcp6_sock',
    'udp6_sock',
    'unix_sock',
    'tcp_request_sock',
    'tcp_timewait_sock',
    'sk_action',
    'msghdr',
    'sk_msg',
    'sk_psock',
  ],
  ...['nf_hook_state', 'nf_inet_addr', 'seq_file', 'vm_area_struct', 'bpf_map', 'bpf_prog', 'kern_ipc_perm', 'ctl_table'],
  // structs whose members are programs
  ...[
    'tcp_congestion_ops',
    'bpf_struct_ops_tcp_congestion_ops',
    'sched_ext_ops',
    'bpf_struct_ops_sched_ext_ops',
    'scx_exit_info',
  ],
  ...['bpf_struct_ops_common', 'bpf_struct_ops_common_value', 'bpf_struct_ops_state', 'Qdisc_ops', 'bpf_struct_ops_Qdisc_ops'],
  ...[
    'sk_buff',
    'sk_buff_head',
    'skb_shared_info',
    'net',
    'net_device',
    'ethhdr',
    'vlan_hdr',
    'iphdr',
    'ipv6hdr',
    'ipv6_opt_hdr',
    'tcphdr',
    'udphdr',
    'icmphdr',
    'icmp6hdr',
    'arphdr',
  ],
  // tracepoint records
  ...[
    'trace_entry',
    'trace_event_raw_sched_*',
    'trace_event_raw_sys_enter',
    'trace_event_raw_sys_exit',
    'trace_event_raw_tcp_*',
    'trace_event_raw_inet_sock_set_state',
    'trace_event_raw_kfree_skb',
    'trace_event_raw_signal_generate',
  ],
  // what BPF programs get and name
  ...[
    'bpf_*',
    'xdp_*',
    '__sk_buff',
    'sk_msg_md',
    'sk_reuseport_md',
    'btf_ptr',
    'pt_regs',
    'user_pt_regs',
    'perf_event_header',
    'bpf_attr',
  ],
]

/** Functions that programs attach to: all LSM hooks, iterators, and functions of the kernel that tracing programs often ask for. */
const functions =
  /^(bpf_lsm_.*|bpf_iter_(task|task_file|task_vma|bpf_map|bpf_map_elem|bpf_prog|bpf_link|cgroup|tcp|udp|unix|netlink|ipv6_route|ksym|sockmap|bpf_sk_storage_map)|tcp_(v[46]_connect|connect|close|sendmsg|recvmsg|set_state|retransmit_skb)|udp_(sendmsg|recvmsg)|inet_csk_accept|security_file_open|vfs_(read|write|open|unlink|rename|fsync|create|mkdir|rmdir)|do_(sys_openat2|unlinkat|exit)|__x64_sys_(execve|openat|connect|kill|bpf)|wake_up_new_task|ip_rcv|ip_output|__dev_queue_xmit|dev_hard_start_xmit|netif_receive_skb|oom_kill_process|bpf_(modify_return_test|fentry_test[1-8]))$/

/** Tracepoints, by the typedef that holds their arguments. */
const tracepoints =
  /^btf_trace_(sched_(switch|wakeup|wakeup_new|waking|process_(exec|exit|fork|free)|migrate_task)|sys_(enter|exit)|task_(newtask|rename)|signal_(generate|deliver)|tcp_.*|inet_sock_set_state|kfree_skb|consume_skb|net_dev_(queue|xmit|start_xmit)|netif_(rx|receive_skb)|block_rq_(insert|issue|complete)|irq_handler_(entry|exit)|softirq_(entry|exit)|cgroup_(mkdir|rmdir|attach_task)|mm_page_(alloc|free)|xdp_.*|bpf_.*)$/

/** Kernel-internal structs that a `*` above would pull in with half of the kernel behind them. */
const unwanted =
  /^(bpf_(verifier|prog_aux|prog$|map$|map_ops|htab|lru|trampoline|dispatcher|iter_(seq_|aux|target|priv)|cgroup_storage_map|dtab|local_storage_map|offload|link|struct_ops|mem_|core_(cand|spec|ctx)|crypto|testmod|nf_link|kprobe|uprobe|mprog|sched|trace_|tcx|netns|event|preload|stack_map|queue_stack|ringbuf|shtab|stab|array_aux|bloom|insn_|jit|subprog|reg_|func_state|stack_state|id|retval|kfunc|spin|rb_|list_node_kern|net_context|plt|ct_opts|tuple_bucket|test|dummy|raw_tp_n|tramp|attach_target|bprintf|prealloc|prog_(list|pack|array_item|dev|dummy|info_|offload|stats|type_)|dev_)|xdp_(umem|sock|mem|buff_x|ring|desc|dev|test|page|bulk|cpumap|frame_b|attach|metadata|rxtx|sk|umem|diag|statistics|options|mmap|netdev|txq|hints))/

const input = process.argv[2] ?? '/sys/kernel/btf/vmlinux'
const kernel = readBtf(readFileSync(input))
const builder = new BtfBuilder()
const done = new Map<BtfId, BtfId>()
const forwards = new Map<string, BtfId>()

const wanted = new Set<BtfId>()
const exact = new Set(roots.filter(root => !root.endsWith('*')))
const prefixes = roots.filter(root => root.endsWith('*')).map(root => root.slice(0, -1))
for (let id = 1; id < kernel.count; id++) {
  const type = kernel.type(id)
  const named =
    type.kind === BtfKind.Struct ||
    type.kind === BtfKind.Union ||
    type.kind === BtfKind.Enum ||
    type.kind === BtfKind.Enum64 ||
    type.kind === BtfKind.Typedef
  // The flags of the uapi header are enumerators of nameless enums.
  if (
    (type.kind === BtfKind.Enum || type.kind === BtfKind.Enum64) &&
    type.name === '' &&
    type.values.some(({ name }) => /^(BPF|XDP|BTF|TC_ACT|TCP)_/.test(name))
  )
    wanted.add(id)
  // Functions that programs may call are marked with a tag.
  if (type.kind === BtfKind.DeclTag && type.name === 'bpf_kfunc') wanted.add(id)
  if (type.kind === BtfKind.Func && functions.test(type.name)) wanted.add(id)
  if (!named || type.name === '') continue
  if (type.kind === BtfKind.Typedef && tracepoints.test(type.name)) wanted.add(id)
  if (exact.has(type.name) || (prefixes.some(prefix => type.name.startsWith(prefix)) && !unwanted.test(type.name))) wanted.add(id)
}

/** Types that some root holds by value are taken whole too, wherever else they are only pointed to. */
const seen = new Set<string>()
function hold(id: BtfId, behindPointer: boolean): void {
  if (id === 0 || seen.has(`${id} ${behindPointer}`)) return
  seen.add(`${id} ${behindPointer}`)
  const type = kernel.type(id)
  switch (type.kind) {
    case BtfKind.Struct:
    case BtfKind.Union:
      if (behindPointer && type.name !== '' && !wanted.has(id)) return
      wanted.add(id)
      for (const member of type.members) hold(member.type, false)
      return
    case BtfKind.Array:
      hold(type.type, false)
      return
    case BtfKind.Const:
    case BtfKind.Volatile:
    case BtfKind.Restrict:
    case BtfKind.TypeTag:
    case BtfKind.Typedef:
      hold(type.type, behindPointer)
      return
    default:
  }
}
for (const id of [...wanted]) hold(id, false)

/** The id in the new BTF. Behind a pointer, a struct that is no root is only declared. */
function take(id: BtfId, behindPointer: boolean): BtfId {
  if (id === 0) return 0
  const type = kernel.type(id)
  if (behindPointer && (type.kind === BtfKind.Struct || type.kind === BtfKind.Union) && type.name !== '' && !wanted.has(id))
    return forward(type.name, type.kind === BtfKind.Union)
  const known = done.get(id)
  if (known !== undefined) return known
  const fresh = builder.reserve()
  done.set(id, fresh)
  builder.define(fresh, copy(type, behindPointer))
  return fresh
}

function forward(name: string, union: boolean): BtfId {
  const key = `${union} ${name}`
  const known = forwards.get(key)
  if (known !== undefined) return known
  const id = builder.add({ kind: BtfKind.Fwd, name, union })
  forwards.set(key, id)
  return id
}

function copy(type: BtfType, behindPointer: boolean): BtfType {
  switch (type.kind) {
    case BtfKind.Ptr:
      return { ...type, type: take(type.type, true) }
    case BtfKind.Const:
    case BtfKind.Volatile:
    case BtfKind.Restrict:
    case BtfKind.TypeTag:
    case BtfKind.Typedef:
      return { ...type, type: take(type.type, behindPointer) }
    case BtfKind.Array:
      return { ...type, type: take(type.type, false), indexType: take(type.indexType, false) }
    case BtfKind.Struct:
    case BtfKind.Union:
      return { ...type, members: type.members.map(member => ({ ...member, type: take(member.type, false) })) }
    case BtfKind.DeclTag:
      return { ...type, type: take(type.type, true) }
    case BtfKind.Func:
      return { ...type, type: take(type.type, true) }
    case BtfKind.FuncProto:
      return {
        ...type,
        type: take(type.type, true),
        params: type.params.map(param => ({ ...param, type: take(param.type, true) })),
      }
    default:
      return type
  }
}

for (const id of wanted) take(id, false)
const bytes = encodeBtf(builder, true)
const text = Buffer.from(bytes).toString('base64')
const lines = text.match(/.{1,160}/g)!.map(line => `  '${line}',`)
writeFileSync(
  new URL('../linker/btf/bundled-btf.gen.ts', `file://${process.argv[1]}`),
  `/** Made by scripts/gen-bundled-btf.ts from a Linux 6.18 x86-64 kernel: ${builder.count - 1} types, ${bytes.length} bytes of BTF, in base64. */\nexport const bundledBtfBase64: string = [\n${lines.join('\n')}\n].join('')\n`,
)
console.log(`${wanted.size} roots, ${builder.count - 1} types, ${bytes.length} bytes`)
