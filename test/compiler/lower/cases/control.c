int logic(int a, int b, int c) { return (a && b) || !c; }
int loop(int n) { int s = 0; for (int i = 0; i < n; i++) { if (i == 3) continue; if (i == 7) break; s += i; } return s; }
int dowhile(int n) { do { n -= 2; } while (n > 0); return n; }
int choose(unsigned x) {
  switch (x) {
  case 1: return 10;
  case 5 ... 9: x++;
  case 2: return x;
  default: break;
  }
  return -1;
}
int jumps(int n) {
again:
  if (n > 10) { n -= 3; goto again; }
  return n;
}
static void done(int *p) { *p += 1; }
int counter;
static void count(int *p) { counter += *p; }
int cleanup(int n) {
  int a __attribute__((cleanup(count))) = 1;
  for (int i = 0; i < n; i++) {
    int b __attribute__((cleanup(count))) = 10;
    if (i == 2) break;
    if (i == 5) return 7;
  }
  return a;
}
int gnu(int a, int b) { return a ?: b; }
int block(int a) { return ({ int t = a * 2; t + 1; }); }
int expect(int a) { if (__builtin_expect(!!(a), 0)) return 1; return 2; }
