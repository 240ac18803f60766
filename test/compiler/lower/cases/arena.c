#define __arena __attribute__((address_space(1)))
int __arena shared = 5;
int read(int __arena *p, int i) { return *p + p[2] + p[i]; }
void write(int __arena *p) { *p = shared; __sync_fetch_and_add(p, 1); }
int __arena *address(int __arena *p) { return &p[3]; }
void *kernel(int __arena *p) { return (void *)p; }
int __arena *none(void) { return (int __arena *)0; }
