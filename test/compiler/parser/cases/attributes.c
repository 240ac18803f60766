#define SEC(name) __attribute__((section(name), used))
#define __always_inline inline __attribute__((always_inline))
char license[] SEC("license") = "GPL";
SEC("xdp") int prog(struct xdp_md *ctx) { return 2; }
static __always_inline int f(void) { return 1; }
__attribute__((__noinline__)) static int g(void);
int h(int a __attribute__((unused)), __attribute__((unused)) int b) __attribute__((pure));
void __attribute__((noreturn)) die(void), live(void);
typedef int aligned_int __attribute__((aligned(8)));
typedef int byte; typedef int small __attribute__((mode(byte)));
int v __attribute__((cleanup(f), btf_decl_tag("tag"), aligned)), w __attribute__((,unused,));
[[gnu::section("x")]] int x; [[clang::btf_decl_tag("y")]] int y; [[vendor::z(1, 2)]] int z;
int m [[maybe_unused]];
int printf_like(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int (*p)(int) __attribute__((unused));
struct __attribute__((a)) tag { int c __attribute__((d)) : 3; } __attribute__((e)) var __attribute__((f));
int n __attribute__((const, __packed__, vec_type_hint(unsigned int)));
