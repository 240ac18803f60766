/** Extended attributes of files (fs/bpf_fs_kfuncs.c, 6.12): those that the test set. */
import { EEXIST, ENODATA, EPERM, ERANGE } from '../errno.js'
import type { Machine } from '../machine.js'
import { dynptrAt } from './dynptr.js'
import { objectsOf, textAt } from './files.js'
import { defineKfuncs } from './table.js'

const NAME_BYTES = 256
const READABLE = ['user.', 'security.bpf.']

/** Copies an attribute into a dynptr; its length, or why not. */
function read(m: Machine, inode: number): void {
  const name = new TextDecoder().decode(textAt(m, m.u32(2), NAME_BYTES))
  const to = dynptrAt(m, 3)
  const value = m.xattrs.get(inode)?.get(name)
  if (!READABLE.some(prefix => name.startsWith(prefix))) m.ret(-EPERM)
  else if (!value) m.ret(-ENODATA)
  else if (value.length > to.size) m.ret(-ERANGE)
  else {
    m.memory.write(to.data, value)
    m.ret(value.length)
  }
}

const XATTR_CREATE = 1
const XATTR_REPLACE = 2
/** What programs may write (6.15). */
const WRITABLE = 'security.bpf.'

/** bpf_set_dentry_xattr(dentry, name, value, flags). */
function write(m: Machine, inode: number): void {
  const name = new TextDecoder().decode(textAt(m, m.u32(2), NAME_BYTES))
  const value = dynptrAt(m, 3)
  const flags = m.u32(4)
  const attributes = m.xattrs.get(inode) ?? new Map<string, Uint8Array>()
  if (!name.startsWith(WRITABLE)) m.ret(-EPERM)
  else if (flags & XATTR_CREATE && attributes.has(name)) m.ret(-EEXIST)
  else if (flags & XATTR_REPLACE && !attributes.has(name)) m.ret(-ENODATA)
  else {
    attributes.set(name, m.memory.bytes.slice(value.data, value.data + value.size))
    m.xattrs.set(inode, attributes)
    m.ret(0)
  }
}

function remove(m: Machine, inode: number): void {
  const name = new TextDecoder().decode(textAt(m, m.u32(2), NAME_BYTES))
  if (!name.startsWith(WRITABLE)) m.ret(-EPERM)
  else m.ret(m.xattrs.get(inode)?.delete(name) ? 0 : -ENODATA)
}

const inodeOf = (m: Machine) => objectsOf(m).word(m.u32(1), 'dentry', 'd_inode')

defineKfuncs({
  bpf_get_file_xattr: m => read(m, objectsOf(m).word(m.u32(1), 'file', 'f_inode')),
  bpf_get_dentry_xattr: m => read(m, inodeOf(m)),
  bpf_set_dentry_xattr: m => write(m, inodeOf(m)),
  bpf_remove_dentry_xattr: m => remove(m, inodeOf(m)),
  // A cgroup's attributes are kept by the cgroup itself.
  bpf_cgroup_read_xattr: m => read(m, m.u32(1)),
  // No file here has fs-verity.
  bpf_get_fsverity_digest: m => m.ret(-ENODATA),
})
