// What of C's types goes into BTF: struct c is behind a member's pointer and needed by a parameter, struct far by nothing.
#define SEC(name) __attribute__((section(name), used))
struct far {
  int z;
};
struct c {
  int y;
  struct far *dp;
  struct later *unknown;
};
struct b {
  int x : 3;
  unsigned y : 5;
  struct c *cp;
  int (*call)(struct b *self, char letter);
};
typedef struct b b_t;
struct {
  int (*type)[1];
  b_t *key;
  unsigned int *value;
} m SEC(".maps");
enum e { A = -1, B = 5 };
enum big { C = 1ULL << 40 };
static int counter = 5;
int total;
static volatile const int limit = 4;
const char words[2][8] = {"a", "b"};
extern int CONFIG_HZ __attribute__((section(".kconfig"), weak));
extern int bpf_kfunc(struct c *x, int k) __attribute__((section(".ksyms")));
char _license[] SEC("license") = "GPL";
static __attribute__((noinline)) int sub(struct c *c, enum e e) { return c->y + e + counter++; }
__attribute__((noinline)) int global_sub(struct b *b, enum big q) { return b->x + q; }
SEC("xdp") int prog(int *__attribute__((btf_type_tag("user"))) *ctx) {
  struct c c = {};
  total += limit + CONFIG_HZ + words[**ctx & 1][0];
  return sub(&c, A) + global_sub((void *)ctx, C) + bpf_kfunc(&c, 1);
}
