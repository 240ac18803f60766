; The zero is in r0 already on every way to the next test; on the way around a call it is not.
--- v3
  r6 = r2
  r2 = *(u8 *)(r1 + 0x0)
  r0 = 0x0
  if r2 != 0x6e goto L5
  r2 = *(u8 *)(r1 + 0x1)
  if r2 != 0x65 goto L5
  r1 = *(u8 *)(r1 + 0x2)
  if r1 != 0x74 goto L5
  call 0x5
  if r0 < r6 goto L6
  r0 = 0x7
  exit
L6:
  r0 = 0x0
L5:
  exit
