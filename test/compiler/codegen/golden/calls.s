; Arguments in r1 to r5; what lives across a call is in r6 to r9; map addresses go straight into their argument.
--- v3
  r6 = *(u32 *)(r1 + 0x4)
  *(u32 *)(r10 - 0x4) = r6
  r1 = 0x0 ll ; imm64 map
  r2 = r10
  r2 += -0x4
  call 0x1
  if r0 == 0x0 goto L2
  r1 = r6
  r2 = r0
  call -0x1 ; call sub
  w0 += w6
  exit
L2:
  exit
