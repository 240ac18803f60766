//// floating point arithmetic
int f(int a) { return a * 1.5; }
//// a double variable
int f(int a) { double d = a; return d; }
//// a float parameter
int f(float a) { return a > 2; }
//// constant floating point folds
unsigned long f(void) { return 10E9 + (int) (1.5 * 4); }
//// variable length array
int f(int n) { char a[n]; return sizeof(a); }
//// label address
int f(void) { void *p = &&l; goto *p; l: return 0; }
//// direct recursion
int f(int a) { return a ? a * f(a - 1) : 0; }
//// recursion that is a loop
unsigned f(unsigned h, const char *p, int a) { return a > 1 ? f(h ^ *p, p + 1, a - 1) : (a, h); }
//// the result is cut to size after the call
char f(int a) { return a ? f(a - 1) : 0; }
//// mutual recursion
int g(int a);
int f(int a) { return g(a - 1); }
int g(int a) { return a ? f(a) : 0; }
//// endless loop
int f(void) { while (1) { } return 0; }
//// endless for
int f(int a) { for (;;) a++; }
//// endless do
int f(int a) { do { a++; } while (1); return a; }
//// a loop with a way out
int f(int a) { while (1) { if (a++ > 10) break; } for (;;) { if (a-- < 3) return a; } }
//// a loop left by goto
int f(int a) { for (;;) { if (a++ > 3) goto out; } out: return a; }
//// break of a switch does not leave the loop
int f(int a) { while (1) { switch (a) { case 1: break; } } return a; }
//// variadic function
int f(int a, ...) { return a; }
//// static variadic function that does not read them
static int f(int a, ...) { return a; }
int g(int a) { return f(a, a, "%d"); }
//// va_arg
int f(__builtin_va_list l) { return __builtin_va_arg(l, int); }
//// thread local
_Thread_local int a;
//// alloca
int f(int a) { char *p = __builtin_alloca(a); return *p; }
//// return address
void *f(void) { return __builtin_return_address(0); }
//// complex
_Complex float a;
//// library function without a header
int f(char *p) { memset(p, 0, 4); return 0; }
//// floating point in functions that nobody uses
static double unused(int a) { return a * 2.0; }
extern inline __attribute__((gnu_inline)) double from_header(const char *s) { return *s / 3.0; }
inline float also(float a) { return a + 1; }
//// floating point in a static function that is used
static int scaled(int a) { return a * 2.0; }
int f(int a) { return scaled(a); }
//// comparisons that floating point would round
int f(unsigned long c, int x, float y) { return (c < 1e19) + (x < 16777217.0f) + (x < y); }
