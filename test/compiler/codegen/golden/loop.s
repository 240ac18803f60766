; A loop's parameters are registers that the body changes in place.
--- v3
  w2 = 0x0
  r0 = 0x0
L1:
  if r2 >= 0xa goto L2
  r3 = r2
  r3 <<= 0x3
  r4 = r1
  r4 += r3
  r3 = *(u64 *)(r4 + 0x0)
  r0 += r3
  w2 += 0x1
  goto L1
L2:
  exit
