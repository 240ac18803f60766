typedef unsigned long u64;
typedef unsigned int u32;
typedef unsigned char u8;
struct small { u32 a; };
struct pair { u64 a, b; };
struct large { u64 words[3]; };
static long (*const bpf_fixed)(void *p, u32 n) = (void *)7;
static long (*bpf_old)(void) = (void *)8;
extern int kfunc(struct pair *p, u8 flag) __attribute__((section(".ksyms")));
extern void stop(void) __attribute__((noreturn));

static __attribute__((noinline)) u64 by_value(struct small s, struct pair p, struct large l) { return s.a + p.b + l.words[2]; }
static struct pair swap(struct pair p) { struct pair q = { p.b, p.a }; return q; }
u64 use(void) {
  struct small s = { 1 };
  struct pair p = { 2, 3 };
  struct large l = { { 4, 5, 6 } };
  return by_value(s, swap(p), l);
}
long helpers(void *p) { return bpf_fixed(p, 16) + bpf_old() + ((long (*)(void))9)(); }
int kernel(void) { struct pair p = {}; return kfunc(&p, 300); }
int never(int x) { if (x) stop(); return 1; }
u8 narrow(u8 x) { return x + 1; }
int callers(u8 x) { return narrow(x) + narrow(255); }

static __attribute__((noinline)) int unread(int a, ...) { return a * a; }
int passes_more(int x) { return unread(x, kernel(), 2, 3, 4, 5); }

inline int inline_only(int x) { return x * 3; }
extern inline int inline_and_external(int x) { return x * 5; }
extern inline __attribute__((gnu_inline)) int inline_for_gnu(int x) { return x * 7; }
extern inline __attribute__((gnu_inline)) double floating(const char *x) { return *x + 1.0; }
int uses_inline(int x) { return inline_only(x) + inline_and_external(x) + inline_for_gnu(x); }
