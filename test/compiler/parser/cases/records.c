struct forward;
union forward_union;
struct s { int a; char *b, c[4]; };
struct { int x; } unnamed;
struct t { struct { int a; union { int b; long c; }; }; struct s s; struct u { int d; } *u; } t;
struct bits { unsigned a : 3, : 0, b : 1 + 2; int : 4; _Bool c : 1; };
struct flex { int n; char data[]; };
struct empty {};
struct __attribute__((packed)) p1 { int a; } __attribute__((aligned(8)));
struct p2 { int a __attribute__((packed)), b __attribute__((aligned(16))); __attribute__((unused)) int c; } __attribute__((packed, aligned(4))) p2;
struct with_assert { int a; _Static_assert(1, "yes"); __extension__ long b; ; };
#pragma pack(push, 1)
struct packed1 { char a; int b; };
#pragma pack(2)
struct packed2 { char a; int b; };
#pragma pack(pop)
struct not_packed { char a; int b; };
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct core { int a; struct { int b; }; };
#pragma clang attribute pop
struct not_core { int a; };
enum e1;
enum e2 { A, B = 2, C = B + 1, };
enum __attribute__((packed)) e3 { D __attribute__((deprecated)) = 1, E [[maybe_unused]] } e3;
enum e4 : unsigned char { F };
struct uses { enum e2 e : 3; enum e2 f; };
