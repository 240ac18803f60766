import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Loaded } from '../../index.js'
import { load } from '../../plugins/node/node.js'
import '../../plugins/vitest/vitest.js'

const EPERM = -1
const FMODE_READ = 1
const FMODE_WRITE = 2
const DEVICE = 0x800001

const source = join(import.meta.dirname, 'file_guard.bpf.c')

describe('file-guard', () => {
  let guard: Loaded

  const open = (inode: number, mode: number, cgroupId = 1n) => {
    guard.vm.env.task.cgroupId = cgroupId
    const file = {
      struct: 'file',
      fields: {
        f_mode: mode,
        f_inode: { struct: 'inode', fields: { i_ino: inode, i_sb: { struct: 'super_block', fields: { s_dev: DEVICE } } } },
      },
    }
    const result = guard.programs.file_guard!.run({ args: [file] })
    expect(result.fault).toBeUndefined()
    return result.retval
  }

  beforeEach(async () => {
    guard = await load(source, {
      verify: false,
      ktime: 5n,
      task: { pid: 71, tgid: 70, uid: 1000, gid: 1000, comm: 'vi' },
    })
    guard.maps.guarded!.set({ inode: 12, device: DEVICE }, 0)
    guard.maps.guarded!.set({ inode: 13, device: DEVICE }, 4711)
  })

  it('is accepted by the kernels of the support matrix', async () => {
    await expect(load(source)).resolves.toBeDefined()
  })

  it('lets everybody read, and write what is not guarded', () => {
    expect(open(12, FMODE_READ)).toBe(0)
    expect(open(99, FMODE_READ | FMODE_WRITE)).toBe(0)
    expect(guard.maps.refusals).toHaveEvents([])
  })

  it('refuses writers, and tells who', () => {
    expect(open(12, FMODE_READ | FMODE_WRITE, 9n)).toBe(EPERM)
    expect(guard.maps.refusals).toHaveEvents(
      [{ time_ns: 5n, inode: 12n, device: DEVICE, cgroup: 9n, pid: 70, uid: 1000, comm: 'vi' }],
      'refusal',
    )
  })

  it('lets the cgroup write that may', () => {
    expect(open(13, FMODE_WRITE, 4711n)).toBe(0)
    expect(open(13, FMODE_WRITE, 4712n)).toBe(EPERM)
  })
})
