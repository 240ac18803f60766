; Constants go as immediates to maps and to what helpers give, through registers to the stack and to what may be a context.
--- v3
  r2 = r1
  r1 = 0x0 ll ; imm64 total
  *(u32 *)(r1 + 0x8) = 0x1
  r3 = 0x2
  *(u32 *)(r2 + 0x8) = r3
  r2 = 0x3
  *(u64 *)(r10 - 0x8) = r2
  r2 = r10
  r2 += -0x8
  call 0x1
  if r0 == 0x0 goto L2
  *(u16 *)(r0 + 0x10) = 0x4
L2:
  r0 = 0x0
  exit
