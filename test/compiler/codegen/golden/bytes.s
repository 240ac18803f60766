; Byte swaps: to big endian before -mcpu=v4, unconditional from then on.
--- v3
  r2 = *(u16 *)(r1 + 0x0)
  r2 = be16 r2
  r0 = *(u64 *)(r1 + 0x8)
  r0 = be64 r0
  r0 += r2
  exit
--- v4
  r2 = *(u16 *)(r1 + 0x0)
  r2 = bswap16 r2
  r0 = *(u64 *)(r1 + 0x8)
  r0 = bswap64 r0
  r0 += r2
  exit
