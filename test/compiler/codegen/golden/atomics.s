; An atomic whose old value nobody wants does not fetch it.
--- v3
  lock *(u64 *)(r1 + 0x0) += r2
  r4 = r2
  r4 = -r4
  lock *(u64 *)(r1 + 0x8) += r4
  r0 = r2
  r0 = atomic_fetch_or((u64 *)(r1 + 0x10), r0)
  <unknown>
  r0 = cmpxchg_64(r1 + 0x20, r0, r2)
  r0 += r3
  exit
