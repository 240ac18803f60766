#define UNROLL _Pragma("unroll")
#define N 16
int f(int a)
{
#pragma unroll
  for (int i = 0; i < 4; i++) a++;
#pragma unroll 8
  while (a) a--;
#pragma unroll(4)
  do a--; while (a);
#pragma nounroll
  for (;;) ;
#pragma clang loop unroll(full)
  for (;;) ;
#pragma clang loop unroll(disable)
  for (;;) ;
#pragma clang loop unroll_count(N)
  for (;;) ;
#pragma clang loop vectorize(enable) unroll(enable)
  for (;;) ;
  UNROLL for (;;) ;
  if (a)
#pragma unroll 1
    for (;;) ;
#pragma GCC diagnostic push
  return a;
}
#define BYTES 24
#define STEP(a, b) (((a) / (b)) << 1)
int sums(int n) {
#pragma unroll(((BYTES)/(16)))
  for (int i = 0; i < 8; i++) n++;
#pragma unroll STEP(0x20, 010) - 2
  for (int i = 0; i < 8; i++) n++;
#pragma clang loop unroll_count(2 * (3 + ~-2))
  for (int i = 0; i < 8; i++) n++;
  return n;
}
