/** `bpfc debug`: scripts of commands and what they answer, as text files beside this one. `npx vitest run test/cli/debug.test.ts -u` writes them anew. */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { bpfc } from '../support/cli.js'

const SOURCE = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";

enum colour { RED, GREEN = 7 };
struct event { __u32 number; enum colour colour; char name[8]; __u64 parts[2]; };

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, struct event);
} events SEC(".maps");

int total = 3;
static struct event last = { .colour = GREEN, .name = "none" };

__attribute__((noinline)) int weigh(__u32 length, struct event *event)
{
	if (!event)
		return -1;
	event->number = length;
	event->parts[1] = length * 2ULL;
	return event->number & 1;
}

SEC("xdp")
int count(struct xdp_md *ctx)
{
	__u32 key = 1;
	struct event *event;
	struct event fresh = { .colour = RED, .name = "fresh" };

	bpf_map_update_elem(&events, &key, &fresh, BPF_NOEXIST);
	event = bpf_map_lookup_elem(&events, &key);
	if (!event)
		return XDP_ABORTED;
	total += ctx->data_end - ctx->data;
	if (weigh(total, event))
		bpf_printk("odd %d", total);
	last = *event;
	return total > 50 ? XDP_DROP : XDP_PASS;
}

static long body(__u32 index, int *sum)
{
	*sum += index;
	return 0;
}

SEC("xdp")
int looping(struct xdp_md *ctx)
{
	int sum = 0;

	bpf_loop(3, body, &sum, 0);
	return sum;
}

SEC("xdp")
int wild(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;

	return *(__u8 *)(data + 200);
}
`
const packet = Uint8Array.from({ length: 60 }, (_, i) => i)

async function script(program: string, commands: readonly string[], flags: readonly string[] = []): Promise<string> {
  const run = await bpfc(
    [
      'debug',
      'prog.bpf.c',
      '--btf',
      'bundled',
      '--prog',
      program,
      '--packet',
      'packet.bin',
      ...flags,
      '--command',
      commands.join(';'),
    ],
    { 'prog.bpf.c': SOURCE, 'packet.bin': packet },
  )
  expect(run.err).toBe('')
  expect(run.code).toBe(0)
  return run.out
}

const golden = (name: string) => join(import.meta.dirname, 'debug', `${name}.txt`)

describe('bpfc debug', () => {
  it.each([
    [
      'steps',
      'count',
      ['step', 'step', 'step', 'back', 'next 3', 'list', 'where', 'stepi', 'back-i', 'end', 'back', 'start', 'back'],
    ],
    [
      'breakpoints',
      'count',
      [
        'break weigh',
        'break 38',
        'break prog.bpf.c:40',
        'break 999',
        'break nothing',
        'info breakpoints',
        'continue',
        'bt',
        'continue',
        'reverse-continue',
        'out',
        'back-out',
        'delete 1',
        'continue',
        'continue',
        'reverse-continue',
        'rc',
        'rc',
      ],
    ],
    [
      'watches',
      'count',
      [
        'watch total',
        'watch r6',
        'info breakpoints',
        'continue',
        'print total',
        'continue',
        'reverse-continue',
        'delete 2',
        'continue',
        'watch',
        'locals',
      ],
    ],
    [
      'values',
      'count',
      [
        'info args',
        'print *ctx',
        'print total',
        'print last',
        'print last.colour',
        'print last.parts[1]',
        'map events',
        'packet',
        'break weigh',
        'continue',
        'info args',
        'print event->name',
        'print *event',
        'print events[1].number',
        'print events[2]',
        'x event 8',
        'registers',
        'next',
        'next',
        'next',
        'print length',
        'print (struct event *)r1',
        'print fresh',
        'end',
        'print total',
        'info globals',
        'map events',
        'trace',
        'map',
        'print',
        'nonsense',
        'print *total',
        'stack',
        'insn',
      ],
    ],
    [
      'callbacks',
      'looping',
      [
        'break body',
        'continue',
        'bt',
        'info args',
        'print *sum',
        'continue',
        'print *sum',
        'continue 2',
        'print *(int *)r10',
        'stack',
        'rc',
        'rc',
        'info args',
        'out',
        'where',
        'back-out',
        'where',
      ],
    ],
    ['fault', 'wild', ['continue', 'where', 'back-i', 'registers', 'bt']],
  ] as const)('%s', async (name, program, commands) => {
    await expect(await script(program, commands)).toMatchFileSnapshot(golden(name))
  })

  it('says where the recording ends', async () => {
    expect(await script('count', ['continue', 'back', 'print total'], ['--steps', '5'])).toMatch(/end of the recording: .*5/)
  })

  it('says what is wrong with its flags', async () => {
    const files = { 'prog.bpf.c': SOURCE }
    expect((await bpfc(['debug', 'prog.bpf.c', '--prog', 'nobody'], files)).err).toContain('no program nobody')
    expect((await bpfc(['debug', 'prog.bpf.c', '--prog', 'count', '--run', '2'], files)).err).toContain('not so many packets')
    expect((await bpfc(['debug', 'prog.bpf.c', '--prog', 'count', '--steps', '0'], files)).code).toBe(2)
  })
})
