; Ends that are alike are shared; a value set only to be returned is set before the branch.
--- v3
  r6 = r2
  w0 = 0x7
  if w1 == 0x1 goto L4
  call 0x5
  *(u64 *)(r6 + 0x0) = r0
  w0 = 0x2
L4:
  exit
