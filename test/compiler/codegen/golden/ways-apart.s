; Two objects whose addresses are elsewhere come to one block, each on its own way: neither is written where the other is in use.
--- v3
  if r2 == 0x0 goto L2
  r1 = r10
  r1 += -0x80
  r2 = 0x80
  call 0x10
  r1 = r10
  r1 += -0x80
L3:
  call 0x7
  exit
L2:
  r1 = r10
  r1 += -0x80
  r2 = 0x80
  call 0x10
  r1 = r10
  r1 += -0x80
  goto L3
