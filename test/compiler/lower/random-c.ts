/**
 * Random C without undefined behaviour: integer types and conversions, bit fields, packed records, unions, arrays, loops with and without
 * unrolling, switches, calls, builtins. The same seed gives the same program everywhere.
 */

let seed = 1
function rnd(n: number): number {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
  return Math.floor(((seed >>> 8) / 0x1000000) * n)
}
const pick = <T>(a: readonly T[]): T => a[rnd(a.length)]!
const types = ['u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'u64', 'i64'] as const
const scalars = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
let depth = 0
let loops = 0
function lit(): string {
  return pick([
    '0',
    '1',
    '2',
    '3',
    '7',
    '8',
    '15',
    '31',
    '63',
    '255',
    '-1',
    '-2',
    '127',
    '128',
    '65535',
    '0x7fffffff',
    '0x80000000u',
    '0xffffffffu',
    '0x100000000ll',
    '-5ll',
    '0x123456789abcdefll',
  ])
}
function lval(): string {
  switch (rnd(9)) {
    case 0:
      return `s.${pick(['x', 'y', 'z', 'w', 'bf1', 'bf2', 'bf3', 'bf4'])}`
    case 1:
      return `arr[${rnd(4)}]`
    case 2:
      return `arr[(${expr()}) & 3]`
    case 3:
      return `un.${pick(['q', 'd', 'h'])}`
    case 4:
      return `pk.${pick(['p1', 'p2', 'p3', 'p4'])}`
    case 5:
      return `gl.${pick(['x', 'y', 'z', 'w', 'bf1', 'bf3'])}`
    default:
      return pick(scalars)
  }
}
function expr(): string {
  depth++
  try {
    if (depth > 5) return rnd(2) ? lit() : lval()
    switch (rnd(22)) {
      case 0:
      case 1:
      case 2:
        return lit()
      case 3:
      case 4:
      case 5:
      case 6:
        return lval()
      case 7:
      case 8:
        return `((${expr()}) ${pick(['+', '-', '*'])} (${expr()}))`
      case 9:
      case 10:
        return `((${expr()}) ${pick(['&', '|', '^'])} (${expr()}))`
      case 11:
        return `((${pick(['u32', 'u64', 'i32', 'i64'])})(${expr()}) ${pick(['<<', '>>'])} ((${expr()}) & 31))`
      case 12:
        return `((${expr()}) ${pick(['<', '>', '<=', '>=', '==', '!='])} (${expr()}))`
      case 13:
        return `((${expr()}) ${pick(['&&', '||'])} (${expr()}))`
      case 14:
        return `((${expr()}) ? (${expr()}) : (${expr()}))`
      case 15:
        return `((${pick(types)})(${expr()}))`
      case 16:
        return `(${pick(['-', '~', '!'])}(${expr()}))`
      case 17:
        return `div_${pick(['u32', 'i32', 'u64', 'i64'])}(${expr()}, ${expr()})`
      case 18:
        return `((${pick(['i32', 'u32', 'i64'])})(${expr()}) ${pick(['/', '%'])} ${pick(['3', '7', '8', '10', '100', '-8', '-3', '1', '64'])})`
      case 19:
        return `fn${rnd(3)}(${expr()}, ${expr()})`
      case 20:
        return pick([
          `__builtin_bswap32(${expr()})`,
          `__builtin_bswap16(${expr()})`,
          `__builtin_bswap64(${expr()})`,
          `__builtin_popcountll(${expr()})`,
          `__builtin_clzll((${expr()}) | 1)`,
          `__builtin_ctz((${expr()}) | 0x80000000u)`,
          `__builtin_ffsll(${expr()})`,
        ])
      default:
        return `(${pick(scalars)}${pick(['++', '--'])})`
    }
  } finally {
    depth--
  }
}
function stmt(level: number): string {
  const ind = '  '.repeat(level)
  switch (rnd(level > 3 ? 7 : 15)) {
    case 0:
    case 1:
    case 2:
      return `${ind}${lval()} = ${expr()};\n`
    case 3:
    case 4:
      return `${ind}${lval()} ${pick(['+=', '-=', '^=', '|=', '&=', '*='])} ${expr()};\n`
    case 5:
      return `${ind}${pick(['s = gl;', 'gl = s;', 's = t; t = gl;', '{ struct S n = { .y = 3, .bf2 = -1 }; n.x = a; s = n; }', '__builtin_memset(&s, 0x5a, sizeof s);', '__builtin_memcpy(&t, &s, 8);', 'un.q = __builtin_memcmp(&s, &t, 8) > 0;', 'un.q += __builtin_memcmp(&s, &gl, sizeof s) == 0;'])}\n`
    case 6:
      return `${ind}${pick(scalars)}++;\n`
    case 7:
    case 8:
      return `${ind}if (${expr()}) {\n${stmts(level + 1)}${ind}}${rnd(2) ? ` else {\n${stmts(level + 1)}${ind}}` : ''}\n`
    case 9:
    case 10: {
      if (loops > 2) return stmt(9)
      loops++
      const v = `i${level}${rnd(1000)}`
      const r = `${ind}${pick(['', '', '_Pragma("unroll")\n' + ind, '_Pragma("clang loop unroll(full)")\n' + ind])}for (int ${v} = 0; ${v} < ${1 + rnd(6)}; ${v}++) {\n${stmts(level + 1)}${rnd(3) ? '' : `${ind}  if (${expr()}) ${pick(['break', 'continue'])};\n`}${ind}  h += ${v};\n${ind}}\n`
      loops--
      return r
    }
    case 11:
      return `${ind}switch ((${expr()}) & 7) {\n${ind}case 1: ${stmt(9).trim()} break;\n${ind}case 2: ${stmt(9).trim()}\n${ind}case 4 ... 5: ${stmt(9).trim()} break;\n${ind}default: ${stmt(9).trim()}\n${ind}}\n`
    case 12: {
      if (loops > 2) return stmt(9)
      loops++
      const v = `k${level}${rnd(1000)}`
      const r = `${ind}{ int ${v} = ${rnd(5)}; do {\n${stmts(level + 1)}${ind}} while (${v}-- > 0); }\n`
      loops--
      return r
    }
    case 13:
      return `${ind}{ u64 t1 = ({ u32 q = ${expr()}; q * 3; }); h ^= t1; }\n`
    default:
      return `${ind}${lval()} = (${expr()}, ${expr()});\n`
  }
}
function stmts(level: number): string {
  let s = ''
  for (let i = 0; i < 1 + rnd(4); i++) s += stmt(level)
  return s
}
/** The program of a seed; its function `u64 test(u64, u64)` is the one to run. */
export function randomProgram(of: number): string {
  seed = of
  const body = stmts(1) + stmts(1) + stmts(1)
  const fn = (i: number) =>
    `static ${pick(['', '__attribute__((noinline)) ', 'inline '])}${pick(types)} fn${i}(${pick(types)} p, ${pick(types)} q) { ${pick(types)} r = p ${pick(['+', '-', '*', '^'])} q; if (r ${pick(['>', '<', '=='])} ${lit()}) r = ${pick(['p', 'q', '7', 'r * 2', 'p & q'])}; return r; }\n`
  return `typedef unsigned char u8; typedef signed char i8; typedef unsigned short u16; typedef short i16; typedef unsigned int u32; typedef int i32; typedef unsigned long long u64; typedef long long i64;
struct S { u32 x; u8 y; i16 z; i64 w; u32 bf1 : 3; int bf2 : 7; u64 bf3 : 33; i8 bf4 : 5; };
struct P { u8 p1; u32 p2; u16 p3; u64 p4; } __attribute__((packed));
union U { u64 q; u32 d; u16 h; };
struct S gl = { 1, 2, -3, 4, 5, -6, 7, -8 };
static u32 div_u32(u32 a, u32 b) { return b ? a / b : a; }
static i32 div_i32(i32 a, i32 b) { return b && b != -1 ? a % b : a; }
static u64 div_u64(u64 a, u64 b) { return b ? a % b : a; }
static i64 div_i64(i64 a, i64 b) { return b && b != -1 ? a / b : a; }
${fn(0)}${fn(1)}${fn(2)}
u64 test(u64 a0, u64 b0) {
  ${pick(types)} a = a0, b = b0; ${pick(types)} c = a0 >> 7, d = b0 >> 9; ${pick(types)} e = a0 * 3, f = b0 * 5; ${pick(types)} g = 1, h = 2;
  struct S s = { .x = 9, .z = -7, .bf2 = 11 }, t = gl; struct P pk = { 1, 2, 3, 4 }; union U un = { .q = 0x1122334455667788ull }; i32 arr[4] = { 1, -2, 3, [3] = 4 };
${body}  u64 r = a; r = r * 31 + b; r = r * 31 + c; r = r * 31 + d; r = r * 31 + e; r = r * 31 + f; r = r * 31 + g; r = r * 31 + h;
  r = r * 31 + s.x; r = r * 31 + s.y; r = r * 31 + s.z; r = r * 31 + s.w; r = r * 31 + s.bf1; r = r * 31 + s.bf2; r = r * 31 + s.bf3; r = r * 31 + s.bf4;
  r = r * 31 + un.q; r = r * 31 + pk.p1 + pk.p2 + pk.p3 + pk.p4; r = r * 31 + arr[0] + arr[1] * 3 + arr[2] * 5 + arr[3] * 7; r = r * 31 + gl.x + gl.w + gl.bf3 + t.x + t.w;
  return r;
}
`
}
