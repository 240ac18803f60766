; What an object held is wanted after another's life began: no sharing.
--- v3
  r6 = r1
  r7 = r2
  r8 = 0x0
L1:
  r1 = r10
  r1 += -0x10
  r2 = 0x10
  r3 = r7
  call 0x71
  r1 = r10
  r1 += -0x20
  r2 = 0x10
  r3 = r7
  call 0x71
  r0 = *(u64 *)(r10 - 0x10)
  r1 = *(u64 *)(r10 - 0x20)
  r0 += r8
  r0 += r1
  r8 = r0
  if r0 < r6 goto L1
  exit
