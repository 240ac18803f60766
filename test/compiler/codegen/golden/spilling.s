; Six values live across a call: four registers survive it, the rest waits in the frame.
--- v3
  r7 = r1
  r6 = *(u64 *)(r7 + 0x0)
  r9 = *(u64 *)(r7 + 0x8)
  r8 = *(u64 *)(r7 + 0x10)
  r1 = *(u64 *)(r7 + 0x18)
  *(u64 *)(r10 - 0x8) = r1
  r1 = *(u64 *)(r7 + 0x20)
  *(u64 *)(r10 - 0x10) = r1
  call 0x7
  r6 += r9
  r6 ^= r8
  r1 = *(u64 *)(r10 - 0x8)
  r6 += r1
  r1 = *(u64 *)(r10 - 0x10)
  r6 ^= r1
  r6 += r0
  r1 = *(u64 *)(r7 + 0x28)
  r6 += r1
  r0 = r6
  exit
