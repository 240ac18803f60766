/**
 * Helpers as typed rows: signature by id and program. The facts come from helper-facts.gen.ts; this file only reads their notation.
 */
import { AttachType, ProgType } from '../../linker/object/uapi.js'
import { helperChoosers, helperSignatures, type Since } from './helper-facts.gen.js'
import { helperCounts, helperNames } from './helper-names.js'
import type { Privileges } from './privileges.js'
import { type KernelProfile, versionAtLeast } from './profile.js'
import { progTypes } from './prog-types.js'
import { ArgType, RetType, TypeFlag } from './reg-types.js'

/** Where a BTF id is meant: a named struct of the kernel, or decided by other arguments. */
export type BtfWanted = string | 'poison'

export interface HelperProto {
  readonly id: number
  /** With `bpf_`. */
  readonly name: string
  /** The kernel's name of the proto: the same helper has different ones for different program types. */
  readonly proto: string
  readonly ret: number
  /** Five types with flags. */
  readonly args: readonly number[]
  /** Fixed sizes in bytes, 0 for none. */
  readonly argSizes: readonly number[]
  /** Struct names of BTF arguments. */
  readonly argBtf: readonly (BtfWanted | undefined)[]
  readonly retBtf: BtfWanted | undefined
  readonly gplOnly: boolean
  readonly pktAccess: boolean
  readonly mightSleep: boolean
  readonly allowFastcall: boolean
  /** A further condition of the kernel, by the name of its function. */
  readonly allowed: string | undefined
}

/** What decides which proto a helper has for a program. */
export interface HelperAsker {
  readonly type: number
  readonly expectedAttachType: number
  readonly sleepable: boolean
  /** All where it is not said. */
  readonly privileges?: Privileges
  /** What a tracing program attaches to, as `PreparedProgram.attachName`. */
  readonly attachName?: string
  /** For struct_ops programs: function in helperChoosers (null for no helpers at all), and the member the program stands for. */
  readonly structOps?: { readonly helpers: string | null; readonly member: string }
}

/** Helpers that single iterators add (bpf_iter_reg.get_func_proto). */
const iteratorChoosers: Readonly<Record<string, string>> = {
  tcp: 'bpf_iter_tcp_get_func_proto',
  unix: 'bpf_iter_unix_get_func_proto',
}

/** `not-implemented` where our tables do not say. */
export type HelperAnswer = HelperProto | 'unknown-helper' | 'not-for-this-program' | { readonly notImplemented: string }

export const helperName = (id: number): string | undefined =>
  id >= 0 && id < helperNames.length ? `bpf_${helperNames[id]}` : undefined

export function factAt(rows: Since | undefined, version: string): string | null {
  let value: string | null = null
  for (const [since, text] of rows ?? []) if (versionAtLeast(version, since)) value = text
  // The oldest tree read stands for what came before it.
  return value ?? (rows?.length && !versionAtLeast(version, rows[0]![0]) ? rows[0]![1] : value)
}

const aliases: Readonly<Record<string, number>> = {
  PTR_TO_MAP_VALUE_OR_NULL: ArgType.PTR_TO_MAP_VALUE | TypeFlag.PTR_MAYBE_NULL,
  PTR_TO_MEM_OR_NULL: ArgType.PTR_TO_MEM | TypeFlag.PTR_MAYBE_NULL,
  PTR_TO_CTX_OR_NULL: ArgType.PTR_TO_CTX | TypeFlag.PTR_MAYBE_NULL,
  PTR_TO_SOCKET_OR_NULL: ArgType.PTR_TO_SOCKET | TypeFlag.PTR_MAYBE_NULL,
  PTR_TO_STACK_OR_NULL: ArgType.PTR_TO_STACK | TypeFlag.PTR_MAYBE_NULL,
  PTR_TO_BTF_ID_OR_NULL: ArgType.PTR_TO_BTF_ID | TypeFlag.PTR_MAYBE_NULL,
  PTR_TO_ALLOC_MEM: ArgType.PTR_TO_RINGBUF_MEM,
  PTR_TO_UNINIT_MEM: ArgType.PTR_TO_MEM | TypeFlag.MEM_UNINIT | TypeFlag.MEM_WRITE,
  PTR_TO_FIXED_SIZE_MEM: ArgType.PTR_TO_MEM | TypeFlag.MEM_FIXED_SIZE,
}
const returnAliases: Readonly<Record<string, number>> = {
  PTR_TO_MAP_VALUE_OR_NULL: RetType.PTR_TO_MAP_VALUE | TypeFlag.PTR_MAYBE_NULL,
  PTR_TO_SOCKET_OR_NULL: RetType.PTR_TO_SOCKET | TypeFlag.PTR_MAYBE_NULL,
  PTR_TO_TCP_SOCK_OR_NULL: RetType.PTR_TO_TCP_SOCK | TypeFlag.PTR_MAYBE_NULL,
  PTR_TO_SOCK_COMMON_OR_NULL: RetType.PTR_TO_SOCK_COMMON | TypeFlag.PTR_MAYBE_NULL,
  PTR_TO_RINGBUF_MEM_OR_NULL: RetType.PTR_TO_MEM | TypeFlag.PTR_MAYBE_NULL | TypeFlag.MEM_RINGBUF,
  // The name until 6.1; ring buffers are its only user.
  PTR_TO_ALLOC_MEM_OR_NULL: RetType.PTR_TO_MEM | TypeFlag.PTR_MAYBE_NULL | TypeFlag.MEM_RINGBUF,
  PTR_TO_DYNPTR_MEM_OR_NULL: RetType.PTR_TO_MEM | TypeFlag.PTR_MAYBE_NULL,
  PTR_TO_BTF_ID_OR_NULL: RetType.PTR_TO_BTF_ID | TypeFlag.PTR_MAYBE_NULL,
  PTR_TO_BTF_ID_TRUSTED: RetType.PTR_TO_BTF_ID | TypeFlag.PTR_TRUSTED,
}

