/** Which global functions go into their callers: only those that the kernel could not verify alone. From C, as it takes their declarations. */
import { describe, expect, it } from 'vitest'
import { MemoryHost } from '../../../base/host.js'
import { compile } from '../../../compiler/pipeline.js'
import { testOptions } from './test-options.js'

const head = `struct __sk_buff { unsigned len; };
struct pair { int a, b; };
#define SEC(name) __attribute__((section(name), used))
`

function callsOf(callee: string, call: string): boolean {
  const source = `${head}${callee}
SEC("tc") int prog(struct __sk_buff *skb) { struct pair p = { skb->len, 2 }; return ${call}; }`
  const options = { ...testOptions(), debug: true }
  const result = compile(new MemoryHost({ 'a.c': source }), 'a.c', options, { emit: 'ir' })
  expect(result.diagnostics.filter(each => each.severity === 'error')).toEqual([])
  return /call @f\(/.test(result.text!)
}

describe('global functions', () => {
  it.each([
    ['stays a call: numbers', 'int f(int a) { return a * 3; }', 'f(skb->len)', true],
    ['stays a call: the context', 'int f(struct __sk_buff *skb) { return skb->len * 3; }', 'f(skb)', true],
    ['stays a call: a pointer behind a check', 'int f(struct pair *p) { return p ? p->a : 0; }', 'f(&p)', true],
    ['stays a call: the author says so', '__attribute__((noinline)) int f(struct pair *p) { return p->a; }', 'f(&p)', true],
    [
      'stays a call: another object may bring its own',
      '__attribute__((weak)) int f(struct pair *p) { return p->a; }',
      'f(&p)',
      true,
    ],
    [
      'stays a call: the tag says it is never null',
      'int f(struct pair *p __attribute__((btf_decl_tag("arg:nonnull")))) { return p->a; }',
      'f(&p)',
      true,
    ],
    ['goes in: a pointer that is used unchecked', 'int f(struct pair *p) { return p->a + p->b; }', 'f(&p)', false],
    ['goes in: an address of anything', 'int f(void *p) { return *(int *)p; }', 'f(&p)', false],
    ['goes in: a result that is no number', 'struct pair *f(struct pair *p) { return p; }', 'f(&p)->a', false],
  ])('%s', (_name, callee, call, stays) => {
    expect(callsOf(callee, call)).toBe(stays)
  })
})
