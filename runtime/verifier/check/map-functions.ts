/** Which helper takes which type of map (kernel/bpf/verifier.c: check_map_func_compatibility, 6.12). */
import { AttachType, MapType, ProgType } from '../../../linker/object/uapi.js'
import { helperNames } from '../../kernel/helper-names.js'
import type { Env } from '../env.js'
import type { VerifierMap } from '../state/maps.js'

/** Map types that only these helpers may be given. */
const byMap: ReadonlyMap<number, readonly string[]> = new Map(
  (
    [
      [MapType.PROG_ARRAY, 'tail_call'],
      [MapType.PERF_EVENT_ARRAY, 'perf_event_read perf_event_output skb_output perf_event_read_value xdp_output'],
      [
        MapType.RINGBUF,
        'ringbuf_output ringbuf_reserve ringbuf_query ringbuf_reserve_dynptr ringbuf_submit_dynptr ringbuf_discard_dynptr',
      ],
      [MapType.USER_RINGBUF, 'user_ringbuf_drain'],
      [MapType.STACK_TRACE, 'get_stackid'],
      [MapType.CGROUP_ARRAY, 'skb_under_cgroup current_task_under_cgroup'],
      [MapType.CGROUP_STORAGE, 'get_local_storage'],
      [MapType.PERCPU_CGROUP_STORAGE, 'get_local_storage'],
      [MapType.DEVMAP, 'redirect_map map_lookup_elem'],
      [MapType.DEVMAP_HASH, 'redirect_map map_lookup_elem'],
      [MapType.CPUMAP, 'redirect_map'],
      [MapType.XSKMAP, 'redirect_map map_lookup_elem'],
      [MapType.ARRAY_OF_MAPS, 'map_lookup_elem'],
      [MapType.HASH_OF_MAPS, 'map_lookup_elem'],
      [MapType.SOCKMAP, 'sk_redirect_map sock_map_update msg_redirect_map sk_select_reuseport map_lookup_elem'],
      [MapType.SOCKHASH, 'sk_redirect_hash sock_hash_update msg_redirect_hash sk_select_reuseport map_lookup_elem'],
      [MapType.REUSEPORT_SOCKARRAY, 'sk_select_reuseport'],
      [MapType.QUEUE, 'map_peek_elem map_pop_elem map_push_elem'],
      [MapType.STACK, 'map_peek_elem map_pop_elem map_push_elem'],
      [MapType.SK_STORAGE, 'sk_storage_get sk_storage_delete kptr_xchg'],
      [MapType.INODE_STORAGE, 'inode_storage_get inode_storage_delete kptr_xchg'],
      [MapType.TASK_STORAGE, 'task_storage_get task_storage_delete kptr_xchg'],
      [MapType.CGRP_STORAGE, 'cgrp_storage_get cgrp_storage_delete kptr_xchg'],
      [MapType.BLOOM_FILTER, 'map_peek_elem map_push_elem'],
    ] as const
  ).map(([type, names]) => [type, names.split(' ')]),
)

/** Helpers that take only these map types. */
const byHelper: Readonly<Record<string, readonly number[]>> = {
  tail_call: [MapType.PROG_ARRAY],
  perf_event_read: [MapType.PERF_EVENT_ARRAY],
  perf_event_output: [MapType.PERF_EVENT_ARRAY],
  perf_event_read_value: [MapType.PERF_EVENT_ARRAY],
  skb_output: [MapType.PERF_EVENT_ARRAY],
  xdp_output: [MapType.PERF_EVENT_ARRAY],
  ringbuf_output: [MapType.RINGBUF],
  ringbuf_reserve: [MapType.RINGBUF],
  ringbuf_query: [MapType.RINGBUF],
  ringbuf_reserve_dynptr: [MapType.RINGBUF],
  ringbuf_submit_dynptr: [MapType.RINGBUF],
  ringbuf_discard_dynptr: [MapType.RINGBUF],
  user_ringbuf_drain: [MapType.USER_RINGBUF],
  get_stackid: [MapType.STACK_TRACE],
  current_task_under_cgroup: [MapType.CGROUP_ARRAY],
  skb_under_cgroup: [MapType.CGROUP_ARRAY],
  redirect_map: [MapType.DEVMAP, MapType.DEVMAP_HASH, MapType.CPUMAP, MapType.XSKMAP],
  sk_redirect_map: [MapType.SOCKMAP],
  msg_redirect_map: [MapType.SOCKMAP],
  sock_map_update: [MapType.SOCKMAP],
  sk_redirect_hash: [MapType.SOCKHASH],
  msg_redirect_hash: [MapType.SOCKHASH],
  sock_hash_update: [MapType.SOCKHASH],
  get_local_storage: [MapType.CGROUP_STORAGE, MapType.PERCPU_CGROUP_STORAGE],
  sk_select_reuseport: [MapType.REUSEPORT_SOCKARRAY, MapType.SOCKMAP, MapType.SOCKHASH],
  map_pop_elem: [MapType.QUEUE, MapType.STACK],
  map_peek_elem: [MapType.QUEUE, MapType.STACK, MapType.BLOOM_FILTER],
  map_push_elem: [MapType.QUEUE, MapType.STACK, MapType.BLOOM_FILTER],
  map_lookup_percpu_elem: [MapType.PERCPU_ARRAY, MapType.PERCPU_HASH, MapType.LRU_PERCPU_HASH],
  sk_storage_get: [MapType.SK_STORAGE],
  sk_storage_delete: [MapType.SK_STORAGE],
  inode_storage_get: [MapType.INODE_STORAGE],
  inode_storage_delete: [MapType.INODE_STORAGE],
  task_storage_get: [MapType.TASK_STORAGE],
  task_storage_delete: [MapType.TASK_STORAGE],
  cgrp_storage_get: [MapType.CGRP_STORAGE],
  cgrp_storage_delete: [MapType.CGRP_STORAGE],
}

const sockmapUpdaters: readonly number[] = [
  ProgType.SOCKET_FILTER,
  ProgType.SCHED_CLS,
  ProgType.SCHED_ACT,
  ProgType.XDP,
  ProgType.SK_REUSEPORT,
  ProgType.FLOW_DISSECTOR,
  ProgType.SK_LOOKUP,
]

/** may_update_sockmap. */
function mayUpdateSockmap(env: Env, name: string): boolean {
  if (name !== 'map_update_elem' && name !== 'map_delete_elem') return false
  const { type, expectedAttachType } = env.program
  if (type === ProgType.TRACING && expectedAttachType === AttachType.TRACE_ITER) return true
  if (type === ProgType.SOCK_OPS && name === 'map_delete_elem') return true
  if (sockmapUpdaters.includes(type)) return true
  env.say('cannot update sockmap in this context\n')
  return false
}

export function checkMapFunction(env: Env, map: VerifierMap | undefined, id: number, label: string): void {
  if (!map) return
  const name = helperNames[id]!
  const sockets = map.type === MapType.SOCKMAP || map.type === MapType.SOCKHASH
  const allowed = byMap.get(map.type)
  const ok =
    (!allowed || allowed.includes(name) || (sockets && mayUpdateSockmap(env, name))) &&
    (byHelper[name]?.includes(map.type) ?? true)
  if (!ok) env.reject(`cannot pass map_type ${map.type} into func ${label}`)
}