function typeOf(text: string, base: Readonly<Record<string, number>>, extra: Readonly<Record<string, number>>): number {
  let type = 0
  for (const word of text.split('|')) {
    const value = extra[word] ?? base[word] ?? (TypeFlag as Readonly<Record<string, number>>)[word]
    if (value === undefined) throw new Error(`helper tables: unknown type ${word}`)
    type |= value
  }
  return type
}

/** The kernel's id lists by the struct that they name. */
const btfLists: Readonly<Record<string, string>> = {
  'tracing:TASK': 'task_struct',
  'tracing:FILE': 'file',
  'tracing:VMA': 'vm_area_struct',
  'sock:SOCK': 'socket',
  'sock:SOCK_COMMON': 'sock_common',
  'sock:TCP': 'tcp_sock',
  'sock:TCP6': 'tcp6_sock',
  'sock:TCP_TW': 'tcp_timewait_sock',
  'sock:TCP_REQ': 'tcp_request_sock',
  'sock:UDP6': 'udp6_sock',
  'sock:UNIX': 'unix_sock',
  'sock:MPTCP': 'mptcp_sock',
  'bpf_cgroup_btf_id[0]': 'cgroup',
  'bpf_inode_storage_btf_ids[0]': 'inode',
  'bpf_bprm_opts_set_btf_ids[0]': 'linux_binprm',
  'bpf_ima_inode_hash_btf_ids[0]': 'inode',
  'bpf_ima_file_hash_btf_ids[0]': 'file',
  'btf_seq_file_ids[0]': 'seq_file',
  'bpf_task_pt_regs_ids[0]': 'pt_regs',
  'bpf_d_path_btf_ids[0]': 'path',
  'bpf_xdp_get_buff_len_bpf_ids[0]': 'xdp_buff',
  'bpf_skb_output_btf_ids[0]': 'sk_buff',
  'bpf_xdp_output_btf_ids[0]': 'xdp_buff',
  'bpf_sock_from_file_btf_ids[0]': 'socket',
  'bpf_sock_from_file_btf_ids[1]': 'file',
  tcp_sock_id: 'tcp_sock',
  BPF_PTR_POISON: 'poison',
}

function parseSignature(id: number, proto: string, text: string): HelperProto {
  const match = /^([^(]+)\(([^)]*)\) ?(.*)$/.exec(text)
  if (!match) throw new Error(`helper tables: signature ${text}`)
  const [, ret, args, extraText] = match
  const extras = extraText!.split(' ').filter(Boolean)
  const value = (key: string) => extras.find(extra => extra.startsWith(`${key}=`))?.slice(key.length + 1)
  const list = args ? args.split(',') : []
  const btf = (key: string): BtfWanted | undefined => {
    const name = value(key)
    if (name === undefined) return undefined
    const struct = btfLists[name]
    if (struct === undefined) throw new Error(`helper tables: BTF list ${name}`)
    return struct
  }
  return {
    id,
    name: helperName(id)!,
    proto,
    ret: typeOf(ret!, RetType, returnAliases),
    args: [0, 1, 2, 3, 4].map(i => (list[i] ? typeOf(list[i], ArgType, aliases) : ArgType.DONTCARE)),
    argSizes: [1, 2, 3, 4, 5].map(i => Number(value(`size${i}`) ?? 0)),
    argBtf: [1, 2, 3, 4, 5].map(i => btf(`btf${i}`)),
    retBtf: btf('retbtf'),
    gplOnly: extras.includes('gpl'),
    pktAccess: extras.includes('pkt'),
    mightSleep: extras.includes('sleep'),
    allowFastcall: extras.includes('fastcall'),
    allowed: value('allowed'),
  }
}

