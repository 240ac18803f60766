; Objects of a loop's body whose lives begin in it share a place.
--- v3
  r6 = r1
  r7 = r2
  r9 = 0x0
L1:
  r1 = r10
  r1 += -0x10
  r2 = 0x10
  r3 = r7
  call 0x71
  r8 = *(u64 *)(r10 - 0x10)
  r1 = r10
  r1 += -0x10
  r2 = 0x10
  r3 = r7
  call 0x71
  r1 = *(u64 *)(r10 - 0x10)
  r8 += r9
  r8 += r1
  r9 = r8
  if r8 < r6 goto L1
  r0 = r8
  exit
