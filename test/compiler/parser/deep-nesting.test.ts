/**
 * Sources that nest or repeat 10,000 times. What nests gets a diagnostic; what only goes on and on (chains of operators, `else if`s,
 * `case`s) is parsed. Neither runs out of stack or time.
 */
import { describe, expect, it } from 'vitest'
import { parse } from './harness.js'

const n = 10_000
const around = (open: string, inside: string, close: string): string => open.repeat(n) + inside + close.repeat(n)
const body = (text: string): string => `void f(int a, int *p)\n{\n${text}\n}\nint after;\n`

describe('nesting', () => {
  it.each([
    ['parentheses', body(`a = ${around('(', '1', ')')};`)],
    ['unclosed parentheses', body(`a = ${'('.repeat(n)};`)],
    ['blocks', body(around('{', ';', '}'))],
    ['unclosed blocks', body('{'.repeat(n))],
    ['subscripts', body(`a = ${around('p[', '0', ']')};`)],
    ['calls', body(`a = ${around('f(', '0', ')')};`)],
    ['casts', body(`a = ${'(int)'.repeat(n)}1;`)],
    ['statement expressions', body(`a = ${around('({ ', '1;', ' ;})')};`)],
    ['records', `${around('struct { ', 'int a;', ' } b;')}\nint after;\n`],
    ['initialisers', `int a[] = ${around('{', '1', '}')};\nint after;\n`],
    ['declarators', `int ${around('(', 'a', ')')};\nint after;\n`],
    ['parameters', `int ${'f(int '.repeat(n)}${')'.repeat(n)};\nint after;\n`],
    ['typeof', `${around('typeof(', 'int', ')')} a;\nint after;\n`],
    ['_Generic', `int a = ${around('_Generic(1, int: ', '1', ')')};\nint after;\n`],
    ['if', body(`${'if (a) '.repeat(n)};`)],
    ['while', body(`${'while (a) '.repeat(n)};`)],
    ['switch', body(`${'switch (a) case 1: '.repeat(n)};`)],
    ['sizeof', body(`a = ${'sizeof '.repeat(n)}a;`)],
    ['assignments', body(`${'a = '.repeat(n)}1;`)],
    ['attributes', `int a __attribute__((x${around('(', '1', ')')}));\nint after;\n`],
    ['designators', `struct s s = { .a = ${around('{ .a = ', '1', '}')} };\nint after;\n`],
    ['second operands', body(`a = ${around('1 + (', '1', ')')};`)],
  ])('%s', (_, text) => {
    const { problems, declarations } = parse(text)
    expect(problems.length).toBeGreaterThan(0)
    expect(problems.length).toBeLessThan(20)
    expect(problems[0]).toMatch(/nesting|expected '\}'/)
    if (!text.includes('{'.repeat(n))) expect(declarations.at(-1)).toMatchObject({ kind: 'declaration' })
  })
})

describe('long', () => {
  it.each([
    ['sums', body(`a = ${'1 + '.repeat(n)}1;`)],
    ['commas', body(`${'a, '.repeat(n)}a;`)],
    ['prefix operators', body(`a = ${'- '.repeat(n)}a; a = ${'!'.repeat(n)}a;`)],
    ['conditionals', body(`a = ${'a ? 1 : '.repeat(n)}2;`)],
    ['else if', body(`${'if (a) ; else '.repeat(n)};`)],
    ['cases', body(`switch (a) { ${Array.from({ length: n }, (_, i) => `case ${i}: `).join('')} ; }`)],
    ['labels', body(`${Array.from({ length: n }, (_, i) => `l${i}: `).join('')} ;`)],
    ['suffixes', body(`p${'[0]'.repeat(n)};`)],
    ['pointers', `int ${'*'.repeat(n)} p;`],
    ['arrays', `int p${'[1]'.repeat(n)};`],
    ['strings', `char p[] = ${'"a" '.repeat(n)};`],
    ['initialisers', `int a[] = { ${'1, '.repeat(n)} };`],
    ['designators', `struct s s = { ${'.a'.repeat(n)} = 1 };`],
    ['attributes', `int a ${'__attribute__((x)) '.repeat(n)};`],
    ['enumerators', `enum { ${Array.from({ length: n }, (_, i) => `E${i}`).join(', ')} };`],
    ['parameters', `int f(${'int, '.repeat(n)}int);`],
    ['statements', body('a = 1;'.repeat(n))],
    ['extensions', `${'__extension__ '.repeat(n)} int a;`],
  ])('%s', (_, text) => {
    expect(parse(text).problems).toEqual([])
  })
})
