; Constant steps of a pointer go into offsets, also where several accesses share them; what is too far is added first.
--- v1
  r0 = *(u64 *)(r1 + 0x18)
  r2 = *(u32 *)(r1 + 0x14)
  r1 += 0x9c40
  r1 = *(u64 *)(r1 + 0x0)
  r0 += r2
  r0 += r1
  exit
--- v3
  r0 = *(u64 *)(r1 + 0x18)
  r2 = *(u32 *)(r1 + 0x14)
  r1 += 0x9c40
  r1 = *(u64 *)(r1 + 0x0)
  r0 += r2
  r0 += r1
  exit
