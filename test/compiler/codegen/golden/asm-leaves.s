; Assembly that leaves the function is the end of it, unless something comes behind.
--- v3
  if r1 == 0x7 goto L4
  if r1 == 0x9 goto L3
  r0 = 0x0
  exit
L3:
  if r1 == 0x5 goto .Lasm0.1..1.1
  exit
.Lasm0.1..1.1:
  exit
L4:
  r0 = r1
  exit
