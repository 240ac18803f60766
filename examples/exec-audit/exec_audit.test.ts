import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Fixture, Vm } from '../../index.js'
import { compileExample, expectAccepted } from '../../test/support/example.js'

const { prepared } = compileExample(join(import.meta.dirname, 'exec_audit.bpf.c'))

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).replace(/\0.*$/s, '')

const event = (bytes: Uint8Array) => {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const size = view.getUint32(28, true)
  return {
    time: view.getBigUint64(0, true),
    cgroup: view.getBigUint64(8, true),
    pid: view.getUint32(16, true),
    ppid: view.getUint32(20, true),
    uid: view.getUint32(24, true),
    comm: text(bytes.subarray(32, 48)),
    filename: text(bytes.subarray(48, 176)),
    args: new TextDecoder()
      .decode(bytes.subarray(176, 176 + size))
      .split('\0')
      .slice(0, -1),
  }
}

/** The record of sched_process_exec, which has the file's name behind its fixed part. */
const record = (filename: string): Fixture => ({
  struct: 'trace_event_raw_sched_process_exec',
  fields: { __data_loc_filename: filename, pid: 77, old_pid: 77 },
})

describe('exec-audit', () => {
  let vm: Vm

  const exec = (filename: string, args: readonly string[]) => {
    const words = `${args.join('\0')}\0`
    const start = vm.objects.place('arguments', new TextEncoder().encode(words))
    vm.setCurrentTask({
      struct: 'task_struct',
      fields: {
        real_parent: { struct: 'task_struct', fields: { tgid: 42 } },
        mm: { struct: 'mm_struct', fields: { arg_start: start, arg_end: start + words.length } },
      },
    })
    const result = vm.program('exec_audit').run({ event: record(filename) })
    expect(result.fault).toBeUndefined()
    return vm.maps['events']!.consume().map(event)
  }

  beforeEach(() => {
    vm = new Vm(prepared, { ktime: 99n, task: { pid: 77, tgid: 77, uid: 0, gid: 0, comm: 'sh', cgroupId: 4711n } })
  })

  it('is accepted by the kernels of the support matrix', () => expectAccepted(prepared))

  it('reports what kubectl exec runs: file, arguments, cgroup, parent', () => {
    expect(exec('/bin/sh', ['sh', '-c', 'cat /etc/shadow'])).toEqual([
      {
        time: 99n,
        cgroup: 4711n,
        pid: 77,
        ppid: 42,
        uid: 0,
        comm: 'sh',
        filename: '/bin/sh',
        args: ['sh', '-c', 'cat /etc/shadow'],
      },
    ])
  })

  it('cuts long arguments to its buffer', () => {
    const [made] = exec('/bin/echo', ['echo', 'x'.repeat(1000)])
    expect(made!.args[0]).toBe('echo')
  })

  it('counts what it could not report', () => {
    for (let i = 0; i < 600; i++) {
      vm.setCurrentTask({ struct: 'task_struct', fields: {} })
      vm.program('exec_audit').run({ event: record('/bin/true') })
    }
    const events = vm.maps['events']!.consume()
    const lost = vm.maps[prepared.maps.find(map => map.data?.section === '.bss')!.name]!.get(new Uint8Array(4))!
    expect(events.length + Number(new DataView(lost.buffer, lost.byteOffset).getBigUint64(0, true))).toBe(600)
    expect(events.length).toBeLessThan(600)
  })
})
