/* Bit fields over nine bytes, over three, and at a record's end, where a natural unit would reach beyond it. */
struct nine {
  u8 x;
  u64 y : 60;
  u64 z : 63;
  i64 w : 5;
} __attribute__((packed));
struct three {
  u8 x;
  i32 y : 12;
} __attribute__((packed));
struct five {
  u8 x : 3;
  u64 y : 37;
} __attribute__((packed));
static struct nine g = { 1, 2, 3, -4 };
static struct three list[3] = { { 1, -2 }, { 3, 4 }, { 5, -6 } };
static u64 test_3(u64 a, u64 b)
{
  struct five f = { a, b };
  u64 h = g.y * 31 + g.z * 7 + g.w;
  g.y = a;
  g.z += b;
  g.w = h;
  list[a & 1].y += 100;
  list[2].y = b >> 3;
  f.y ^= a;
  h = h * 31 + g.x + g.y + g.z + g.w;
  for (int i = 0; i < 3; i++)
    h = h * 31 + list[i].x + list[i].y;
  return h * 31 + f.x + f.y;
}
PROGRAM(3)
