; Without 32-bit shifts a word is zero-extended first: the last of the two shifts for that goes on.
--- v2
  r0 = r1
  r0 <<= 0x20
  r0 >>= 0x3a
  r1 <<= 0x20
  r1 s>>= 0x23
  r0 += r1
  r0 <<= 0x20
  r0 >>= 0x20
  exit
--- v3
  r0 = r1
  w0 >>= 0x1a
  w1 s>>= 0x3
  w0 += w1
  exit
