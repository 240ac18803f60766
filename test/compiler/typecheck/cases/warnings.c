//// unused variable
int f(void) { int a; return 0; }
//// set but not used
int f(void) { int a; a = 1; return 0; }
//// set where the value is used
int f(int b) { int a; if ((a = b) != 0) return 1; return 0; }
//// set in both sides of a comma: the last is not warned about
int f(int b) { int a, c; a = b, c = b; return 0; }
//// unused parameter
int f(int a) { return 0; }
//// unused attribute keeps quiet
int f(int a __attribute__((unused))) { int b __attribute__((unused)); return 0; }
//// unused label
int f(void) { l: return 0; }
//// unused static function
static int g(void) { return 0; }
//// unused value
int f(int a) { a + 1; a == 2; return a; }
//// sign compare
int f(int a, unsigned b) { return a < b; }
//// sign compare of a constant
int f(unsigned a) { return a < 10; }
//// sign compare of a widened unsigned char
int f(unsigned char a, unsigned b) { return a < b; }
//// sign compare with equality
int f(int a, unsigned b) { return a == b; }
//// enum compare
enum a { A }; enum b { B };
int f(enum a x, enum b y) { return x == y; }
//// pointer sign
int g(int *p);
int f(unsigned *p) { return g(p); }
//// cast to a smaller integer
int f(int *p) { return (int) p; }
//// cast from a smaller integer
int *f(int a) { return (int *) a; }
//// tentative array
int a[];
//// shift by a negative count
int f(int a) { return a >> -1; }
//// overflow in a constant
int a = 2147483647 + 1;
//// extern with an initialiser
extern int a = 1;
//// empty declaration
int;
//// multi-character constant
int a = 'ab';
//// unknown escape
char *a = "\q";
//// folded array size
const int n = 3;
int a[n];
//// empty case range
int f(int a) { switch (a) { case 5 ... 1: return 1; } return 0; }
//// uninitialised use
int f(void) { int a; return a; }
//// sometimes uninitialised use
int f(int c) { int a; if (c) a = 1; return a; }
//// initialised on every path
int f(int c) { int a; if (c) a = 1; else a = 2; return a; }
//// assignment as a condition
int f(int a, int b) { if (a = b) return 1; return 0; }
//// self assignment
int f(int a) { a = a; return a; }
//// missing field initialisers
struct s { int a, b; } x = { 1 };
//// nothing about code that is never reached
unsigned long f(unsigned long a, unsigned b) { if (sizeof(b) == 8) b = b << 40; return sizeof(a) == 8 ? a << 40 : b << 40; }
//// sign compare of a bit field
struct s { unsigned ihl : 4; };
int f(struct s *p) { return p->ihl * 4 < sizeof(*p); }
//// sign compare for equality with few bits
int f(unsigned long long a, int pid) { return (a >> 32) != pid; }
//// pointer order against void
int f(int *p, void *end) { return p + 1 > end; }
//// a placeholder is not unused
int f(int _) { return 0; }
//// formats of the helpers that print
static long (*const bpf_trace_printk)(const char *fmt, unsigned size, ...) = (void *)6;
static long (*const bpf_snprintf)(char *str, unsigned size, const char *fmt, unsigned long long *data, unsigned len) = (void *)165;
#define PRINT(text, args...) ({ static const char fmt[] = text; bpf_trace_printk(fmt, sizeof(fmt), ##args); })
int f(int a, long b, char *s)
{
  PRINT("plain 100%%\n");
  PRINT("%d %ld %s %pI4 %-5llx", a, b, s, &a, b);
  PRINT("%d of %d", a);
  PRINT("%d", a, b);
  PRINT("%hd", a);
  PRINT("%s", b);
  bpf_trace_printk("%d %d", 6, a);
  char out[8];
  unsigned long long data[2] = { 1, 2 };
  bpf_snprintf(out, 8, "%d %d", data, sizeof(data));
  bpf_snprintf(out, 8, "%d %d %d", data, sizeof(data));
  bpf_snprintf(out, 8, "%d", data, sizeof(data));
  return 0;
}
//// formats of functions with the attribute
extern int say(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
extern int say_all(const char *fmt, void *list) __attribute__((__format__(__printf__, 1, 0)));
int f(int a, long b, char *s, short c)
{
  say(1, "%d %x %ld %zu %s %p %c %hd %*d %f%%", a, a, b, b, s, s, c, c, a, a);
  say(1, "%d", b);
  say(1, "%ld %p", a, a);
  say(1, "%d %s", s, a);
  say(1, "%d %d", a);
  say(1, "%d", a, b);
  say(1, "%y", a);
  say_all("%d %y", s);
  say_all("%d %d", s);
  return say(1, s, a);
}
//// what a macro's body computes and nobody takes
#define SIZE (sizeof(int))
#define SAME(x) x
#define THREE(x) ((x) == 3)
void f(int a) { SIZE; THREE(a); SAME(a); SAME(a == 3); }
//// constants that are objects
static const int a = 3;
struct s { int f : a; };
enum e { E = a + 1 };
_Static_assert(a == 3, "");
int table[8] = { [a] = 1 };
int f(int x) {
  const int local = 5;
  static const int kept = 6;
  switch (x) { case a: case a + 7: case local: case kept: return E; }
  return 0;
}
//// switches over an enum
enum e { A, B, C = 5, D, E = 6, F = 9, G };
int f1(enum e x) { switch (x) { case A: return 1; case B: return 2; } return 0; }
int f2(enum e x) { switch (x) { case A: return 1; case B ... D: return 2; } return 0; }
int f3(enum e x) { switch (x) { case A: return 1; case C ... D: return 2; } return 0; }
int f4(const enum e *x) { switch (*x) { case A ... F: return 2; } return 0; }
int f5(enum e x) { switch (x) { case A ... G: return 2; case 77: return 1; } }
int f6(enum e x) { switch (x) { case A: default: return 1; } }
int f7(enum e x) { switch ((int)x) { case A: return 1; } return 0; }
int f8(enum e x) { switch (x) { case A: case B: case C: case D: case F: case G: if (x) break; return 1; } }
int f9(int x) { switch ((enum e)x) { case A ... G: return 2; case 100 ... 200: return 9; } }
int f10(int x) { switch (x) { case 1: return 2; } }
enum one { ONLY };
int f11(enum one x) { switch (x) { case ONLY: return 1; } }
//// constant counts that C calls variable
static const int N = 4;
int file[N];
struct s { int m[N]; };
void proto(int a[][N]);
int f(void) {
  const int n = 8;
  char local[n];
  static char kept[n];
  struct t { char c[n]; } t;
  extern char other[n];
  return local[0] + kept[0] + t.c[0] + other[0] + sizeof(char[n]);
}
