; Each object's address goes into an assembly, and each way out leaves before its scope ends: where only the return is left nobody uses them.
--- v3
  r6 = r2
  r1 = r10
  r1 += -0x80
  *(u64 *)(r10 - 0x88) = r1
  r1 = r10
  r1 += -0x88
  call 0x10
  if r0 == 0x0 goto L1
  r0 = 0x1
L3:
  exit
L1:
  r1 = r10
  r1 += -0x80
  *(u64 *)(r10 - 0x88) = r1
  r1 = r10
  r1 += -0x88
  r2 = r6
  call 0x10
  if r0 == 0x0 goto L3
  r0 = 0x2
  exit
