; Inline assembly: tied and early-clobbered operands, memory, immediates, labels of its own, asm goto.
--- v3
  r2 = 0x0
  *(u64 *)(r10 - 0x8) = r2
  if r1 < 0x7 goto .Lasm0.1..1.1
  r1 += 0x9
.Lasm0.1..1.1:
  r0 = *(u64 *)(r10 - 0x8)
  r0 += r1
  if r0 == 0x0 goto L1
  exit
L1:
  r0 = 0x0
  exit
