; Parameters that change places in a loop: copies at once, one register more.
--- v3
L1:
  w3 += -0x1
  if r3 == 0x0 goto L2
  r4 = r1
  r1 = r2
  r2 = r4
  goto L1
L2:
  r0 = r1
  exit