const hasTrampoline = ({ type, expectedAttachType }: HelperAsker): boolean =>
  (type === ProgType.TRACING &&
    (expectedAttachType === AttachType.TRACE_FENTRY ||
      expectedAttachType === AttachType.TRACE_FEXIT ||
      expectedAttachType === AttachType.MODIFY_RETURN)) ||
  (type === ProgType.LSM && expectedAttachType !== AttachType.LSM_CGROUP)

/** Whether a condition of the tables holds; undefined for one that we do not know. */
function holds(condition: string, asker: HelperAsker): boolean | undefined {
  if (condition.startsWith('!')) {
    const inner = holds(condition.slice(1), asker)
    return inner === undefined ? undefined : !inner
  }
  if (condition.startsWith('attach:'))
    return condition
      .slice(7)
      .split('|')
      .some(name => (AttachType as Readonly<Record<string, number>>)[name] === asker.expectedAttachType)
  switch (condition) {
    case 'sleepable':
      return asker.sleepable
    case 'privileged':
      return asker.privileges?.perfmon ?? true
    case 'trampoline':
      return hasTrampoline(asker)
    case 'lsm-cgroup':
      return asker.expectedAttachType === AttachType.LSM_CGROUP
    case 'kprobe-multi':
      return (
        asker.expectedAttachType === AttachType.TRACE_KPROBE_MULTI || asker.expectedAttachType === AttachType.TRACE_KPROBE_SESSION
      )
    case 'tracing-raw-tp':
      return asker.type === ProgType.TRACING && asker.expectedAttachType === AttachType.TRACE_RAW_TP
    case 'tcp-ca-release':
      return asker.structOps?.member === 'release'
    case 'recursion-checked':
      return asker.type === ProgType.TRACING
        ? asker.expectedAttachType !== AttachType.TRACE_ITER
        : asker.type !== ProgType.STRUCT_OPS && asker.type !== ProgType.LSM
    default:
      return undefined
  }
}

interface Chooser {
  readonly steps: readonly (string | ReadonlyMap<string, string>)[]
}
const choosers = new Map<string, Chooser | undefined>()

function chooserOf(name: string, version: string): Chooser | undefined {
  const key = `${name}@${version}`
  if (choosers.has(key)) return choosers.get(key)
  const text = factAt(helperChoosers[name], version)
  const chooser =
    text === null
      ? undefined
      : {
          steps: text
            .split(' / ')
            .filter(Boolean)
            .map(step =>
              step.startsWith('@')
                ? step.slice(1)
                : new Map(
                    step.split(' ').map(entry => [entry.slice(0, entry.indexOf(':')), entry.slice(entry.indexOf(':') + 1)]),
                  ),
            ),
        }
  choosers.set(key, chooser)
  return chooser
}

/** Helpers of tracing programs that every program type has are asked for in bpf_base_func_proto alone since 6.16. */
const movedToBase = (chooserName: string, helper: string, version: string): boolean =>
  chooserName === 'bpf_tracing_func_proto' &&
  versionAtLeast(version, '6.16') &&
  (chooserOf('bpf_base_func_proto', version)?.steps.some(step => typeof step !== 'string' && step.has(helper)) ?? false)

