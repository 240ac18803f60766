/** Whatever bytes come as a program or as an object end in a verdict or a format error, soon. */
import { describe, expect, test } from 'vitest'
import { Insns } from '../../../assembler/isa/insns.js'
import { FormatError } from '../../../base/outcome.js'
import { bundledBtf, compileSource, kernelProfile, MemoryHost, openObject, prepareObject, verifyProgram } from '../../../index.js'
import type { PreparedObject, PreparedProgram } from '../../../linker/object/prepared.js'
import { Randoms } from './randoms.js'
import { generated, mutated, objectOf } from './soundness/programs.js'

const kernels = ['6.1', '6.12', '6.18'].map(version => kernelProfile(version)!)
const VERDICTS = ['accepted', 'rejected', 'invalid', 'limit', 'not-implemented']
const limits = { milliseconds: 500 }
/** A walk is looked at now and then; on a busy machine that may take a while. */
const SOON = 10_000
const kernelBtf = bundledBtf()

function verdictOf(program: PreparedProgram, object: PreparedObject = { ...objectOf([program]), kernelBtf }): void {
  for (const kernel of kernels) {
    const started = performance.now()
    const { verdict, message, reason } = verifyProgram(object, program, { kernel, limits, unsettled: true })
    expect(VERDICTS).toContain(verdict)
    // Kernels are silent about some things; then there are words of ours.
    if (verdict !== 'accepted') expect(message || reason).toBeTruthy()
    expect(performance.now() - started).toBeLessThan(SOON)
  }
}

const CODES = [
  0x07, 0x0f, 0x15, 0x1d, 0x18, 0x61, 0x79, 0x63, 0x7b, 0x7a, 0x85, 0x95, 0xb7, 0xbf, 0xc3, 0xdb, 0xe5, 0x05, 0x06, 0x20, 0x30,
  0x40, 0x8d, 0xd7, 0xdc,
]

describe('instructions', () => {
  test.each([1, 2, 3])('random bytes, seed %i', seed => {
    const random = new Randoms(seed * 7919)
    for (let round = 0; round < 300; round++) {
      const bytes = new Uint8Array(8 * random.below(40)).map(() => random.below(256))
      // Opcodes that exist get farther than those that do not.
      if (random.below(4)) for (let at = 0; at < bytes.length; at += 8) bytes[at] = CODES[random.below(CODES.length)]!
      if (random.below(2)) for (let at = 0; at < bytes.length; at += 8) bytes[at + 1] = random.below(11) | (random.below(11) << 4)
      if (random.below(2)) for (let at = 0; at < bytes.length; at += 8) bytes.fill(random.below(3) ? 0 : 255, at + 3, at + 8)
      const insns = Insns.fromBytes(bytes)
      verdictOf({
        ...generated('p', random),
        insns,
        type: random.below(34),
        expectedAttachType: random.below(60),
        flags: random.below(64),
      })
    }
  })

  test('mutants in wrong program types', () => {
    const random = new Randoms(4711)
    for (let round = 0; round < 300; round++) {
      const program = mutated('p', generated('p', random), random)
      verdictOf({ ...program, type: random.below(34), expectedAttachType: random.below(60), sleepable: random.below(2) === 0 })
    }
  })

  test('a million instructions', () => {
    const insns = new Insns(1_000_000)
    for (let slot = 0; slot < insns.length - 1; slot++) insns.set(slot, 0xb7, 0, 0, 0, slot)
    insns.set(insns.length - 1, 0x95, 0, 0, 0, 0)
    verdictOf({ ...generated('p', new Randoms(1)), insns })
  })

  test('a time limit is kept', () => {
    // A loop of many rounds.
    const insns = new Insns(4)
    insns.set(0, 0xb7, 0, 0, 0, 0)
    insns.set(1, 0x07, 0, 0, 0, 1)
    insns.set(2, 0x55, 0, 0, -2, 900_000)
    insns.set(3, 0x95, 0, 0, 0, 0)
    const program = { ...generated('p', new Randoms(1)), insns }
    const { verdict } = verifyProgram(objectOf([program]), program, { kernel: kernels[2]!, limits: { milliseconds: 1 } })
    expect(verdict).toBe('limit')
  })

  test('the log is cut to its end where it would grow without bound', () => {
    const insns = new Insns(4)
    insns.set(0, 0xb7, 0, 0, 0, 0)
    insns.set(1, 0x07, 0, 0, 0, 1)
    insns.set(2, 0x55, 0, 0, -2, 20_000)
    insns.set(3, 0x95, 0, 0, 0, 0)
    const program = { ...generated('p', new Randoms(1)), insns }
    const { log, verdict } = verifyProgram(objectOf([program]), program, {
      kernel: kernels[2]!,
      logLevel: 2,
      limits: { logLength: 100_000 },
    })
    expect(verdict).toBe('accepted')
    expect(log.length).toBeLessThan(150_000)
    expect(log).toMatch(/3: \(95\) exit\n.*processed \d+ insns/s)
  })
})

const source = `#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8); __type(key, __u32); __type(value, __u64); } hits SEC(".maps");
const volatile int limit = 5;
__attribute__((noinline)) int twice(int value) { return value * limit; }
SEC("xdp") int count(struct xdp_md *ctx)
{
    __u32 key = twice(ctx->rx_queue_index);
    __u64 one = 1, *value = bpf_map_lookup_elem(&hits, &key);
    if (value) *value += 1;
    else bpf_map_update_elem(&hits, &key, &one, 0);
    return XDP_PASS;
}
SEC("kprobe/do_unlinkat") int gone(struct pt_regs *ctx)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    int pid = 0;
    bpf_probe_read_kernel(&pid, sizeof(pid), &task->pid);
    return pid == limit;
}
char _license[] SEC("license") = "GPL";
`

describe('objects', () => {
  const whole = compileSource(new MemoryHost({ '/a.bpf.c': source }), '/a.bpf.c').object!

  test.each([1, 2, 3])('bytes of an object changed, seed %i', seed => {
    const random = new Randoms(seed * 104729)
    let opened = 0
    for (let round = 0; round < 150; round++) {
      const bytes = whole.slice(0, random.below(8) ? whole.length : random.below(whole.length))
      for (let left = 1 + random.below(6); left > 0; left--) bytes[random.below(bytes.length)] = random.below(256)
      try {
        const object = prepareObject(openObject(bytes, 'a.bpf.o'), { kernelBtf })
        opened++
        for (const program of object.programs) verdictOf(program, object)
      } catch (error) {
        if (!(error instanceof FormatError)) throw error
      }
    }
    expect(opened).toBeGreaterThan(20)
  })
})
