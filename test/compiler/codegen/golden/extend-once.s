; What was compared with a bound is the register that goes to the helper: cleared once, not at each use.
--- v2
  r3 = r1
  r4 = *(u64 *)(r3 + 0x18)
  r4 <<= 0x20
  r4 >>= 0x20
  if r4 <= 0x6e goto L2
  r0 = 0x0
  exit
L2:
  r1 = r2
  r2 = r4
  call 0x4
  exit
--- v3
  r3 = r1
  r4 = *(u64 *)(r3 + 0x18)
  if w4 <= 0x6e goto L2
  r0 = 0x0
  exit
L2:
  r1 = r2
  w2 = w4
  call 0x4
  exit
