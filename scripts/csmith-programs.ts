/**
 * csmith's programs (Debian package `csmith`) in the form of our own random ones: without pointers in global data, floating point and volatile
 * accesses, with names that let many stand in one source. Its runtime header is replaced by one of ours: what its checked arithmetic gives
 * where C leaves it open does not matter as long as all compilers are told the same.
 */
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'

const FLAGS =
  '--no-argc --no-float --no-volatiles --no-volatile-pointers --no-pointers --max-funcs 4 --max-block-depth 3 --max-expr-complexity 6 --max-block-size 3 --max-array-len-per-dim 5 --concise --quiet'.split(
    ' ',
  )

const widths = [8, 16, 32, 64]

function checkedArithmetic(): string {
  let text = ''
  for (const bits of widths) {
    for (const sign of ['s', 'u']) {
      const type = `${sign === 'u' ? 'u' : ''}int${bits}_t`
      const name = (operation: string, operands: string) => `safe_${operation}_func_${type}_${operands}`
      const define = (head: string, body: string) => {
        text += `static inline ${type} ${head} { return ${body}; }\n`
      }
      for (const [operation, symbol] of [
        ['add', '+'],
        ['sub', '-'],
        ['mul', '*'],
      ] as const)
        define(`${name(operation, `${sign}_${sign}`)}(${type} a, ${type} b)`, `(${type})((uint64_t)a ${symbol} (uint64_t)b)`)
      for (const [operation, symbol] of [
        ['div', '/'],
        ['mod', '%'],
      ] as const)
        define(
          `${name(operation, `${sign}_${sign}`)}(${type} a, ${type} b)`,
          `b == 0${sign === 's' ? ' || b == -1' : ''} ? a : (${type})(a ${symbol} b)`,
        )
      define(`${name('unary_minus', sign)}(${type} a)`, `(${type})(0 - (uint64_t)a)`)
      for (const [right, rightType] of [
        ['s', 'int'],
        ['u', 'unsigned'],
      ] as const) {
        define(`${name('lshift', `${sign}_${right}`)}(${type} a, ${rightType} b)`, `(${type})((uint64_t)a << (b & ${bits - 1}))`)
        define(`${name('rshift', `${sign}_${right}`)}(${type} a, ${rightType} b)`, `(${type})(a >> (b & ${bits - 1}))`)
      }
    }
  }
  return text
}

/** Stands before a batch of csmith's programs. */
export const csmithPrelude = `typedef signed char int8_t; typedef short int16_t; typedef int int32_t; typedef long int64_t;
typedef unsigned char uint8_t; typedef unsigned short uint16_t; typedef unsigned uint32_t; typedef unsigned long uint64_t;
static uint64_t checksum;
#define transparent_crc(value, name, flag) (checksum = checksum * 31 + (uint64_t)(value))
#define transparent_crc_bytes(at, size, name, flag) ((void)0)
#define platform_main_begin() ((void)0)
#define platform_main_end(value, flag) ((void)0)
#define crc32_gentab() ((void)0)
#define printf(...) ((void)0)
${checkedArithmetic()}`

/** One program; its entry is `test_SEED(u64, u64)`, whose arguments change nothing but the first sum. */
export function csmithProgram(seed: number): string {
  const made = spawnSync('csmith', ['--seed', String(seed), ...FLAGS], {
    encoding: 'utf8',
    timeout: 20_000,
    maxBuffer: 1 << 26,
    cwd: tmpdir(),
  })
  if (made.status !== 0) return ''
  const text = made.stdout
    .replace(/^#include.*$/gm, '')
    .replace(/\b(func_\d+|g_\d+|[SU]\d+|__undefined|main)\b/g, `$1_${seed}`)
    .replace(/\bcrc32_context\b/g, 'checksum')
  return `${text}
static u64 test_${seed}(u64 a, u64 b)
{
  checksum = a ^ b;
  main_${seed}();
  return checksum;
}
PROGRAM(${seed})
`
}
