typedef unsigned long u64;
u64 one(u64 x) { u64 y; asm volatile("%[y] = %[x]; %[y] += %[n]" : [y] "=r"(y) : [x] "r"(x), [n] "i"(5) : "r1", "memory"); return y; }
u64 tied(u64 x) { asm("%0 <<= 3" : "+r"(x)); return x; }
u64 two(u64 x) { u64 a, b; asm("%0 = %2; %1 = %0" : "=&r"(a), "=r"(b) : "r"(x)); return a + b; }
void barrier(u64 *p) { *p = 1; asm volatile("" ::: "memory"); *p = 2; }
void memory(u64 *p) { asm volatile("r1 = 7; *(u64 *)%0 = r1" : "=m"(*p) : : "r1"); }
int jump(int x) { asm goto("if %0 > 5 goto %l[big]" : : "r"(x) : : big); return 1; big: return 2; }
int locals(int x) { return ({ __label__ yes; _Bool r = 1; asm goto("if %[x] > 5 goto %l[yes]" : : [x] "r"((short)x) : : yes); r = 0; yes: r; }); }
__attribute__((naked)) int whole(void *ctx) { asm volatile("r0 = 0; exit" ::: "r0"); }
