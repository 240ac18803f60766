/* A range from high to low, as converted to the switch's type, matches nothing; its code is still reached from above. */
static u64 test_1(u64 a, u64 b)
{
  u64 h = 0;
  switch (a & 3) {
  case -1 ... 0:
    h = 1;
  }
  switch ((i32)b) {
  case 1:
    h += 8;
  case 9 ... 5:
    h += 2;
    break;
  case 7:
    h += 4;
  }
  return h;
}
PROGRAM(1)
