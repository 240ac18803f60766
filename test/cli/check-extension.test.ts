/** `bpfc check --attach-prog`: extensions (freplace) are verified as what they take the place of. */
import { describe, expect, it } from 'vitest'
import { bpfc } from '../support/cli.js'

const head = '#include <vmlinux.h>\n#include <bpf/bpf_helpers.h>\n'
const license = 'char _license[] SEC("license") = "GPL";\n'
const target = `${head}
__attribute__((noinline)) int weigh(struct __sk_buff *skb, int factor) { asm volatile(""); return skb->len * factor; }
static __attribute__((noinline)) int hidden(struct __sk_buff *skb) { asm volatile(""); return skb->mark; }
SEC("tc") int sum(struct __sk_buff *skb) { return weigh(skb, 2) + hidden(skb); }
SEC("cgroup/connect4") int may(struct bpf_sock_addr *ctx) { return 1; }
SEC("tc") int wrong(struct __sk_buff *skb) { return *(int *)(skb + 7); }
${license}`
const extension = (section: string, body: string) => `${head}SEC("freplace/${section}") ${body}\n${license}`

async function check(attach: string | undefined, source: string) {
  const flags = ['check', '--no-object', '--kernel', '6.12', '--format', 'json']
  const { out, err, code } = await bpfc([...flags, ...(attach ? ['--attach-prog', attach] : []), 'e.bpf.c'], {
    'e.bpf.c': source,
    't.bpf.c': target,
  })
  if (!out) return `${err.trim()} ${code}`
  const { verdict, message } = JSON.parse(out.trim().split('\n').at(-1)!) as { verdict: string; message: string }
  return `${verdict} ${message}`.trim()
}

describe('bpfc check --attach-prog', () => {
  it.each([
    ['sum', 'weigh', 'int e(struct __sk_buff *skb, int factor) { return skb->len + factor; }', 'accepted'],
    ['sum', 'sum', 'int e(struct __sk_buff *skb) { return skb->mark; }', 'accepted'],
    ['may', 'may', 'int e(struct bpf_sock_addr *ctx) { return 1; }', 'accepted'],
    // What the extended program may return binds the extension too.
    [
      'may',
      'may',
      'int e(struct bpf_sock_addr *ctx) { return 7; }',
      'rejected At program exit the register R0 has smin=7 smax=7 should have been in [0, 1]',
    ],
    ['sum', 'weigh', 'int e(struct __sk_buff *skb) { return 0; }', 'rejected e() has 1 args while weigh() has 2 args'],
    [
      'sum',
      'weigh',
      'int e(struct __sk_buff *skb, long factor) { return 0; }',
      'rejected arg1 in e() has size 8 while weigh() has 4',
    ],
    [
      'sum',
      'weigh',
      'int e(struct xdp_md *ctx, int factor) { return 0; }',
      "rejected arg0 e(struct xdp_md *) doesn't match weigh(struct __sk_buff *)",
    ],
    ['sum', 'hidden', 'int e(struct __sk_buff *skb) { return 0; }', 'rejected hidden() is not a global function'],
    [
      'sum',
      'weigh',
      'int e(struct __sk_buff *skb, int factor) { bpf_skb_pull_data(skb, 64); return 0; }',
      'rejected Extension program changes packet data, while original does not',
    ],
    ['may', 'weigh', 'int e(struct __sk_buff *skb, int factor) { return 0; }', "rejected Subprog weigh doesn't exist"],
    ['sum', 'nothing', 'int e(struct __sk_buff *skb) { return 0; }', 'invalid e: the program to change has no function nothing'],
    [
      'wrong',
      'weigh',
      'int e(struct __sk_buff *skb, int factor) { return 0; }',
      'invalid wrong, which it extends, is not accepted: invalid bpf_context access off=1344 size=4',
    ],
  ])('%s: %s %s', async (program, name, body, expected) => {
    expect(await check(`t.bpf.c:${program}`, extension(name, body))).toBe(expected)
  })

  it('says what is missing without it', async () => {
    const source = extension('weigh', 'int e(struct __sk_buff *skb, int factor) { return 0; }')
    expect(await check(undefined, source)).toContain('the program in which function weigh is to be replaced is not given')
    expect(await check('t.bpf.c', source)).toContain('--attach-prog t.bpf.c: must be OBJECT:PROGRAM')
    expect(await check('t.bpf.c:none', source)).toContain('t.bpf.c has no program none; it has sum, wrong, may')
  })
})
