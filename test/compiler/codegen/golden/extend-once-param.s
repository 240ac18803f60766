; What comes in as a parameter is cleared once too: the register that is compared is the one that becomes an index.
--- v1
  r1 <<= 0x20
  r1 >>= 0x20
  if r1 >= 0xb goto L2
  r1 *= 0x18
  r2 += r1
  r0 = *(u64 *)(r2 + 0x0)
  exit
L2:
  r0 = 0x1
  exit
--- v2
  r1 <<= 0x20
  r1 >>= 0x20
  if r1 >= 0xb goto L2
  r1 *= 0x18
  r2 += r1
  r0 = *(u64 *)(r2 + 0x0)
  exit
L2:
  r0 = 0x1
  exit
--- v3
  if w1 >= 0xb goto L2
  w1 = w1
  r1 *= 0x18
  r2 += r1
  r0 = *(u64 *)(r2 + 0x0)
  exit
L2:
  r0 = 0x1
  exit
