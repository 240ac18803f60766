/** bpf_throw: a program ends from any depth, and its exception callback says what it returns. */
import { describe, expect, it } from 'vitest'
import { load } from '../../../index.js'

const HEADERS = `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
extern void bpf_throw(u64 cookie) __ksym;
__noinline static int thrower(u64 cookie)
{
	if (cookie)
		bpf_throw(cookie);
	return 1;
}
`
const program = (text: string) => load(`${HEADERS}${text}`, { verify: false })

describe('exceptions', () => {
  it('end the program with the cookie where no callback is named', async () => {
    const { programs } = await program(`
__noinline static int middle(u64 cookie) { return thrower(cookie) + 1; }
SEC("tc") int prog(struct __sk_buff *skb) { return middle(skb->mark) + 1; }`)
    expect(programs['prog']!.run({ packet: new Uint8Array(64), ctx: { mark: 77 } }).retval).toBe(77)
    expect(programs['prog']!.run({ packet: new Uint8Array(64) }).retval).toBe(3)
  })

  it('go to the exception callback, with the cookie', async () => {
    const { programs } = await program(`
__noinline int handler(u64 cookie) { return cookie + 1000; }
SEC("tc") __attribute__((btf_decl_tag("exception_callback:handler")))
int prog(struct __sk_buff *skb) { return thrower(5); }`)
    expect(programs['prog']!.run({ packet: new Uint8Array(64) })).toMatchObject({ retval: 1005, fault: undefined })
  })

  it('leave bpf_loop from its callback', async () => {
    const { programs } = await program(`
int seen;
static int body(u32 index, void *unused) { seen++; thrower(index == 3 ? 9 : 0); return 0; }
SEC("tc") int prog(struct __sk_buff *skb) { bpf_loop(10, body, 0, 0); return 1; }
SEC("tc") int count(struct __sk_buff *skb) { return seen; }`)
    expect(programs['prog']!.run({ packet: new Uint8Array(64) }).retval).toBe(9)
    expect(programs['count']!.run({ packet: new Uint8Array(64) }).retval).toBe(4)
  })

  it('end only the program that was tail-called', async () => {
    const { programs } = await program(
      `
struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 1); __type(key, u32); __array(values, int (void *)); } jumps SEC(".maps") = {
	.values = { [0] = (void *)&inner },
};
SEC("tc") int inner(struct __sk_buff *skb) { return thrower(40); }
__noinline static int jump(struct __sk_buff *skb) { bpf_tail_call_static(skb, &jumps, 0); return 1; }
SEC("tc") int prog(struct __sk_buff *skb) { return jump(skb) + 2; }`.replace(
        'struct { __uint',
        'int inner(struct __sk_buff *skb);\nstruct { __uint',
      ),
    )
    expect(programs['prog']!.run({ packet: new Uint8Array(64) }).retval).toBe(42)
  })
})
