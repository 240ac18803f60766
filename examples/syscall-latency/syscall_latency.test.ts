import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Loaded } from '../../index.js'
import { load } from '../../plugins/node/node.js'

const READ = 0
const OPENAT = 257

interface Histogram {
  readonly comm: string
  readonly calls: bigint
  readonly errors: bigint
  readonly total_ns: bigint
  readonly slots: readonly number[]
}

const source = join(import.meta.dirname, 'syscall_latency.bpf.c')

describe('syscall-latency', () => {
  let latency: Loaded

  const enter = (tid: number, tgid: number, comm: string, number: number) => {
    Object.assign(latency.vm.env.task, { pid: tid, tgid, comm })
    expect(
      latency.programs.syscall_enter!.run({ event: { struct: 'trace_event_raw_sys_enter', fields: { id: number } } }).fault,
    ).toBeUndefined()
  }
  const leave = (tid: number, tgid: number, comm: string, ret: number) => {
    Object.assign(latency.vm.env.task, { pid: tid, tgid, comm })
    expect(
      latency.programs.syscall_exit!.run({ event: { struct: 'trace_event_raw_sys_exit', fields: { ret } } }).fault,
    ).toBeUndefined()
  }
  const call = (pid: number, comm: string, number: number, microseconds: number, ret = 0) => {
    enter(pid, pid, comm, number)
    latency.vm.advance(microseconds * 1000)
    leave(pid, pid, comm, ret)
  }
  const histogram = (pid: number, syscall: number) => latency.maps.histograms!.get({ pid, syscall }) as unknown as Histogram

  beforeEach(async () => {
    latency = await load(source, { verify: false })
  })

  it('is accepted by the kernels of the support matrix', async () => {
    await expect(load(source)).resolves.toBeDefined()
  })

  it.each([
    [0, 0],
    [1, 0],
    [2, 1],
    [3, 1],
    [4, 2],
    [1023, 9],
    [1024, 10],
    [8_388_608, 23],
    [4_000_000_000, 23],
  ])('puts %i microseconds into slot %i', (microseconds, slot) => {
    call(7, 'cat', READ, microseconds)
    expect(histogram(7, READ).slots.findIndex(count => count > 0)).toBe(slot)
  })

  it('keeps processes and system calls apart, and counts errors', () => {
    call(7, 'cat', READ, 5)
    call(7, 'cat', READ, 6, -11)
    call(7, 'cat', OPENAT, 50)
    call(8, 'nginx', READ, 100)
    expect(histogram(7, READ)).toMatchObject({ comm: 'cat', calls: 2n, errors: 1n, total_ns: 11_000n })
    expect(histogram(7, READ).slots[2]).toBe(2)
    expect(histogram(7, OPENAT)).toMatchObject({ calls: 1n, errors: 0n })
    expect(histogram(8, READ)).toMatchObject({ comm: 'nginx', calls: 1n })
  })

  it('measures threads of a process that are in system calls at the same time', () => {
    enter(71, 7, 'java', READ)
    latency.vm.advance(10_000)
    enter(72, 7, 'java', READ)
    latency.vm.advance(30_000)
    leave(71, 7, 'java', 1)
    leave(72, 7, 'java', 1)
    expect(histogram(7, READ)).toMatchObject({ calls: 2n, total_ns: 70_000n })
    expect([...latency.maps.starts!.entries()]).toEqual([])
  })

  it('leaves out calls that began before it was loaded', () => {
    leave(7, 7, 'cat', 0)
    expect([...latency.maps.histograms!.entries()]).toEqual([])
  })
})
