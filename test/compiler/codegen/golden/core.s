; CO-RE: an offset of its own goes into the access or the addition that a loader patches, anything else is an immediate to patch.
--- v3
  r6 = *(u32 *)(r1 + 0x10) ; core 0 0:5
  r1 += 0x18 ; core 0 0:7
  call 0x71
  r2 = 0x1 ; core 2 0:9
  r1 = 0x3 ll ; core 7 0
  w2 = w2
  r6 += r2
  r6 += r1
  r0 = r6
  exit
