; The sign of a word that was loaded is bit 31 of its register and needs no copy; that of one that was computed does.
--- v1
  r0 = *(u32 *)(r1 + 0x0)
  if r0 > 0x7fffffff goto L4
  r1 = *(u32 *)(r1 + 0x4)
  if r1 > 0x7fffffff goto L4
  r1 += r0
  r1 <<= 0x20
  r1 s>>= 0x20
  if r1 s>= 0x0 goto L4
  exit
L4:
  r0 = 0x1
  exit
--- v2
  r0 = *(u32 *)(r1 + 0x0)
  if r0 > 0x7fffffff goto L4
  r1 = *(u32 *)(r1 + 0x4)
  if r1 > 0x7fffffff goto L4
  r1 += r0
  r1 <<= 0x20
  r1 s>>= 0x20
  if r1 s>= 0x0 goto L4
  exit
L4:
  r0 = 0x1
  exit
