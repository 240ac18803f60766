/**
 * Special fields of map values and of objects that programs allocate: with which kernel each came, and what the kernel sees of a type
 * (kernel/bpf/btf.c: btf_find_field, btf_parse_fields).
 */

export type FieldKind =
  | 'spin_lock'
  | 'res_spin_lock'
  | 'timer'
  | 'wq'
  | 'task_work'
  | 'list_head'
  | 'list_node'
  | 'rb_root'
  | 'rb_node'
  | 'refcount'
  | 'kptr_unref'
  | 'kptr_ref'
  | 'kptr_percpu'
  | 'uptr'

/** First version that knows the field; for older ones it is plain data. */
export const fieldSince: Readonly<Record<FieldKind, string>> = {
  spin_lock: '5.1',
  timer: '5.15',
  kptr_unref: '5.19',
  kptr_ref: '5.19',
  list_head: '6.2',
  list_node: '6.2',
  rb_root: '6.3',
  rb_node: '6.3',
  refcount: '6.4',
  kptr_percpu: '6.7',
  wq: '6.10',
  uptr: '6.13',
  res_spin_lock: '6.15',
  task_work: '6.18',
}

/** Type tags that make a pointer a kptr, and until which version they mean that; 6.4 gave `kptr` a new meaning. */
export const kptrTags: readonly {
  readonly tag: string
  readonly kind: FieldKind
  readonly since: string
  readonly last?: string
}[] = [
  { tag: 'kptr', kind: 'kptr_unref', since: '5.19', last: '6.3' },
  { tag: 'kptr_ref', kind: 'kptr_ref', since: '5.19', last: '6.3' },
  { tag: 'kptr_untrusted', kind: 'kptr_unref', since: '6.4' },
  { tag: 'kptr', kind: 'kptr_ref', since: '6.4' },
  { tag: 'percpu_kptr', kind: 'kptr_percpu', since: '6.7' },
  { tag: 'uptr', kind: 'uptr', since: '6.13' },
]
