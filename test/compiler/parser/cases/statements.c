int f(int a)
{
  ;
  { int b; ; }
  if (a) return 1; else if (a == 2) return 2; else { return 3; }
  if (a) if (!a) ; else ;
  while (a) a--;
  do a++; while (a < 3);
  for (;;) break;
  for (int i = 0, j = 1; i < j; i++, j--) continue;
  for (a = 0; a; ) { }
  switch (a) { case 1: case 2: a = 1; default: { } case 3: int late; }
  label: a = 1;
  two: three: return a;
  goto label;
  _Static_assert(sizeof(int) == 4, "int");
  typedef int T; static const T x = 1; extern int y; struct s { int m; } s; enum { E } e;
  __attribute__((fallthrough));
  __attribute__((unused)) int z;
  [[maybe_unused]] int w; [[fallthrough]];
  [[clang::nomerge]] f(1);
  int g(int), (*h)(int);
  case_end: ;
  register int r; auto int t;
  end:
}
