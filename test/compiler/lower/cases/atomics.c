typedef unsigned int u32;
typedef unsigned long u64;
u64 all(u64 *p, u32 *q) {
  __sync_fetch_and_add(p, 1);
  u64 old = __sync_fetch_and_add(p, 2);
  u64 new = __sync_add_and_fetch(p, 3);
  u32 was = __sync_lock_test_and_set(q, 4);
  u32 seen = __sync_val_compare_and_swap(q, 4, 5);
  int won = __sync_bool_compare_and_swap(q, 5, 6);
  __atomic_fetch_or(p, 7, __ATOMIC_RELAXED);
  return old + new + was + seen + won;
}
