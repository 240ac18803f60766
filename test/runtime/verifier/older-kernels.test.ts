/** Kernels that are known by documentation: what they lack is refused by name and date, what has no rules is not decided. */
import { describe, expect, it } from 'vitest'
import { bundledBtf, compileSource, kernelProfile, MemoryHost, openObject, prepareObject, verifyProgram } from '../../../index.js'

const kernelBtf = bundledBtf()

/** Verdict and message of the first program. */
function ask(kernel: string, body: string): string {
  const source = `#include <vmlinux.h>\n#include <bpf/bpf_helpers.h>\n#include <bpf/bpf_tracing.h>\n${body}\nchar _license[] SEC("license") = "GPL";\n`
  const made = compileSource(new MemoryHost({ '/a.bpf.c': source }), '/a.bpf.c')
  expect(made.diagnostics.filter(each => each.severity === 'error').map(each => each.message)).toEqual([])
  const object = prepareObject(openObject(made.object!, 'a.bpf.o'), { kernelBtf })
  const { verdict, message } = verifyProgram(object, object.programs[0]!, { kernel: kernelProfile(kernel)! })
  return `${verdict} ${message}`.trim()
}

const ringbuf = `struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");
SEC("xdp") int p(struct xdp_md *ctx) { long v = 1; bpf_ringbuf_output(&events, &v, 8, 0); return XDP_PASS; }`
const fetching = `long total;
SEC("xdp") int p(struct xdp_md *ctx) { return __sync_fetch_and_add(&total, 1) & 1 ? XDP_DROP : XDP_PASS; }`
const adding = `long total;
SEC("xdp") int p(struct xdp_md *ctx) { __sync_fetch_and_add(&total, 1); return XDP_PASS; }`
const callback = `static int each(__u32 i, void *data) { return 0; }
SEC("xdp") int p(struct xdp_md *ctx) { bpf_loop(10, each, 0, 0); return XDP_PASS; }`
const globalMemory = `__attribute__((noinline)) int sum(int *p) { return p ? *p : 0; }
SEC("xdp") int p(struct xdp_md *ctx) { int v = 1; return sum(&v); }`
const tracing = `SEC("fentry/do_unlinkat") int BPF_PROG(p) { return 0; }`
const sleeping = `SEC("lsm.s/file_open") int BPF_PROG(p, struct file *file, int ret) { return 0; }`
const storage = `struct { __uint(type, BPF_MAP_TYPE_CGRP_STORAGE); __uint(map_flags, BPF_F_NO_PREALLOC); __type(key, int); __type(value, long); } s SEC(".maps");
SEC("xdp") int p(struct xdp_md *ctx) { return s.value ? XDP_PASS : XDP_PASS; }`
const plain = `SEC("xdp") int p(struct xdp_md *ctx) { return XDP_PASS; }`

describe('kernels known by documentation', () => {
  it.each([
    ['5.4', plain, 'accepted'],
    ['5.10', plain, 'accepted'],
    ['5.4', ringbuf, "rejected Linux 5.4 has no maps of type ringbuf ('events'): they came with 5.8"],
    ['5.10', ringbuf, 'accepted'],
    ['5.10', fetching, 'rejected Linux 5.10 has no atomic operations but addition without its result: they came with 5.12'],
    ['5.15', fetching, 'accepted'],
    ['5.10', adding, 'accepted'],
    ['5.10', callback, 'rejected Linux 5.10 has no addresses of functions, which callbacks need: they came with 5.13'],
    ['5.15', callback, 'rejected invalid func bpf_loop#181'],
    ['6.1', callback, 'accepted'],
    ['6.6', callback, 'not-implemented callbacks by the rules of Linux 6.6'],
    ['5.10', globalMemory, 'rejected Arg#0 type PTR in sum() is not supported yet.'],
    ['5.15', globalMemory, 'accepted'],
    ['5.4', tracing, 'rejected Linux 5.4 has no programs of type tracing: they came with 5.5'],
    ['5.10', tracing, 'not-implemented programs of type tracing by the rules of Linux 5.10'],
    ['5.4', sleeping, 'rejected Linux 5.4 has no programs of type lsm: they came with 5.7'],
    ['6.1', storage, "rejected Linux 6.1 has no maps of type cgrp_storage ('s'): they came with 6.2"],
  ])('%s: %s', (kernel, body, expected) => {
    expect(ask(kernel, body)).toBe(expected)
  })
})
