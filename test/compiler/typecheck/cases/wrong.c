//// undeclared identifier
int f(void) { return value; }
//// undeclared identifier with a near name
int f(int counter) { return coutner; }
//// redefinition of a local
int f(void) { int a = 1; long a = 2; return a; }
//// redefinition of a parameter
int f(int a, int a) { return a; }
//// redefinition of a function
int f(void) { return 0; }
int f(void) { return 1; }
//// redefinition of an object
int a = 1;
int a = 2;
//// conflicting function types
int f(int a);
long f(int a) { return a; }
//// conflicting object types
extern int a;
extern long a;
//// different kind of symbol
int a;
typedef int a;
//// typedef redefinition
typedef int T;
typedef long T;
//// tag of another kind
struct s { int a; };
union s { int b; };
//// redefinition of a struct
struct s { int a; };
struct s { int b; };
//// redefinition of an enumerator
enum a { ONE };
enum b { ONE };
//// duplicate member
struct s { int a; int b; char a; };
//// duplicate member through an anonymous struct
struct s { int a; struct { int a; }; };
//// static follows non-static
int f(void);
static int f(void) { return 0; }
//// non-static follows static
static int a;
int a;
//// unknown type name
struct s { u32 a; };
//// struct keyword forgotten
struct task { int pid; };
int f(task *t) { return 0; }
//// incomplete member
struct s { struct t a; };
//// incomplete local
struct t;
int f(void) { struct t a; return 0; }
//// incomplete dereference
struct t;
int f(struct t *p) { return p->a; }
//// sizeof incomplete
struct t;
int f(void) { return sizeof(struct t); }
//// incomplete array element
struct t;
struct t a[3];
//// void variable
void a;
//// void parameter among others
int f(int a, void) { return a; }
//// combined type words
long char a;
//// missing type
static a = 1;
//// array of functions
int a[3](void);
//// function returning an array
int f(void)[3];
//// negative array size
int a[-1];
//// array size not constant at file scope
int n;
int a[n];
//// array size of a struct
struct s { int a; } x;
int a[x];
//// bit field too wide
struct s { int a : 33; };
//// bit field of zero width with a name
struct s { int a : 0; };
//// bit field with negative width
struct s { int a : -1; };
//// bit field of pointer type
struct s { int *a : 3; };
//// address of a bit field
struct s { int a : 3; };
int *f(struct s *p) { return &p->a; }
//// sizeof a bit field
struct s { int a : 3; };
int f(struct s *p) { return sizeof(p->a); }
//// flexible member in the middle
struct s { int a[]; int b; };
//// alignment no power of two
int a __attribute__((aligned(3)));
//// unknown attribute
int a __attribute__((no_such_thing));
//// section wants a string
int a __attribute__((section(1)));
//// assignment to an rvalue
int f(int a) { a + 1 = 2; return a; }
//// assignment to an array
int f(void) { int a[3], b[3]; a = b; return 0; }
//// assignment to const
int f(void) { const int a = 1; a = 2; return a; }
//// assignment through pointer to const
int f(const int *p) { *p = 1; return 0; }
//// increment of const
const int a = 1;
int f(void) { a++; return a; }
//// increment of a struct
struct s { int a; };
int f(struct s x) { x++; return 0; }
//// struct plus int
struct s { int a; };
int f(struct s x) { return x + 1; }
//// pointer plus pointer
int f(int *a, int *b) { return a + b; }
//// pointer times int
int f(int *a) { return a * 2; }
//// pointers to different things subtracted
long f(int *a, char *b) { return a - b; }
//// not of a struct
struct s { int a; };
int f(struct s x) { return !x; }
//// complement of a pointer
int f(int *p) { return ~p; }
//// no such member
struct s { int pid; };
int f(struct s *p) { return p->tgid; }
//// no such member, near name
struct s { int tgid; };
int f(struct s *p) { return p->tgidd; }
//// dot on a pointer
struct s { int a; };
int f(struct s *p) { return p.a; }
//// arrow on a struct
struct s { int a; };
int f(struct s x) { return x->a; }
//// member of an int
int f(int a) { return a.b; }
//// subscript of an int
int f(int a) { return a[1]; }
//// subscript by a pointer
int f(int *a, int *b) { return a[b]; }
//// call of an int
int f(int a) { return a(1); }
//// too few arguments
int g(int a, int b);
int f(void) { return g(1); }
//// too many arguments
int g(int a);
int f(void) { return g(1, 2); }
//// undeclared function
int f(void) { return bpf_get_current_pid(); }
//// undeclared function, near name
int lookup_value(int key);
int f(void) { return lookup_valeu(1); }
//// struct argument for int
struct s { int a; };
int g(int a);
int f(struct s x) { return g(x); }
//// int for pointer
int g(int *p);
int f(int a) { return g(a); }
//// pointer for int
int f(int *p) { int a = p; return a; }
//// incompatible pointers
int g(int *p);
int f(long *p) { return g(p); }
//// discards const
int g(char *p);
int f(const char *p) { return g(p); }
//// assigned struct of another type
struct s { int a; };
struct t { int a; };
int f(struct s x, struct t y) { x = y; return 0; }
//// returned struct for int
struct s { int a; };
int f(struct s x) { return x; }
//// dereference of an int
int f(int a) { return *a; }
//// dereference of a void pointer
int f(void *p) { return *p; }
//// address of an rvalue
int *f(int a) { return &(a + 1); }
//// cast to a struct
struct s { int a; };
int f(int a) { return ((struct s) a).a; }
//// cast of a struct
struct s { int a; };
int f(struct s x) { return (int) x; }
//// if over a struct
struct s { int a; };
int f(struct s x) { if (x) return 1; return 0; }
//// switch over a pointer
int f(int *p) { switch (p) { case 0: return 1; } return 0; }
//// incompatible arms
struct s { int a; };
int f(int c, struct s x) { return (c ? x : 1); }
//// pointer arms of different types
int f(int c, int *a, long *b) { return *(int *) (c ? a : b); }
//// distinct pointers compared
int f(int *a, long *b) { return a == b; }
//// pointer compared with an int
int f(int *a, int b) { return a == b; }
//// generic without a match
int f(int *p) { return _Generic(p, int: 1, long: 2); }
//// generic with two matches
int f(int a) { return _Generic(a, int: 1, signed: 2); }
//// void value used
void g(void);
int f(void) { int a = g(); return a; }
//// not a constant in an enum
int n;
enum e { A = n };
//// not a constant in a case
int f(int a, int b) { switch (a) { case b: return 1; } return 0; }
//// duplicate case
int f(int a) { switch (a) { case 1: return 1; case 2: return 2; case 1: return 3; } return 0; }
//// overlapping case ranges
int f(int a) { switch (a) { case 1 ... 5: return 1; case 4 ... 8: return 2; } return 0; }
//// two defaults
int f(int a) { switch (a) { default: return 1; default: return 2; } return 0; }
//// case outside of a switch
int f(int a) { case 1: return a; }
//// break outside of a loop
int f(int a) { break; return a; }
//// continue outside of a loop
int f(int a) { switch (a) { case 1: continue; } return a; }
//// undeclared label
int f(int a) { goto out; return a; }
//// label defined twice
int f(int a) { l: a++; if (a < 3) goto l; l: return a; }
//// return with a value from void
void f(void) { return 1; }
//// return without a value
int f(void) { return; }
//// static assertion
_Static_assert(sizeof(int) == 8, "int is too small");
//// static assertion not constant
int n;
_Static_assert(n == 1, "n");
//// excess elements in an array
int a[2] = { 1, 2, 3 };
//// excess elements in a struct
struct s { int a; } x = { 1, 2 };
//// no such designator
struct s { int a; } x = { .b = 1 };
//// array designator beyond the end
int a[2] = { [2] = 1 };
//// array designator in a struct
struct s { int a; } x = { [0] = 1 };
//// static initialiser not constant
int g(void);
int a = g();
//// string too long
char a[2] = "abc";
//// array from a pointer
int f(int *p) { int a[3] = p; return a[0]; }
//// array without a size
int f(void) { int a[]; return 0; }
//// octal digit
int a = 089;
//// number suffix
int a = 12abc;
//// number too large
unsigned long long a = 99999999999999999999;
//// empty character
int a = '';
//// unknown builtin
int f(void) { return __builtin_no_such(1); }
//// builtin with too few arguments
int f(void) { return __builtin_bswap32(); }
//// atomic on an int
int f(int a) { return __sync_fetch_and_add(a, 1); }
//// preserve_field_info on no field
int f(int a) { return __builtin_preserve_field_info(a, 0); }
//// asm output not an lvalue
int f(int a) { asm volatile("" : "=r"(a + 1)); return a; }
//// division by zero
int f(int a) { return a / 0; }
//// shift too far
int f(int a) { return a << 32; }
//// constant changed
unsigned char a = 300;
//// missing return
int f(int a) { if (a) return 1; }
//// function defined in a function
int f(void) { int g(void) { return 1; } return g(); }
//// cleanup is no function
int n;
int f(void) { int a __attribute__((cleanup(n))) = 0; return a; }
//// address spaces mixed
int f(int __attribute__((address_space(1))) *p) { int *q = p; return *q; }
//// several mistakes in one file
struct s { int a; };
int f(struct s *p) { return p->b + missing; }
int g(int a) { a.x = 1; return *a; }
int h(void) { return g(1, 2, 3); }
//// a case of what is no constant
const volatile int a = 2;
extern const int b;
int f(int x) {
  const int c = x;
  switch (x) { case a: case b: case c: return 1; }
  return 0;
}

int old_style(a, p) char a; int *p; { return p->x + a.y; }
