/** Files: paths, sockets behind them, integrity measurements, what an exec shall be allowed. */
import { EFAULT, EINVAL, EOPNOTSUPP } from '../errno.js'
import { VmFault } from '../fault.js'
import type { KernelObjects } from '../kernel-objects.js'
import type { Machine } from '../machine.js'
import { KERNEL_OBJECTS } from '../programs/tracing.js'
import { defineHelpers, defineKfuncs } from './table.js'

const ENAMETOOLONG = 36
/** Size of struct path. */
const PATH_BYTES = 16
/** Dentries deeper than this are a loop. */
const MAX_DEPTH = 256
const encoder = new TextEncoder()

export const objectsOf = (m: Machine) => m.extras.get(KERNEL_OBJECTS) as KernelObjects

/** Bytes up to a zero. */
export function textAt(m: Machine, address: number, length: number): Uint8Array {
  const region = m.memory.find(address)
  if (!region) return new Uint8Array(0)
  const bytes = m.memory.bytes.slice(address, Math.min(region.end, address + length))
  const end = bytes.indexOf(0)
  return end < 0 ? bytes : bytes.subarray(0, end)
}

/** The mount that a vfsmount is part of, where the fixture made a whole `struct mount`. */
function mountOf(m: Machine, objects: KernelObjects, vfsmount: number): number {
  if (vfsmount === 0 || !objects.has('mount')) return 0
  const mount = vfsmount - objects.addressOf(0, 'mount', 'mnt')
  return m.memory.find(mount)?.name === 'struct mount' ? mount : 0
}

/** prepend_path of fs/d_path.c: names from the dentry up, through the mounts, to the root. */
export function pathText(m: Machine, path: number): string | undefined {
  const objects = objectsOf(m)
  let dentry = objects.word(path, 'path', 'dentry')
  let vfsmount = objects.word(path, 'path', 'mnt')
  if (dentry === 0) return undefined
  const parts: string[] = []
  const decoder = new TextDecoder()
  for (let depth = 0; dentry !== 0; depth++) {
    if (depth > MAX_DEPTH) throw new VmFault('the dentries of this path go round in a circle')
    const mount = mountOf(m, objects, vfsmount)
    if (mount !== 0 && dentry === objects.word(vfsmount, 'vfsmount', 'mnt_root')) {
      const parent = objects.word(mount, 'mount', 'mnt_parent')
      if (parent === 0 || parent === mount) break
      dentry = objects.word(mount, 'mount', 'mnt_mountpoint')
      vfsmount = objects.addressOf(parent, 'mount', 'mnt')
      continue
    }
    const parent = objects.word(dentry, 'dentry', 'd_parent')
    if (parent === 0 || parent === dentry) break
    const length = objects.word(dentry, 'dentry', 'd_name.len')
    parts.unshift(decoder.decode(textAt(m, objects.word(dentry, 'dentry', 'd_name.name'), length || 255)))
    dentry = parent
  }
  return `/${parts.join('/')}`
}

/** bpf_d_path(path, buf, size): the length with its zero. */
function dPath(m: Machine): void {
  const size = m.u32(3)
  const to = m.writable(2, size)
  if (size === 0) {
    m.ret(0)
    return
  }
  // As copy_from_kernel_nofault: a bad pointer is an error of the call.
  if (!m.memory.access(m.hi[1]!, m.u32(1), PATH_BYTES, false)) {
    m.ret(-EFAULT)
    return
  }
  const found = pathText(m, m.u32(1))
  const bytes = encoder.encode(found ?? '')
  if (found === undefined) m.ret(-EINVAL)
  else if (bytes.length + 1 > size) m.ret(-ENAMETOOLONG)
  else {
    m.memory.write(to, bytes)
    m.memory.bytes[to + bytes.length] = 0
    m.ret(bytes.length + 1)
  }
}

/** The socket behind a file: `private_data` where the fixture put a `struct socket` there. */
function socketFromFile(m: Machine): void {
  const data = objectsOf(m).word(m.u32(1), 'file', 'private_data')
  m.retAddress(m.memory.find(data)?.name === 'struct socket' ? data : 0)
}

function bprmOptions(m: Machine): void {
  const flags = m.u64(2)
  if (flags & ~1n) m.ret(-EINVAL)
  else {
    objectsOf(m).update(m.u32(1), 'linux_binprm', { secureexec: flags === 1n })
    m.ret(0)
  }
}

const ima = 'there is no integrity measurement (IMA): the answer is -EOPNOTSUPP'

defineHelpers([
  { id: 147, name: 'bpf_d_path', run: dPath },
  { id: 159, name: 'bpf_bprm_opts_set', run: bprmOptions },
  { id: 161, name: 'bpf_ima_inode_hash', run: m => m.ret(-EOPNOTSUPP), partial: ima },
  { id: 162, name: 'bpf_sock_from_file', run: socketFromFile },
  { id: 193, name: 'bpf_ima_file_hash', run: m => m.ret(-EOPNOTSUPP), partial: ima },
])

defineKfuncs({
  bpf_path_d_path: dPath,
  bpf_put_file: m => m.ret(0),
  bpf_get_task_exe_file: m => {
    const objects = objectsOf(m)
    const mm = objects.word(m.u32(1), 'task_struct', 'mm')
    m.retAddress(mm === 0 ? 0 : objects.word(mm, 'mm_struct', 'exe_file'))
  },
})
