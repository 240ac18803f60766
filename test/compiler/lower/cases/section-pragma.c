#pragma clang section bss="mybss" data="mydata" rodata="myro" text="mytext"
int zero;
int one = 1;
const int two = 2;
static const int *volatile place = &two;
__attribute__((section("ownsec"))) int own = 4;
extern int elsewhere;
int f(int x) {
  static int kept;
  static const int table[4] = { 1, 2, 3, 4 };
  return kept++ + table[x & 3] + elsewhere + *place;
}
__attribute__((section("xdp"))) int g(void *c) { return 2; }
int h(void);
#pragma clang section bss="" data="" text=""
int zero2;
int one2 = 1;
const int two2 = 2;
int h(void) { return 1; }
