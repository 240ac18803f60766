; Constants: in 32 bits where they fit, stored directly from -mcpu=v4, and one register for those that are the same.
--- v2
  r2 = 0x5
  *(u64 *)(r1 + 0x0) = r2
  r2 = -0x1
  *(u32 *)(r1 + 0x8) = r2
  r6 = 0x0 ll ; imm64 data
  r1 = 0xffffffff ll
  *(u64 *)(r6 + 0x10) = r1
  call 0x5
  r1 = *(u64 *)(r6 + 0x18)
  r0 <<= 0x20
  r0 >>= 0x20
  r2 = 0x123456789abcdef ll
  r0 *= r2
  r0 += r1
  exit
--- v3
  r2 = 0x5
  *(u64 *)(r1 + 0x0) = r2
  w2 = -0x1
  *(u32 *)(r1 + 0x8) = r2
  r6 = 0x0 ll ; imm64 data
  *(u64 *)(r6 + 0x10) = r2
  call 0x5
  r1 = *(u64 *)(r6 + 0x18)
  w0 = w0
  r2 = 0x123456789abcdef ll
  r0 *= r2
  r0 += r1
  exit
--- v4
  *(u64 *)(r1 + 0x0) = 0x5
  *(u32 *)(r1 + 0x8) = -0x1
  r6 = 0x0 ll ; imm64 data
  w1 = -0x1
  *(u64 *)(r6 + 0x10) = r1
  call 0x5
  r1 = *(u64 *)(r6 + 0x18)
  w0 = w0
  r2 = 0x123456789abcdef ll
  r0 *= r2
  r0 += r1
  exit
