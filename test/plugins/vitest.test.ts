/** `load` and the matchers of `bpfc/vitest`, as a user's test has them. */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { load as loadPortable, MemoryHost, packet, VerifierError } from '../../index.js'
import { load } from '../../plugins/node/node.js'
import '../../plugins/vitest/vitest.js'

const root = join(import.meta.dirname, '../..')
const head = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
`
const echo = `${head}
struct event { __u32 length; __u32 first; };
const struct event *unused __attribute__((unused));
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");
SEC("xdp") int echo(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct event event = { .length = end - data };
	if (data + 1 > end)
		return XDP_ABORTED;
	event.first = *data;
	*data = 0xff;
	bpf_ringbuf_output(&events, &event, sizeof(event), 0);
	return XDP_TX;
}
`

describe('load', () => {
  it('compiles, verifies and prepares a file of the disk', async () => {
    const { programs, maps } = await load(join(root, 'examples/xdp-firewall/xdp_firewall.bpf.c'))
    maps.blocked!.set({ length: 24, address: '10.0.0.0' }, 1)
    expect(programs.firewall!.run(packet.tcp({ src: '10.0.0.7', dport: 80 }))).toHaveVerdict('XDP_DROP')
    expect(programs.firewall!.run(packet.tcp({ src: '10.0.1.7', dport: 80 }))).toHaveVerdict('XDP_PASS')
    expect(maps.counters!.get(1)).toBe(1n)
    expect([...maps.blocked!.entries()]).toHaveLength(1)
    expect(maps.blocked!.delete({ length: 24, address: '10.0.0.0' })).toBe(true)
    expect(maps.blocked!.delete({ length: 24, address: '10.0.0.0' })).toBe(false)
  })

  it('takes source text, and needs a host for a path', async () => {
    const { programs } = await loadPortable(echo)
    expect(programs.echo!.run(packet.udp())).toHaveVerdict('XDP_TX')
    await expect(loadPortable('echo.bpf.c')).rejects.toThrow('give load a host')
    const { maps } = await loadPortable('echo.bpf.c', { host: new MemoryHost({ 'echo.bpf.c': echo }) })
    expect(Object.keys(maps)).toContain('events')
  })

  it('throws what the compiler says', async () => {
    await expect(loadPortable('int f(void)\n{ return y; }\n')).rejects.toThrow(/source\.bpf\.c:2:10: error\[.*y/s)
  })

  it('throws what a kernel says, unless told not to verify', async () => {
    const unchecked = `${head}SEC("xdp") int bad(struct xdp_md *ctx)\n{\n\treturn *(__u8 *)(long)ctx->data;\n}\n`
    const error = await loadPortable(unchecked, { kernels: ['6.12'] }).catch((thrown: unknown) => thrown as VerifierError)
    expect(error).toBeInstanceOf(VerifierError)
    expect((error as VerifierError).message).toMatch(/kernel 6\.12 rejects bad \(xdp\)\nerror\[V0201\].*source\.bpf\.c:6/s)
    const { programs } = await loadPortable(unchecked, { verify: false })
    expect(programs.bad!.run(packet.udp()).fault).toBeUndefined()
    await expect(loadPortable(echo, { kernels: ['1.0'] })).rejects.toThrow('kernel 1.0: must be of')
  })
})

describe('matchers', () => {
  const bytes = packet.udp({ src: '10.0.0.1', dst: '10.0.0.2' })
  const changed = Uint8Array.from(bytes)
  changed[0] = 0xff

  it('compares verdicts, packets and events', async () => {
    const { programs, maps } = await load(echo)
    const run = programs.echo!.run(bytes)
    expect(run).toHaveVerdict('XDP_TX')
    expect(run).toHaveVerdict(3)
    expect(run).not.toHaveVerdict('XDP_DROP')
    expect(run).toEqualPacket(changed)
    expect(run).not.toEqualPacket(bytes)
    expect(maps.events).toHaveEvents([{ first: 2 }], 'event')
    programs.echo!.run(bytes)
    expect(maps.events).toHaveEvents([Uint8Array.of(bytes.length, 0, 0, 0, 2, 0, 0, 0)])
    expect(maps.events).toHaveEvents([])
  })

  it('say what differs', async () => {
    const { programs, maps } = await load(echo)
    const run = programs.echo!.run(bytes)
    expect(() => expect(run).toHaveVerdict('XDP_DROP')).toThrow('expected the verdict XDP_DROP, got XDP_TX')
    expect(() => expect(run).toEqualPacket(bytes)).toThrow('packets differ at byte 0')
    expect(() => expect(maps.events).toHaveEvents([{ first: 9 }], 'event')).toThrow('event 0 of events differs')
    expect(() => expect(maps.events).toHaveEvents([{ first: 2 }], 'event')).toThrow('expected 1 events in events, got 0')
    expect(() => expect(maps.events).toHaveEvents([], 'no_such')).toThrow('no struct no_such')
  })
})
