; The address is used before the loop and indexed in it: indexing works on a copy.
--- v3
  r7 = 0x0 ll ; imm64 data
  r6 = *(u32 *)(r7 + 0xc)
L1:
  call 0x7
  r0 &= 0x1f
  r0 <<= 0x2
  r1 = r7
  r1 += r0
  r1 = *(u32 *)(r1 + 0x0)
  w6 += w1
  if r6 < 0x63 goto L1
  r0 = r6
  exit
