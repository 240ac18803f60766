//// conversions and promotions
int f(unsigned char a, long b, unsigned c) { return a + b * c - (a << 2); }
//// compound assignment and increment
void f(unsigned char *p, int n) { *p += n; (*p)++; p += n; --p; n <<= 3; }
//// members, arrays, pointers
struct inner { int x[4]; };
struct s { int a; struct { long b; union { int c; char d; }; }; struct inner in; struct s *next; };
long f(struct s *p, int i) { return p->next->b + p->c + p->in.x[i] + (&p->in)->x[1] + *(&p->a + i); }
//// bit fields
struct s { unsigned a : 3; int b : 30; _Bool c : 1; };
int f(struct s *p) { p->a = 5; p->b += 1; p->c = 8; return p->a + p->b; }
//// conditions and logic
int f(int a, int *p) { if (p && !a) return a ? 1 : 2; return (a ?: 3) || p; }
//// loops
int f(int n) { int s = 0; for (int i = 0; i < n; i++) { if (i == 3) continue; if (i == 5) break; s += i; } while (n) n--; do s++; while (s < 10); return s; }
//// switch with ranges
int f(char c) { switch (c) { case 'a' ... 'z': return 1; case 0: default: break; } return 0; }
//// goto and labels, local ones too
int f(int n) { again: if (n-- > 0) goto again; { __label__ out; if (n) goto out; n = 1; out:; } return n; }
//// statement expression
#define max(a, b) ({ __typeof__(a) _a = (a); __typeof__(b) _b = (b); _a > _b ? _a : _b; })
long f(int a, long b) { return max(a, b); }
//// helper pointer
static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *) 1;
extern int map;
int f(void) { int key = 0; int *v = bpf_map_lookup_elem(&map, &key); return v ? *v : 0; }
//// initialisers
struct p { int x, y; };
struct s { int a; struct p p[2]; char name[4]; struct { int b; }; unsigned f : 4, g : 4; } v = {
  1, { { 2, 3 }, 4 }, "ab", { 7 }, 5, 6 };
struct s w = { .p[1].y = 1, .name = { 'x' }, .b = 2, .g = 3, .p[0] = { 9 } };
int a[] = { [2] = 1, 2, [0 ... 1] = 7 };
char text[] = "hi", *pointer = "hi" + 1;
int *address = &a[2];
long offset = (long) &((struct s *) 0)->name;
//// compound literals
struct p { int x, y; };
int g(struct p p);
int f(int a) { struct p *q = &(struct p) { a, 2 }; return g((struct p) { .y = a }) + q->x + (int []) { 1, 2 }[1]; }
//// BTF-defined map
struct { int (*type)[2]; int *key; long *value; int (*max_entries)[16]; } counts __attribute__((section(".maps"), used));
//// sections, weak, hidden, tags
extern int CONFIG_HZ __attribute__((section(".kconfig"), weak));
extern int kfunc(int) __attribute__((section(".ksyms"), btf_decl_tag("kfunc")));
static volatile const int limit = 3;
struct task { struct task __attribute__((btf_type_tag("rcu"))) *parent; };
__attribute__((section("xdp"))) int prog(void *ctx) { static int calls; calls++; return kfunc(limit) + CONFIG_HZ; }
static __attribute__((noinline, visibility("hidden"))) int sub(int a __attribute__((btf_decl_tag("arg")))) { return a; }
int use(void) { return sub(1); }
//// builtins
int f(void *p, const void *q, int n, unsigned long u) {
  __builtin_memcpy(p, q, 8);
  if (__builtin_expect(n == 0, 0)) __builtin_unreachable();
  return __builtin_bswap32(n) + __builtin_constant_p(n) + __builtin_strlen("abc") + __builtin_clzll(u);
}
//// atomics
long f(long *p, int *q, long old) {
  __sync_fetch_and_add(p, 1);
  __atomic_store_n(q, 3, 3);
  if (__atomic_compare_exchange_n(p, &old, 4, 0, 5, 0)) return __sync_val_compare_and_swap(q, 1, 2);
  return __atomic_add_fetch(p, 2, 0) + __sync_lock_test_and_set(q, 0);
}
//// CO-RE
struct s { int a; struct { int b : 3; }; } __attribute__((preserve_access_index));
enum e { A, B = 5 };
typedef struct s s_t;
long f(struct s *p) {
  return __builtin_preserve_field_info(p->b, 1) + __builtin_preserve_field_info(((struct s *) 0)->a, 2) + __builtin_preserve_type_info(*(s_t *) 0, 0) +
         __builtin_btf_type_id(*(struct s *) 0, 1) + __builtin_preserve_enum_value(*(enum e *) B, 1) + *__builtin_preserve_access_index(&p->a);
}
//// cleanup
void done(int *p);
int f(void) { int a __attribute__((cleanup(done))) = 1; return a; }
//// inline assembly
int f(int a, int *m) {
  int r;
  asm volatile("%[r] = %[a]; %[r] += %2" : [r] "=r"(r) : [a] "ri"(a), "i"(4) : "r1", "memory");
  asm volatile("" : "+r"(a), "=m"(*m));
  asm goto("if %0 > 3 goto %l[out]" : : "r"(a) : : out);
  return r;
out:
  return 0;
}
//// records by value
struct p { int x; long y; };
struct p make(int x);
long f(struct p a) { struct p b = a, c; c = b; return make(1).y + c.x + (b.x ? a : c).y; }
//// address spaces
typedef int __attribute__((address_space(1))) arena_int;
arena_int glob;
int f(arena_int *p, void __attribute__((address_space(1))) *v) { arena_int *q = v; int *k = (int *) q; return *p + *q + *k + glob + *&glob; }
//// generic and choose
int f(long a) { return _Generic(a, int: 1, long: a, default: 3) + __builtin_choose_expr(sizeof(a) == 8, a, missing); }
//// redeclarations
extern int x[];
int x[3];
int f(int *);
int f(int a[5]) { extern int y; return a[0] + y + x[1]; }
int y = 2;
//// pragma weak, before and behind the declaration
#pragma weak early
int early(void);
int late;
static int own;
#pragma weak late
#pragma weak own
int f(void) { return early() + late + own; }
//// sizes that are known when the program runs
int f(int k, long n) { return sizeof(char[1 - 2 * !!(k > 3)]) + sizeof(int[3][n]) + sizeof(int (*)[k]) + sizeof(short[k++][n]); }
//// integers compared with floating constants
int f(unsigned a, int b, unsigned long c, signed char d) {
  if (a >= 100 * 0.7) return 1;
  if (0.5 > b || b == 2.0 || b <= -1.5f) return 2;
  if (c < 1e9 || c != 1e15) return 3;
  return (b++ == 0.25) + (d > 1e10) + (a > -1.0);
}