/** Proto name, null for none, undefined where the tables do not say. */
function choose(chooserName: string, helper: string, asker: HelperAsker, version: string): string | null | undefined {
  const chooser = chooserOf(chooserName, version)
  if (!chooser) return undefined
  for (const [at, step] of chooser.steps.entries()) {
    // bpf_base_func_proto asks for CAP_BPF after its first table, for CAP_PERFMON after its second.
    if (asker.privileges && chooserName === 'bpf_base_func_proto') {
      if ((at > 0 && !asker.privileges.bpf) || (at > 1 && !asker.privileges.perfmon)) return null
    }
    if (typeof step === 'string') {
      const found = choose(step, helper, asker, version)
      if (found !== null) return found
      continue
    }
    const alternatives = step.get(helper)
    if (alternatives === undefined || (asker.privileges && movedToBase(chooserName, helper, version))) continue
    if (chooserName === 'bpf_sk_base_func_proto' && asker.privileges && !asker.privileges.perfmon && helper.startsWith('skc_to_'))
      return null
    for (const alternative of alternatives.split(';')) {
      const equals = alternative.lastIndexOf('=')
      const value = alternative.slice(equals + 1)
      if (equals >= 0) {
        const held = holds(alternative.slice(0, equals), asker)
        if (held === undefined) return undefined
        if (!held) continue
      }
      if (value === 'NULL') return null
      if (value === 'unknown') return undefined
      if (value === 'TUNNEL')
        return helper === 'skb_set_tunnel_key' ? 'bpf_skb_set_tunnel_key_proto' : 'bpf_skb_set_tunnel_opt_proto'
      if (value.startsWith('@')) return choose(value.slice(1), helper, asker, version)
      return value
    }
  }
  return null
}

/**
 * What newer kernels changed, by the C name: since 6.14 what a helper does to memory is taken from its signature, and 7.0 and
 * 6.18's stable updates set right those that said nothing of writing or only reading (kernel/bpf/helpers.c, kernel/trace/bpf_trace.c,
 * net/core/filter.c, kernel/bpf/cgroup.c).
 */
const accessFlags: Readonly<Record<string, readonly (readonly [arg: number, flag: number])[]>> = {
  bpf_d_path_proto: [[1, TypeFlag.MEM_WRITE]],
  bpf_read_branch_records_proto: [[1, TypeFlag.MEM_WRITE]],
  bpf_skb_fib_lookup_proto: [[1, TypeFlag.MEM_WRITE]],
  bpf_xdp_fib_lookup_proto: [[1, TypeFlag.MEM_WRITE]],
  bpf_snprintf_btf_proto: [[0, TypeFlag.MEM_WRITE]],
  bpf_snprintf_proto: [[0, TypeFlag.MEM_WRITE]],
  bpf_sysctl_get_name_proto: [[1, TypeFlag.MEM_WRITE]],
  // It was marked as only reading.
  bpf_get_stack_proto_raw_tp: [[1, TypeFlag.MEM_UNINIT | TypeFlag.MEM_WRITE]],
  bpf_kallsyms_lookup_name_proto: [[0, TypeFlag.MEM_RDONLY]],
  bpf_tcp_raw_check_syncookie_ipv4_proto: [
    [0, TypeFlag.MEM_RDONLY],
    [1, TypeFlag.MEM_RDONLY],
  ],
  bpf_tcp_raw_check_syncookie_ipv6_proto: [
    [0, TypeFlag.MEM_RDONLY],
    [1, TypeFlag.MEM_RDONLY],
  ],
  bpf_tcp_raw_gen_syncookie_ipv4_proto: [
    [0, TypeFlag.MEM_RDONLY],
    [1, TypeFlag.MEM_RDONLY],
  ],
  bpf_tcp_raw_gen_syncookie_ipv6_proto: [
    [0, TypeFlag.MEM_RDONLY],
    [1, TypeFlag.MEM_RDONLY],
  ],
}

/** Helpers that every program type has since bpf_base_func_proto took them over (6.16), by name without `bpf_`. */
const base616: Readonly<Record<string, string>> = {
  get_current_uid_gid: 'bpf_get_current_uid_gid_proto',
  get_current_comm: 'bpf_get_current_comm_proto',
  get_cgroup_classid: 'bpf_get_cgroup_classid_curr_proto',
  perf_event_read: 'bpf_perf_event_read_proto',
  perf_event_read_value: 'bpf_perf_event_read_value_proto',
  current_task_under_cgroup: 'bpf_current_task_under_cgroup_proto',
  send_signal: 'bpf_send_signal_proto',
  send_signal_thread: 'bpf_send_signal_thread_proto',
  get_task_stack: 'bpf_get_task_stack_proto',
  copy_from_user: 'bpf_copy_from_user_proto',
  copy_from_user_task: 'bpf_copy_from_user_task_proto',
  task_storage_get: 'bpf_task_storage_get_proto',
  task_storage_delete: 'bpf_task_storage_delete_proto',
  get_branch_snapshot: 'bpf_get_branch_snapshot_proto',
  find_vma: 'bpf_find_vma_proto',
}

const skbTypes: readonly number[] = [ProgType.SOCKET_FILTER, ProgType.SCHED_CLS, ProgType.SCHED_ACT, ProgType.CGROUP_SKB]

