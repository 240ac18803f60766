/** Types of expressions, as clang gives them (each line was put to clang as a `__builtin_types_compatible_p` assertion). */
import { describe, expect, it } from 'vitest'
import { check } from './harness.js'

const prelude = `
struct s { unsigned a : 3; int b : 5; unsigned c : 32; unsigned long d : 20; unsigned long e : 40; _Bool f : 1; unsigned char g; };
enum small { S0, S1 }; enum negative { N0 = -1 }; enum big { B0 = 0x100000000 };
extern struct s s; extern const struct s cs; extern struct s *p;
extern _Bool b; extern char c; extern signed char sc; extern unsigned char uc; extern short h; extern unsigned short uh;
extern int i; extern unsigned u; extern long l; extern unsigned long ul; extern long long ll; extern unsigned long long ull;
extern __int128 q; extern int a[3]; extern const int ca[3]; extern int *ip; extern const char *cp; extern void *vp;
extern enum small es; extern enum negative en; extern enum big eb;
int fn(int); extern volatile int v; extern const int k;
`

/** Expression and the type it has; the type is compared without its qualifiers at the top. */
const table: readonly (readonly [string, string])[] = [
  ['1', 'int'],
  ['1u', 'unsigned int'],
  ['1l', 'long'],
  ['1ll', 'long long'],
  ['1ull', 'unsigned long long'],
  ['2147483648', 'long'],
  ['0x80000000', 'unsigned int'],
  ['0x7fffffff', 'int'],
  ['0xffffffffffffffff', 'unsigned long'],
  ['9223372036854775807', 'long'],
  ["'a'", 'int'],
  ['"abc"', 'char [4]'],
  ['L"abc"', 'int [4]'],
  ['sizeof 1', 'unsigned long'],
  ['c + c', 'int'],
  ['uc + uc', 'int'],
  ['h << l', 'int'],
  ['l << h', 'long'],
  ['i + u', 'unsigned int'],
  ['u + l', 'long'],
  ['l + ul', 'unsigned long'],
  ['ul + ll', 'unsigned long long'],
  ['ull + l', 'unsigned long long'],
  ['q + ull', '__int128'],
  ['b + b', 'int'],
  ['~uc', 'int'],
  ['-u', 'unsigned int'],
  ['!l', 'int'],
  ['l < u', 'int'],
  ['l && u', 'int'],
  ['s.a + 0', 'int'],
  ['s.b + 0', 'int'],
  ['+s.c', 'unsigned int'],
  ['+s.d', 'int'],
  ['+s.e', 'unsigned long'],
  ['+s.f', 'int'],
  ['es + 0', 'unsigned int'],
  ['en + 0', 'int'],
  ['eb + 0', 'unsigned long'],
  ['S1', 'int'],
  ['B0', 'unsigned long'],
  ['1 ? i : u', 'unsigned int'],
  ['i ? uc : uc', 'int'],
  ['i ? ip : 0', 'int *'],
  ['i ? vp : ip', 'void *'],
  ['i ? ip : (void *) 0', 'int *'],
  ['i ? cp : (char *) 0', 'const char *'],
  ['i ?: l', 'long'],
  ['i, l', 'long'],
  ['i = l', 'int'],
  ['uc += l', 'unsigned char'],
  ['i++', 'int'],
  ['&i', 'int *'],
  ['&a', 'int (*)[3]'],
  ['a + 1', 'int *'],
  ['ca + 1', 'const int *'],
  ['*ca', 'int'],
  ['&ca[1]', 'const int *'],
  ['&cs.g', 'const unsigned char *'],
  ['&k', 'const int *'],
  ['ip - a', 'long'],
  ['&fn', 'int (*)(int)'],
  ['fn', 'int (int)'],
  ['*fn', 'int (int)'],
  ['fn(1)', 'int'],
  ['vp + 1', 'void *'],
  ['(char) i', 'char'],
  ['(void) i', 'void'],
  ['({ long x = i; x; })', 'long'],
  ['({ a; })', 'int *'],
  ['({ ; })', 'void'],
  ['_Generic(i, long: l, int: uc)', 'unsigned char'],
  ['__builtin_choose_expr(1, h, l)', 'short'],
  ['__builtin_choose_expr(0, h, l)', 'long'],
  ['__builtin_types_compatible_p(int, int)', 'int'],
  ['__builtin_offsetof(struct s, g)', 'unsigned long'],
  ['__builtin_bswap16(i)', 'unsigned short'],
  ['__builtin_bswap32(i)', 'unsigned int'],
  ['__builtin_bswap64(i)', 'unsigned long'],
  ['__builtin_expect(i, 1)', 'long'],
  ['__builtin_constant_p(i)', 'int'],
  ['__builtin_memcpy(vp, vp, 4)', 'void *'],
  ['__builtin_add_overflow(i, l, &u)', '_Bool'],
  ['__sync_fetch_and_add(&u, 1)', 'unsigned int'],
  ['__sync_bool_compare_and_swap(&l, 0, 1)', '_Bool'],
  ['__sync_val_compare_and_swap(&l, 0, 1)', 'long'],
  ['__atomic_load_n(&ul, 0)', 'unsigned long'],
  ['__builtin_preserve_field_info(p->g, 0)', 'unsigned int'],
  ['__builtin_preserve_type_info(*(struct s *) 0, 1)', 'unsigned int'],
  ['__builtin_btf_type_id(*(struct s *) 0, 0)', 'unsigned long'],
  ['__builtin_preserve_enum_value(*(enum small *) S1, 1)', 'unsigned long'],
  ['__builtin_preserve_access_index(&p->g)', 'unsigned char *'],
  ['__func__', 'const char [6]'],
  ['(struct s) {}', 'struct s'],
  ['(int []) { 1, 2 }', 'int [2]'],
  ['&*ip', 'int *'],
  ['v', 'int'],
  ['1 ? (void *) 0 : &i', 'int *'],
  ['__extension__ l', 'long'],
]

