; A function that stores the address it is given: the object stays in use through where it went, though no instruction here names it again.
--- v3
  r1 = r10
  r1 += -0x8
  r2 = r10
  r2 += -0x30
  call -0x1 ; call put
  r1 = r10
  r1 += -0x58
  r2 = 0x28
  call 0x10
  r1 = *(u64 *)(r10 - 0x8)
  r2 = 0x1
  *(u64 *)(r1 + 0x8) = r2
  r1 = r10
  r1 += -0x58
  r2 = 0x28
  call 0x10
  r0 = *(u64 *)(r10 - 0x50)
  exit
