/** Whether what was loaded is loaded again after a store, by the C types of the two. clang -O2 answers the same on every one. */
import { describe, expect, it } from 'vitest'
import { MemoryHost } from '../../../base/host.js'
import { compile } from '../../../compiler/pipeline.js'
import { testOptions } from './test-options.js'

const head = `#define SEC(name) __attribute__((section(name), used))
typedef int any_int __attribute__((may_alias));
struct any { int n; } __attribute__((may_alias));
struct list { int n; char *p; };
struct pair { char c; int n; };
struct outer { long pad; struct pair pairs[2], last; };
struct tail { int n; char rest[]; };
union either { struct pair pair; int i; long l; };
enum which { first, second };
`

function loads(params: string, read: string, write: string, noStrictAliasing = false): number {
  const source = `${head}SEC("tc") long prog(${params}) { long before = (long)${read}; ${write}; return before == (long)${read}; }`
  const result = compile(new MemoryHost({ 'a.c': source }), 'a.c', { ...testOptions(), noStrictAliasing }, { emit: 'ir' })
  expect(result.diagnostics.filter(each => each.severity === 'error')).toEqual([])
  return result.text!.match(/= load /g)?.length ?? 0
}

describe('a store between two loads', () => {
  it.each([
    ['a number and an address', 'char **l, int *x', '*l', '*x = 1'],
    ['long and long long', 'long *l, long long *x', '*l', '*x = 1'],
    ['a truth value and an int', '_Bool *l, int *x', '*l', '*x = 1'],
    ['members of two records', 'struct list *l, struct pair *x', 'l->n', 'x->n = 1'],
    ['two members of one record', 'struct outer *l, struct outer *x', 'l->last.n', 'x->pad = 1'],
    ['a member that is a character, and no character', 'struct pair *l, char **x', 'l->c', '*x = 0'],
  ])('leaves alone what is of another type: %s', (_name, params, read, write) => {
    expect(loads(params, read, write)).toBe(0)
    expect(loads(params, read, write, true)).toBe(2)
  })

  it.each([
    ['signed and unsigned', 'long *l, unsigned long *x', '*l', '*x = 1'],
    ['two kinds of address', 'char **l, int **x', '*l', '*x = 0'],
    ['characters', 'long *l, char *x', '*l', '*x = 1'],
    ['an enumeration', 'long *l, enum which *x', '*l', '*x = second'],
    ['a type that may alias', 'long *l, any_int *x', '*l', '*x = 1'],
    ['a member of a record that may alias', 'long *l, struct any *x', '*l', 'x->n = 1'],
    ['a member of a union', 'long *l, union either *x', '*l', 'x->i = 1'],
    ['a member of a record in a union', 'struct list *l, union either *x', 'l->n', 'x->pair.n = 1'],
    ['a member, and its own type', 'struct pair *l, int *x', 'l->n', '*x = 1'],
    ['a record, and one that it is a member of', 'struct pair *l, struct outer *x', 'l->n', 'x->last.n = 1'],
    ['a record, and an array of it', 'struct pair *l, struct outer *x, long i', 'l->n', 'x->pairs[i].n = 1'],
    ['a record that has no end', 'struct list *l, struct tail *x', 'l->n', 'x->n = 1'],
  ])('may change: %s', (_name, params, read, write) => {
    expect(loads(params, read, write)).toBe(2)
  })

  it('may change the type of an object: what was known of the type before says nothing', () => {
    expect(loads('long *l, long long *x', '*l', '*x = 1; before += *(long long *)l; *x = 2')).toBe(2)
  })
})
