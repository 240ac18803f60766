; Whether a number is negative, as a number: a shift, for which the verifier has not two ways to look at.
--- v2
  r1 >>= 0x3f
  r2 <<= 0x20
  r2 s>>= 0x20
  r3 = 0x1
  if r2 s> -0x1 goto L1
  r3 = 0x0
L1:
  r1 <<= 0x1
  r1 |= r3
  r0 = r1
  exit
--- v3
  r1 >>= 0x3f
  w2 >>= 0x1f
  w2 ^= 0x1
  r1 <<= 0x1
  r1 |= r2
  r0 = r1
  exit
