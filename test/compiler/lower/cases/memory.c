typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
struct bits { u32 a : 3; int b : 7; u64 c : 40; u8 d; };
struct __attribute__((packed)) packed { u8 a; u32 b; u64 c; };
union both { u32 word; u8 bytes[4]; };
struct key { u32 pid; u8 kind; u64 id; };
int get(struct bits *p) { return p->a + p->b + p->d; }
void put(struct bits *p, int v) { p->b = v; p->c = v; p->a += 2; }
u32 misaligned(struct packed *p) { return p->b; }
u8 pun(u32 x) { union both u; u.word = x; return u.bytes[1]; }
u64 partial(u32 pid) { struct key k = { .pid = pid, .id = 5 }; struct key copy = k; return copy.id + copy.pid + copy.kind; }
void text(char *out) { char t[8] = "abc"; __builtin_memcpy(out, t, sizeof(t)); }
int array(int i) { int a[4] = { 1, 2, [3] = 4 }; return a[i & 3]; }
long distance(struct key *a, struct key *b) { return a - b; }
u16 swap(u16 x) { return __builtin_bswap16(x); }
_Bool truth(int x) { _Bool b = x; b += 4; return b; }
volatile int device;
int twice(void) { return device + device; }
static const u8 table[4] = { 1, 2, 3, 4 };
u8 lookup(u32 i) { return table[i & 3] + table[2]; }
const char *name(int i) { return i ? "yes" : "no"; }
static int zero, one = 1;
int *places[2] = { &zero, &one + 0 };
struct { void *p; int n; char s[4]; } record = { "hello", 5, "ab" };
struct bits constant = { 5, -3, 0x1234567890, 9 };
int literal(void) { return ((struct key){ .pid = 3 }).pid + ((int[]){ 4, 5 })[1]; }
