/** Extended attributes of files (fs/bpf_fs_kfuncs.c, 6.12): those that the test set. */
import { ENODATA, EPERM, ERANGE } from '../errno.js'
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

defineKfuncs({
  bpf_get_file_xattr: m => read(m, objectsOf(m).word(m.u32(1), 'file', 'f_inode')),
  bpf_get_dentry_xattr: m => read(m, objectsOf(m).word(m.u32(1), 'dentry', 'd_inode')),
})
