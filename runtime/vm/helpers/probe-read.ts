/**
 * Reading memory that may not be there: kernel objects and user memory, both regions of the VM's one memory. A bad address gives
 * -EFAULT and zeros in the buffer (kernel/trace/bpf_trace.c, bpf_probe_read_kernel_common).
 */
import { EFAULT } from '../errno.js'
import type { Machine } from '../machine.js'
import { defineHelpers } from './table.js'

function read(m: Machine): void {
  const size = m.u32(2)
  const to = m.writable(1, size)
  const from = m.u32(3)
  if (size > 0 && !m.memory.access(m.hi[3]!, from, size, false)) {
    m.memory.bytes.fill(0, to, to + size)
    m.ret(-EFAULT)
    return
  }
  m.memory.bytes.copyWithin(to, from, from + size)
  m.ret(0)
}

/** Copies a string with its zero; the result counts the zero. A string that does not fit is cut. */
function readString(m: Machine): void {
  const size = m.u32(2)
  const to = m.writable(1, size)
  if (size === 0) {
    m.ret(0)
    return
  }
  const from = m.u32(3)
  const region = m.hi[3] === 0 ? m.memory.find(from) : undefined
  const { bytes } = m.memory
  if (!region) {
    bytes.fill(0, to, to + size)
    m.ret(-EFAULT)
    return
  }
  const available = Math.min(size, region.end - from)
  let length = 0
  while (length < available && bytes[from + length] !== 0) length++
  if (length === available && available < size) {
    // The string runs off the end of what is mapped.
    bytes.fill(0, to, to + size)
    m.ret(-EFAULT)
    return
  }
  if (length === size) length = size - 1
  bytes.copyWithin(to, from, from + length)
  bytes[to + length] = 0
  m.ret(length + 1)
}

/** bpf_probe_write_user and bpf_copy_from_user live on the same rules. */
function writeUser(m: Machine): void {
  const size = m.u32(3)
  const from = m.readable(2, size)
  const to = m.u32(1)
  if (!m.memory.access(m.hi[1]!, to, size, true)) m.ret(-EFAULT)
  else {
    m.memory.bytes.copyWithin(to, from, from + size)
    m.ret(0)
  }
}

defineHelpers([
  { id: 4, name: 'bpf_probe_read', run: read },
  { id: 36, name: 'bpf_probe_write_user', run: writeUser },
  { id: 45, name: 'bpf_probe_read_str', run: readString },
  { id: 112, name: 'bpf_probe_read_user', run: read },
  { id: 113, name: 'bpf_probe_read_kernel', run: read },
  { id: 114, name: 'bpf_probe_read_user_str', run: readString },
  { id: 115, name: 'bpf_probe_read_kernel_str', run: readString },
  { id: 148, name: 'bpf_copy_from_user', run: read },
])
