; 64-bit atomics do not need 32-bit registers: they are had at every level, as from clang.
--- v1
  lock *(u64 *)(r1 + 0x0) |= r2
  r0 = r2
  r0 = atomic_fetch_and((u64 *)(r1 + 0x10), r0)
  r0 = xchg_64(r1 + 0x18, r0)
  r0 = cmpxchg_64(r1 + 0x20, r0, r2)
  exit
--- v2
  lock *(u64 *)(r1 + 0x0) |= r2
  r0 = r2
  r0 = atomic_fetch_and((u64 *)(r1 + 0x10), r0)
  r0 = xchg_64(r1 + 0x18, r0)
  r0 = cmpxchg_64(r1 + 0x20, r0, r2)
  exit
