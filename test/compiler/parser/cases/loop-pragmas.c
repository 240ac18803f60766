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
