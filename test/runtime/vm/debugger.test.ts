/** The debugger's core: what comes back of a place in a recorded run is what was there, and moves back undo moves forward. */
import { describe, expect, it } from 'vitest'
import { load } from '../../../index.js'
import type { PreparedObject } from '../../../linker/object/prepared.js'
import { Debugger } from '../../../runtime/vm/debug/debugger.js'
import { bigOf } from '../../../runtime/vm/long.js'
import { MapType } from '../../../runtime/vm/maps/map.js'
import { Vm } from '../../../runtime/vm/vm.js'
import { mapDef, object, program } from './bare.js'

const SOURCE = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} recent SEC(".maps");
__u64 sum;
__attribute__((noinline)) int note(__u32 key, __u64 value)
{
	sum += value;
	return bpf_map_update_elem(&recent, &key, &value, BPF_ANY);
}
SEC("tc")
int prog(struct __sk_buff *skb)
{
	for (int i = 0; i < 7; i++)
		if (note(bpf_get_prandom_u32() % 6, i * 5))
			return -1;
	return sum;
}
`

const packet = new Uint8Array(64)

/** Registers and all memory of a VM, as text. */
function state(vm: Vm): string {
  const { lo, hi, memory, frameDepth } = vm.machine
  let hash = 0
  for (let at = 0; at < memory.top; at++) hash = (Math.imul(hash, 31) + memory.bytes[at]!) | 0
  const registers = Array.from({ length: 11 }, (_, i) => bigOf(lo[i]!, hi[i]!).toString(16))
  return `${frameDepth} ${registers.join(' ')} ${hash}`
}

const debuggerOf = (prepared: PreparedObject, name = 'prog', limit?: number) =>
  new Debugger(() => ({ vm: new Vm(prepared), program: name, input: { packet } }), prepared, limit)

const prepared = (await load(SOURCE, { verify: false })).vm.prepared

describe('debugger', () => {
  it('gives back the state before each instruction as it was', () => {
    const vm = new Vm(prepared)
    const seen: string[] = []
    vm.program('prog').run({ packet, onStep: () => seen.push(state(vm)) })
    const debug = debuggerOf(prepared)
    expect(debug.recording.length).toBe(seen.length)
    for (let at = seen.length - 1; at >= 0; at -= 3) expect(state(debug.recording.at(at))).toBe(seen[at])
    expect(state(debug.recording.at(seen.length))).toBe(state(vm))
    expect(debug.ending).toEqual({ kind: 'returned', retval: 105 })
  })

  it.each(['step', 'stepInstruction'] as const)('%s back visits what it visited forward', move => {
    const debug = debuggerOf(prepared)
    const forward = [debug.position]
    while (!debug.atEnd) {
      debug[move]('forward')
      forward.push(debug.position)
    }
    const back = [debug.position]
    while (debug.position > 0) {
      debug[move]('back')
      back.push(debug.position)
    }
    expect(forward.length).toBeGreaterThan(20)
    expect(back).toEqual(forward.toReversed())
  })

  it('stays in the function with stepOver, and leaves it with stepOut', () => {
    const debug = debuggerOf(prepared)
    const functions = new Set<string>()
    for (; !debug.atEnd; debug.stepOver('forward')) functions.add(debug.frames()[0]!.function)
    expect([...functions]).toEqual(['prog'])
    debug.goTo(0)
    debug.addBreakpoint('note')
    debug.resume('forward')
    expect(debug.frames().map(each => each.function)).toEqual(['note', 'prog'])
    const inside = debug.position
    debug.stepOut('forward')
    expect(debug.frames().map(each => each.function)).toEqual(['prog'])
    debug.resume('back')
    expect(debug.position).toBe(inside)
    debug.stepOut('back')
    expect(debug.position).toBe(inside - 1)
  })

  it('follows tail calls, and stops at each instruction of a program without lines', () => {
    const jumps = mapDef({ name: 'jumps', type: MapType.PROG_ARRAY, valueSize: 4, values: [{ index: 0, target: 'other' }] })
    const both = object(
      {
        prog: { type: 3, insns: program('r2 = jumps ll; r3 = 0; call 12; r0 = 1; exit', [jumps]) },
        other: { type: 3, insns: program('r0 = 5; exit') },
      },
      [jumps],
    )
    const debug = debuggerOf(both)
    const seen: string[] = []
    for (; !debug.atEnd; debug.step('forward'))
      seen.push(`${debug.recording.program(debug.position).name} ${debug.recording.slot(debug.position)}`)
    expect(seen).toEqual(['prog 0', 'prog 2', 'prog 3', 'other 0', 'other 1'])
    expect(debug.ending).toEqual({ kind: 'returned', retval: 5 })
  })

  it('keeps what it recorded of a run that does not end', () => {
    const debug = debuggerOf(object({ prog: { type: 3, insns: program('again: r1 = 1; goto again') } }), 'prog', 1000)
    expect(debug.ending).toMatchObject({ kind: 'limit' })
    debug.resume('forward')
    expect(debug.position).toBe(1000)
    expect(debug.vm.machine.lo[1]).toBe(1)
  })
})
