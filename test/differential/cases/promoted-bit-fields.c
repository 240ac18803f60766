/* A bit field narrower than int is promoted to int, also behind a comma, after an assignment and after a step before it; not after one behind it. */
struct promoted {
  u32 f : 11;
  u32 w : 32;
};
static u64 test_4(u64 a, u64 b)
{
  struct promoted p = { a, b };
  u64 h = ((0, p.f) < -1) + 2 * ((p.f = a) < -1) + 4 * ((p.f += b) < -1) + 8 * (++p.f < -1) + 16 * (p.f++ < -1);
  h = h * 64 + ((a ? p.f : p.f) < -1) + 2 * (({ p.f; }) < -1) + 4 * ((0, p.f = b) < -1) + 8 * ((0, p.w) < -1);
  h = h * 64 + _Generic((0, p.f), int: 1, unsigned: 2) + 4 * _Generic(+(0, p.f), int: 1, unsigned: 2);
  return h * 64 + ((0, p.f) << 21 >> 21 < 0);
}
PROGRAM(4)
