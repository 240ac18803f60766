/**
 * Facts about what tracing and LSM programs attach to: kernel/bpf/bpf_lsm.c, kernel/bpf/btf.c (raw_tp_null_args), the ctx_arg_info of
 * iterator targets (6.12).
 */

import { versionAtLeast } from './profile.js'

const words = (text: string): ReadonlySet<string> => new Set(text.split(' '))

/** LSM hooks, without `bpf_lsm_`; those of 6.12. */
const sleepableHooks = words(
  'bpf bpf_map bpf_map_create bpf_map_free bpf_prog bpf_prog_load bpf_token_create bpf_token_free bpf_token_cmd ' +
    'bpf_token_capable bprm_check_security bprm_committed_creds bprm_committing_creds bprm_creds_for_exec ' +
    'bprm_creds_from_file capget capset cred_prepare file_ioctl file_lock file_open file_post_open file_receive ' +
    'inode_create inode_free_security inode_getattr inode_getxattr inode_mknod inode_need_killpriv inode_post_setxattr ' +
    'inode_readlink inode_rename inode_rmdir inode_setattr inode_setxattr inode_symlink inode_unlink kernel_module_request ' +
    'kernel_read_file kernfs_init_security path_unlink path_mkdir path_rmdir path_truncate path_symlink path_link ' +
    'path_rename path_chmod path_chown mmap_file netlink_send path_notify release_secctx sb_alloc_security sb_eat_lsm_opts ' +
    'sb_kern_mount sb_mount sb_remount sb_set_mnt_opts sb_show_options sb_statfs sb_umount settime socket_accept ' +
    'socket_bind socket_connect socket_create socket_getpeername socket_getpeersec_dgram socket_getsockname ' +
    'socket_getsockopt socket_listen socket_post_create socket_recvmsg socket_sendmsg socket_shutdown socket_socketpair ' +
    'syslog task_alloc current_getsecid_subj task_getsecid_obj task_prctl task_setscheduler userns_create',
)
/** Of them, those that 6.1's list (sleepable_lsm_hooks) does not have. */
const laterSleepable = words(
  'bpf_map_create bpf_map_free bpf_prog_load bpf_token_capable bpf_token_cmd bpf_token_create bpf_token_free file_post_open ' +
    'path_chmod path_chown path_link path_mkdir path_rename path_rmdir path_symlink path_truncate path_unlink',
)
/** Those that 6.1 has and 6.12 has no more. */
const onceSleepable = words('bpf_map_alloc_security bpf_map_free_security inet_conn_established key_free')

/** Whether programs for an LSM hook may sleep (bpf_lsm_is_sleepable_hook). */
export function lsmHookSleeps(version: string, hook: string): boolean {
  if (versionAtLeast(version, '6.2')) return sleepableHooks.has(hook)
  return onceSleepable.has(hook) || (sleepableHooks.has(hook) && !laterSleepable.has(hook))
}

export const disabledLsmHooks = words(
  'vm_enough_memory inode_need_killpriv inode_getsecurity inode_listsecurity inode_copy_up_xattr getselfattr getprocattr ' +
    'setprocattr key_getsecurity audit_rule_match xfrm_decode_session ismaclabel',
)
export const untrustedLsmHooks = words(
  'bpf_map_free bpf_prog_free file_alloc_security file_free_security sk_alloc_security sk_free_security task_free',
)
/** Functions whose fentry and fexit programs may call bpf_d_path (btf_allowlist_d_path). */
export const pathTargets = words(
  'security_file_permission security_inode_getattr security_file_open security_path_truncate vfs_truncate vfs_fallocate ' +
    'dentry_open vfs_getattr filp_close',
)
/** Functions named like hooks that are none. */
export const notLsmHooks = words(
  'bpf_lsm_verify_prog bpf_lsm_find_cgroup_shim bpf_lsm_func_proto bpf_lsm_is_sleepable_hook bpf_lsm_is_trusted ' +
    'bpf_lsm_get_retval_range bpf_lsm_init bpf_lsm_toggle_hook',
)
/** Functions that fmod_ret programs may change beside security_* and the error injection list (register_btf_fmodret_id_set). */
export const modifiableTargets = words(
  'bpf_modify_return_test bpf_modify_return_test2 bpf_modify_return_test_tp bpf_fentry_test1 update_socket_protocol',
)
/** In the error injection list, but called from where nothing may sleep (btf_non_sleepable_error_inject). */
export const neverSleepTargets = words('__filemap_add_folio should_fail_alloc_page should_failslab')
/** btf_id_deny. */
export const deniedTargets = words(
  'migrate_disable migrate_enable rcu_read_unlock_strict preempt_count_add preempt_count_sub __rcu_read_lock __rcu_read_unlock',
)
/** noreturn_deny (6.15; 6.12 and 6.1 stable). */
export const noReturnTargets = words(
  '__ia32_sys_exit __ia32_sys_exit_group __kunit_abort kunit_try_catch_throw __module_put_and_kthread_exit __x64_sys_exit ' +
    '__x64_sys_exit_group do_exit do_group_exit kthread_complete_and_exit kthread_exit make_task_dead',
)
/** Hooks whose int is a truth value. */
export const boolLsmHooks = words('xfrm_state_pol_flow_match audit_rule_known inode_xattr_skipcap')

