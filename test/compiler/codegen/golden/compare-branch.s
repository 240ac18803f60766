; Compares become branches; -mcpu=v1 has no "less than", -mcpu=v3 compares halves only where the upper half is not known.
--- v1
  if r1 >= 0x64 goto L5
  r2 <<= 0x20
  r2 s>>= 0x20
  if r2 s>= -0x5 goto L2
L5:
  r0 = 0x1
  exit
L2:
  r0 = *(u32 *)(r3 + 0x0)
  if r0 >= 0x10 goto L5
  if r0 & 0x8 goto L4
  goto L5
L4:
  exit
--- v2
  if r1 >= 0x64 goto L5
  r2 <<= 0x20
  r2 s>>= 0x20
  if r2 s< -0x5 goto L5
  r0 = *(u32 *)(r3 + 0x0)
  if r0 >= 0x10 goto L5
  if r0 & 0x8 goto L4
L5:
  r0 = 0x1
  exit
L4:
  exit
--- v3
  if r1 >= 0x64 goto L5
  if w2 s< -0x5 goto L5
  r0 = *(u32 *)(r3 + 0x0)
  if r0 >= 0x10 goto L5
  if r0 & 0x8 goto L4
L5:
  w0 = 0x1
  exit
L4:
  exit
