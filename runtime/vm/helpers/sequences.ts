/** Text for readers of iterators (seq_file), and data as text by BTF. */
import { EFAULT, EINVAL, ENOENT } from '../errno.js'
import { VmFault } from '../fault.js'
import { btfText } from '../btf-text.js'
import type { Machine } from '../machine.js'
import { formatText } from './format.js'
import { formatOf, values } from './print.js'
import { defineHelpers } from './table.js'

const EOVERFLOW = 75
const latin1 = new TextDecoder('latin1')
/** Bytes that a reader's buffer holds in the kernel (bpf_iter: PAGE_SIZE << 3). */
const SEQUENCE_BYTES = 4096 << 3

/** What an iterator's program wrote for one object. */
export interface Sequence {
  text: string
}

/** Key under which the running iterator's output is kept. */
export const SEQUENCE = 'sequence'

function append(m: Machine, text: string): void {
  const sequence = m.extras.get(SEQUENCE) as Sequence | undefined
  if (!sequence) throw new VmFault('output of an iterator in a run that is none: use `iterate`')
  if (sequence.text.length + text.length > SEQUENCE_BYTES) m.ret(-EOVERFLOW)
  else {
    sequence.text += text
    m.ret(0)
  }
}

function printf(m: Machine): void {
  const format = formatOf(m, 2, m.u32(3))
  const args = values(m, 4, m.u32(5))
  const text = format === undefined || !args ? -EINVAL : formatText(m, format, args)
  if (typeof text === 'number') m.ret(text)
  else append(m, text)
}

function write(m: Machine): void {
  const size = m.u32(3)
  const at = m.readable(2, size)
  append(m, latin1.decode(m.memory.slice(at, size)))
}

const BTF_F_ALL = 15
const BTF_PTR_BYTES = 16

/** Text of `struct btf_ptr { ptr, type_id, flags }`; a negated errno where the kernel refuses it. */
function pointed(m: Machine, register: number, size: number, flags: bigint): string | number {
  const at = m.readable(register, size)
  if (flags & ~BigInt(BTF_F_ALL) || size !== BTF_PTR_BYTES) return -EINVAL
  const { view } = m.memory
  const id = view.getUint32(at + 8, true)
  if (view.getUint32(at + 12, true) !== 0) return -EINVAL
  if (!m.kernelBtf || id === 0 || id >= m.kernelBtf.count) return -ENOENT
  const address = view.getUint32(at, true)
  if (view.getUint32(at + 4, true) !== 0 || !m.memory.find(address)) return -EFAULT
  return btfText(m.memory, m.kernelBtf, id, address, Number(flags))
}

/** bpf_snprintf_btf(str, str_size, ptr, btf_ptr_size, flags): the length without the zero, also of what did not fit. */
function snprintfBtf(m: Machine): void {
  const size = m.u32(2)
  const to = m.writable(1, size)
  const text = pointed(m, 3, m.u32(4), m.u64(5))
  if (typeof text === 'number') {
    m.ret(text)
    return
  }
  const cut = text.slice(0, Math.max(0, size - 1))
  for (let i = 0; i < cut.length; i++) m.memory.bytes[to + i] = cut.charCodeAt(i)
  if (size > 0) m.memory.bytes[to + cut.length] = 0
  m.ret(text.length)
}

function printfBtf(m: Machine): void {
  const text = pointed(m, 2, m.u32(3), m.u64(4))
  if (typeof text === 'number') m.ret(text)
  else append(m, text)
}

const hashed = 'pointers are shown as they are, the kernel hashes them unless BTF_F_PTR_RAW is given'

defineHelpers([
  { id: 126, name: 'bpf_seq_printf', run: printf },
  { id: 127, name: 'bpf_seq_write', run: write },
  { id: 149, name: 'bpf_snprintf_btf', run: snprintfBtf, partial: hashed },
  { id: 150, name: 'bpf_seq_printf_btf', run: printfBtf, partial: hashed },
])
