; Zero extension is free where the register shows it; sign extension takes shifts, or movsx.
--- v2
  r0 = r1
  r0 <<= 0x20
  r0 >>= 0x20
  r1 <<= 0x20
  r1 s>>= 0x20
  r3 = *(u8 *)(r2 + 0x0)
  r2 = r3
  r2 <<= 0x38
  r2 s>>= 0x38
  r0 += r1
  r0 += r3
  r0 += r2
  exit
--- v3
  w0 = w1
  r1 <<= 0x20
  r1 s>>= 0x20
  r3 = *(u8 *)(r2 + 0x0)
  r2 = r3
  r2 <<= 0x38
  r2 s>>= 0x38
  r0 += r1
  r0 += r3
  r0 += r2
  exit
--- v4
  w0 = w1
  r3 = (s32)r1
  r2 = *(u8 *)(r2 + 0x0)
  r1 = (s8)r2
  r0 += r3
  r0 += r2
  r0 += r1
  exit
