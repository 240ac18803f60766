typedef unsigned int u32;
typedef unsigned char u8;
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct inner { int a; union { int b; long c; }; u32 flags : 3; u32 mode : 5; };
struct outer { u8 pad; struct inner in; struct inner list[4]; struct outer *next; };
typedef struct { int x; } anon_t;
#pragma clang attribute pop
struct plain { int p; struct inner in; };

int chain(struct outer *o) { return o->next->in.b + o->list[2].a; }
int variable(struct outer *o, u32 i) { return o->list[i & 3].a; }
int bits(struct outer *o) { return o->in.mode; }
void store(struct outer *o) { o->in.a = 3; }
int *address(struct outer *o) { return &o->in.b; }
int named(anon_t *t) { return t->x; }
int indexed(struct inner *p) { return p[2].a; }
int ordinary(struct plain *p) { return p->p; }
int *inside(struct plain *p) { return __builtin_preserve_access_index(&p->in.a); }
u32 exists(struct outer *o) { return __builtin_preserve_field_info(o->in.flags, 2); }
u32 shift(struct outer *o) { return __builtin_preserve_field_info(o->in.mode, 4); }
