; Objects whose addresses are in another object: the first is in use until its life begins again, and the second takes its place.
--- v3
  r6 = r1
  r7 = r10
  r7 += -0xc8
  *(u64 *)(r10 - 0x8) = r7
  r1 = 0x258
  r2 = r6
  r3 = r10
  r3 += -0x8
  r4 = 0x0
  call 0xb5
  *(u64 *)(r10 - 0x8) = r7
  r1 = 0x258
  r2 = r6
  r3 = r10
  r3 += -0x8
  r4 = 0x0
  call 0xb5
  w0 = 0x0
  exit