/** What newer kernels give a program type that had no such helper. */
function newerProto(helper: string, asker: HelperAsker, version: string): string | null {
  if (!versionAtLeast(version, '6.16')) return null
  if (helper === 'get_task_stack' && asker.sleepable) return 'bpf_get_task_stack_sleepable_proto'
  if (helper === 'skb_pull_data' && asker.type === ProgType.LWT_SEG6LOCAL) return 'bpf_skb_pull_data_proto'
  // Of a socket buffer: a proto of its own with the signature of the others.
  if (helper === 'get_netns_cookie' && skbTypes.includes(asker.type)) return 'bpf_get_netns_cookie_sock_proto'
  return base616[helper] ?? null
}

function withAccess(proto: HelperProto, version: string): HelperProto {
  const flags = versionAtLeast(version, '6.18') ? accessFlags[proto.proto] : undefined
  if (!flags) return proto
  const args = [...proto.args]
  for (const [arg, flag] of flags) args[arg] = (args[arg]! & ~TypeFlag.MEM_RDONLY) | flag
  return { ...proto, args }
}

const protos = new Map<string, HelperProto>()

const answers = new WeakMap<HelperAsker, { readonly kernel: KernelProfile; readonly byId: Map<number, HelperAnswer> }>()

/** What a kernel answers when a program asks for a helper (get_func_proto of its verifier ops). Remembered by program: it must not change. */
export function helperProto(kernel: KernelProfile, asker: HelperAsker, id: number): HelperAnswer {
  let known = answers.get(asker)
  if (known?.kernel !== kernel) answers.set(asker, (known = { kernel, byId: new Map() }))
  let answer = known.byId.get(id)
  if (answer === undefined) known.byId.set(id, (answer = askForHelper(kernel, asker, id)))
  return answer
}

function askForHelper(kernel: KernelProfile, asker: HelperAsker, id: number): HelperAnswer {
  let count = helperNames.length
  for (const [since, n] of helperCounts) if (versionAtLeast(kernel.version, since)) count = n
  if (id <= 0 || id >= count) return id === 0 ? 'not-for-this-program' : 'unknown-helper'
  const chooser = asker.structOps ? asker.structOps.helpers : progTypes.get(asker.type)?.helpers
  if (chooser === null) return 'not-for-this-program'
  if (chooser === undefined) return { notImplemented: `helpers of program type ${asker.type}` }
  let name = choose(chooser, helperNames[id]!, asker, kernel.version)
  if (name === null && asker.type === ProgType.TRACING && asker.expectedAttachType === AttachType.TRACE_ITER) {
    const extra = iteratorChoosers[(asker.attachName ?? '').replace(/^bpf_iter_/, '')]
    if (extra) name = choose(extra, helperNames[id]!, asker, kernel.version)
  }
  name ??= newerProto(helperNames[id]!, asker, kernel.version) ?? name
  if (name === undefined) return { notImplemented: `availability of helper bpf_${helperNames[id]}` }
  if (name === null) return 'not-for-this-program'
  const key = `${name}@${kernel.version}@${id}`
  let proto = protos.get(key)
  if (!proto) {
    const text = factAt(helperSignatures[name], kernel.version)
    if (text === null) return { notImplemented: `helper bpf_${helperNames[id]} (${name})` }
    proto = withAccess(parseSignature(id, name, text), kernel.version)
    protos.set(key, proto)
  }
  return proto
}

/** Helpers after which packet pointers are stale (bpf_helper_changes_pkt_data). */
const packetChanging = new Set(
  (
    'clone_redirect l3_csum_replace l4_csum_replace lwt_push_encap lwt_seg6_action lwt_seg6_adjust_srh lwt_seg6_store_bytes ' +
    'msg_pop_data msg_pull_data msg_push_data skb_adjust_room skb_change_head skb_change_proto skb_change_tail skb_pull_data ' +
    'skb_store_bytes skb_vlan_pop skb_vlan_push store_hdr_opt xdp_adjust_head xdp_adjust_meta xdp_adjust_tail'
  ).split(' '),
)
/** Whether some kernel's packet pointers are stale after it: by the helper's name, without `bpf_`. */
export const mayChangePacket = (name: string): boolean => packetChanging.has(name)

export function helperChangesPacket(kernel: KernelProfile, id: number): boolean {
  const name = helperNames[id]
  return name !== undefined && (packetChanging.has(name) || (name === 'tail_call' && versionAtLeast(kernel.version, '6.12')))
}
