; A tree of compares; neighbours with one target are one range.
--- v1
  r1 <<= 0x20
  r1 >>= 0x20
  if r1 > 0x1d goto L4
  if r1 >= 0x1 goto L7
L1:
  r0 = 0x0
  exit
L7:
  if r1 > 0x3 goto L6
L3:
  r0 = 0x1
  exit
L6:
  if r1 == 0x5 goto L2
  if r1 >= 0xa goto L9
  goto L1
L9:
  if r1 > 0x14 goto L1
L2:
  r0 = 0x2
  exit
L4:
  if r1 == 0x1e goto L3
  if r1 == 0x28 goto L2
  if r1 == 0x32 goto L3
  goto L1
--- v3
  if w1 > 0x1d goto L4
  if w1 < 0x1 goto L1
  if w1 <= 0x3 goto L3
  if w1 == 0x5 goto L2
  if w1 < 0xa goto L1
  if w1 <= 0x14 goto L2
L1:
  w0 = 0x0
  exit
L4:
  if w1 == 0x1e goto L3
  if w1 == 0x28 goto L2
  if w1 != 0x32 goto L1
L3:
  w0 = 0x1
  exit
L2:
  w0 = 0x2
  exit
