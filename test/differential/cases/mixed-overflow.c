/* Operands and result of different signs and widths at 64 bits: the exact result needs 65 bits, or 128. */
static u64 test_2(u64 a, u64 b)
{
  u64 h = 0;
  u64 u;
  i64 s;
  u32 w;
  i8 c;
  h = h * 31 + __builtin_add_overflow(a, (i64)b, &u);
  h = h * 31 + u;
  h = h * 31 + __builtin_sub_overflow(a, (i64)b, &s);
  h = h * 31 + s;
  h = h * 31 + __builtin_sub_overflow((i32)a, b, &w);
  h = h * 31 + w;
  h = h * 31 + __builtin_add_overflow((i64)a, (i64)b, &c);
  h = h * 31 + c;
  h = h * 31 + __builtin_mul_overflow((i64)a, b, &s);
  h = h * 31 + s;
  h = h * 31 + __builtin_mul_overflow((i64)a, (i64)b, &s);
  h = h * 31 + s;
  h = h * 31 + __builtin_mul_overflow((i64)0x8000000000000000ull, (i64)a, &s);
  h = h * 31 + __builtin_mul_overflow(a, (i8)b, &u);
  h = h * 31 + __builtin_mul_overflow((u32)a, (u32)b, &s);
  h = h * 31 + __builtin_mul_overflow((i32)a, (u32)b, &u);
  h = h * 31 + u;
  h = h * 31 + __builtin_sub_overflow((u32)a, (u32)b, &u);
  h = h * 31 + u;
  return h;
}
PROGRAM(2)
