; A function that only reads through the address it is given: the next object takes the place.
--- v3
  r1 = r10
  r1 += -0x28
  r2 = 0x28
  call 0x10
  r1 = r10
  r1 += -0x28
  call -0x1 ; call look
  r6 = r0
  r1 = r10
  r1 += -0x28
  r2 = 0x28
  call 0x10
  r1 = r10
  r1 += -0x28
  call -0x1 ; call look
  r6 += r0
  r0 = r6
  exit