/** Raw tracepoints whose pointers may be null (1) or an error (2), four bits an argument. */
export const rawTpNullArgs: Readonly<Record<string, number>> = {
  sched_pi_setprio: 0x10,
  sched_process_wait: 0x1,
  sched_stick_numa: 0x100,
  sched_swap_numa: 0x100,
  afs_make_fs_call: 0x10,
  afs_make_fs_calli: 0x10,
  afs_make_fs_call1: 0x10,
  afs_make_fs_call2: 0x10,
  afs_protocol_error: 0x1,
  afs_flock_ev: 0x10,
  cachefiles_lookup: 0x201,
  cachefiles_unlink: 0x1,
  cachefiles_rename: 0x1,
  cachefiles_prep_read: 0x1,
  cachefiles_mark_active: 0x1,
  cachefiles_mark_failed: 0x1,
  cachefiles_mark_inactive: 0x1,
  cachefiles_vfs_error: 0x1,
  cachefiles_io_error: 0x1,
  cachefiles_ondemand_open: 0x1,
  cachefiles_ondemand_copen: 0x1,
  cachefiles_ondemand_close: 0x1,
  cachefiles_ondemand_read: 0x1,
  cachefiles_ondemand_cread: 0x1,
  cachefiles_ondemand_fd_write: 0x1,
  cachefiles_ondemand_fd_release: 0x1,
  ext4_mballoc_discard: 0x10,
  ext4_mballoc_free: 0x10,
  fib_table_lookup: 0x100,
  posix_lock_inode: 0x10,
  fcntl_setlk: 0x10,
  locks_remove_posix: 0x10,
  flock_lock_inode: 0x10,
  break_lease_noblock: 0x10,
  break_lease_block: 0x10,
  break_lease_unblock: 0x10,
  generic_delete_lease: 0x10,
  time_out_leases: 0x10,
  host1x_cdma_push_gather: 0x10000,
  mm_khugepaged_scan_pmd: 0x10,
  mm_collapse_huge_page_isolate: 0x1,
  mm_khugepaged_scan_file: 0x10,
  mm_khugepaged_collapse_file: 0x10,
  mm_page_alloc: 0x1,
  mm_page_pcpu_drain: 0x1,
  mm_page_alloc_zone_locked: 0x1,
  netfs_failure: 0x10,
  device_pm_callback_start: 0x10,
  qdisc_dequeue: 0x1000,
  rxrpc_recvdata: 0x1,
  rxrpc_resend: 0x10,
  signal_generate: 0x20,
  signal_deliver: 0x20,
  kfree_skb: 0x1000,
  xs_stream_read_data: 0x1,
  xprt_reserve_cong: 0x10,
  xprt_release_cong: 0x10,
  xprt_get_cong: 0x10,
  xprt_put_cong: 0x10,
  tcp_send_reset: 0x11,
  tegra_dma_tx_status: 0x100,
  tmigr_update_events: 0x1,
  writeback_dirty_folio: 0x10,
  folio_wait_writeback: 0x10,
  mr_integ_alloc: 0x2000,
  bpf_testmod_test_read: 0x0,
}

/** An argument of an iterator program that is not what its type says. */
export interface IteratorArg {
  /** Member of struct bpf_iter__NAME. */
  readonly member: string
  readonly buffer?: 'rdonly' | 'rdwr'
  readonly trusted?: true
  /** The kernel's struct, for pointers. */
  readonly struct?: string
}

/** Iterator targets (`iter/task`), with the arguments that may be null. */
export const iteratorTargets: Readonly<Record<string, readonly IteratorArg[]>> = {
  ksym: [{ member: 'ksym', struct: 'kallsym_iter' }],
  bpf_prog: [{ member: 'prog', struct: 'bpf_prog' }],
  cgroup: [{ member: 'cgroup', struct: 'cgroup', trusted: true }],
  task: [{ member: 'task', struct: 'task_struct', trusted: true }],
  task_file: [
    { member: 'task', struct: 'task_struct' },
    { member: 'file', struct: 'file' },
  ],
  task_vma: [
    { member: 'task', struct: 'task_struct' },
    { member: 'vma', struct: 'vm_area_struct' },
  ],
  bpf_map: [{ member: 'map', struct: 'bpf_map', trusted: true }],
  bpf_map_elem: [
    { member: 'key', buffer: 'rdonly' },
    { member: 'value', buffer: 'rdwr' },
  ],
  bpf_link: [{ member: 'link', struct: 'bpf_link' }],
  netlink: [{ member: 'sk', struct: 'netlink_sock' }],
  ipv6_route: [{ member: 'rt', struct: 'fib6_info' }],
  sockmap: [
    { member: 'key', buffer: 'rdonly' },
    { member: 'sk', struct: 'sock' },
  ],
  bpf_sk_storage_map: [
    { member: 'sk', struct: 'sock' },
    { member: 'value', buffer: 'rdwr' },
  ],
  unix: [{ member: 'unix_sk', struct: 'unix_sock' }],
  tcp: [{ member: 'sk_common', struct: 'sock_common', trusted: true }],
  udp: [{ member: 'udp_sk', struct: 'udp_sock', trusted: true }],
  kmem_cache: [{ member: 's', struct: 'kmem_cache', trusted: true }],
  dmabuf: [{ member: 'dmabuf', struct: 'dma_buf' }],
}