describe('types of expressions', () => {
  it.each(table)('%s is %s', (expression, type) => {
    const text = `${prelude}void check(void) { _Static_assert(__builtin_types_compatible_p(__typeof__(${expression}), ${type}), "type"); }`
    expect(check(text, ['-Wno-everything']).problems).toEqual([])
  })

  it('notices a wrong type', () => {
    const text = `${prelude}void check(void) { _Static_assert(__builtin_types_compatible_p(__typeof__(i + u), int), "type"); }`
    expect(check(text).problems).toHaveLength(1)
  })
})

/** Expression and its value; each was put to clang as a `_Static_assert`. */
const values: readonly (readonly [string, string])[] = [
  ['-1 < 0u', '0'],
  ['(unsigned char) 300', '44'],
  ['(signed char) 200', '-56'],
  ['-7 / 2', '-3'],
  ['-7 % 2', '-1'],
  ['-8 >> 1', '-4'],
  ['-1u >> 28', '15'],
  ['1ull << 63 >> 63', '1'],
  ['~0u', '4294967295u'],
  ['(_Bool) 256', '1'],
  ['0 && (1 / 0)', '0'],
  ['1 || (1 / 0)', '1'],
  ['1 ? 2 : (1 / 0)', '2'],
  ['5 ?: 6', '5'],
  ["'\\xff'", '-1'],
  ["'\\101'", '65'],
  ["L'\\x1234'", '0x1234'],
  ['sizeof("a\\0b")', '4'],
  ['sizeof(int [2][3])', '24'],
  ['sizeof(struct { char a; long b; char c; })', '24'],
  ['sizeof(struct {})', '0'],
  ['sizeof(struct { int a; char b[]; })', '4'],
  ['_Alignof(struct { char a; long b; })', '8'],
  ['_Alignof(__int128)', '16'],
  ['__builtin_offsetof(struct { int a; struct { char b, c; } d[4]; }, d[2].c)', '9'],
  ['(unsigned long) &((struct s *) 0)->g', '16'],
  ['__builtin_strlen("hello")', '5'],
  ['__builtin_strcmp("a", "a")', '0'],
  ['__builtin_bswap32(0x01020304)', '0x04030201'],
  ['__builtin_popcount(255)', '8'],
  ['__builtin_clz(1)', '31'],
  ['__builtin_ctzll(8)', '3'],
  ['__builtin_ffs(0)', '0'],
  ['__builtin_constant_p(3)', '1'],
  ['__builtin_constant_p("a")', '1'],
  ['(int) (1.5 * 4)', '6'],
  ['(unsigned long) 10E9', '10000000000'],
  ['0b1010', '10'],
  ['B0 >> 32', '1'],
  ['sizeof(int) == 4 ? 7 : 8', '7'],
  ['!"a"', '0'],
  ['(long) (int) 0x80000000', '-2147483648L'],
]

describe('values of constant expressions', () => {
  it.each(values)('%s is %s', (expression, value) => {
    expect(
      check(`${prelude}void check(void) { _Static_assert((${expression}) == (${value}), "value"); }`, ['-Wno-everything'])
        .problems,
    ).toEqual([])
  })
})
