/**
 * Options of sockets, addresses to bind to, and options in TCP headers (net/core/filter.c, 6.12). Options are kept with the socket; of
 * the defaults only those of fields the VM has are known, all others are 0 until set.
 */
import { EAFNOSUPPORT, EEXIST, EFAULT, EINVAL, ENOSPC, EPERM } from '../errno.js'
import { VmFault } from '../fault.js'
import type { Machine } from '../machine.js'
import { AF_INET, AF_INET6, type VmSocket } from '../sockets.js'
import { headerOptions, SOCK_OPS_HDR_OPT_LEN_CB, SOCK_OPS_WRITE_HDR_OPT_CB } from '../programs/sock-ops.js'
import { socketOf } from './sockets.js'
import { defineHelpers } from './table.js'

const SOL_IP = 0
const SOL_SOCKET = 1
const SOL_TCP = 6
const SOL_IPV6 = 41
const SO_PRIORITY = 12
const SO_BINDTODEVICE = 25
const SO_MARK = 36
const SO_BINDTOIFINDEX = 62
const TCP_CONGESTION = 13
const TCP_SAVED_SYN = 28
const TCP_BPF_SOCK_OPS_CB_FLAGS = 1008
/** BPF_SOCK_OPS_ALL_CB_FLAGS. */
const ALL_CALLBACKS = 0x7f
/** TCP_CA_NAME_MAX. */
const CONGESTION_NAME = 16

/** Options of four bytes that programs may read and write, by level. */
const intOptions: Readonly<Record<number, readonly number[]>> = {
  [SOL_SOCKET]: [2, 7, 8, 9, SO_PRIORITY, 15, 18, SO_MARK, 47, SO_BINDTOIFINDEX, 74],
  [SOL_TCP]: [1, 2, 4, 5, 6, 7, 10, 16, 18, 25, 27, TCP_BPF_SOCK_OPS_CB_FLAGS],
  [SOL_IP]: [1],
  [SOL_IPV6]: [67, 70],
}
/** TCP_BPF_IW to TCP_BPF_RTO_MIN: may be set, not read. */
const setOnly = [1001, 1002, 1003, 1004]

interface Option {
  readonly socket: VmSocket
  readonly level: number
  readonly name: number
  readonly at: number
  readonly size: number
}

/** The option a call is about; undefined where the kernel has none such for programs. */
function option(m: Machine, getting: boolean): Option | undefined {
  const socket = socketOf(m, 1)
  if (!socket) throw new VmFault('the run has no socket: give it one (fixture `socket`)')
  const [level, name, size] = [m.s32(2), m.s32(3), m.u32(5)]
  const at = getting ? m.writable(4, size) : m.readable(4, size)
  if ((level === SOL_TCP && !socket.isTcp) || (level === SOL_IPV6 && socket.family !== AF_INET6)) return undefined
  if (level === SOL_IP && socket.family !== AF_INET && socket.family !== AF_INET6) return undefined
  const found = { socket, level, name, at, size }
  if (intOptions[level]?.includes(name)) return size === 4 ? found : undefined
  if (level === SOL_SOCKET && name === SO_BINDTODEVICE) return getting ? undefined : found
  if (level !== SOL_TCP) return undefined
  if (name === TCP_CONGESTION) return size >= 2 ? found : undefined
  if (name === TCP_SAVED_SYN) return getting && size >= 1 ? found : undefined
  return !getting && size === 4 && setOnly.includes(name) ? found : undefined
}

/** Options that are fields of the socket. */
function field(socket: VmSocket, level: number, name: number): 'mark' | 'priority' | 'device' | 'callbacks' | undefined {
  if (level === SOL_TCP) return name === TCP_BPF_SOCK_OPS_CB_FLAGS && socket.isTcp ? 'callbacks' : undefined
  if (level !== SOL_SOCKET) return undefined
  return name === SO_MARK ? 'mark' : name === SO_PRIORITY ? 'priority' : name === SO_BINDTOIFINDEX ? 'device' : undefined
}

function setOption(m: Machine): void {
  const found = option(m, false)
  if (!found) {
    m.ret(-EINVAL)
    return
  }
  const { socket, level, name, at, size } = found
  const value = size === 4 ? m.memory.view.getInt32(at, true) : 0
  const kept = field(socket, level, name)
  if (kept === 'callbacks' && value & ~ALL_CALLBACKS) m.ret(-EINVAL)
  else if (level === SOL_TCP && setOnly.includes(name) && value <= 0) m.ret(-EINVAL)
  else {
    if (kept) socket[kept] = value >>> 0
    else socket.options.set(`${level}:${name}`, m.memory.bytes.slice(at, at + size))
    socket.sync()
    m.ret(0)
  }
}

function getOption(m: Machine): void {
  const found = option(m, true)
  if (!found) {
    const size = m.u32(5)
    const at = m.writable(4, size)
    m.memory.bytes.fill(0, at, at + size)
    m.ret(-EINVAL)
    return
  }
  const { socket, level, name, at, size } = found
  const kept = field(socket, level, name)
  let value = socket.options.get(`${level}:${name}`)
  if (name === TCP_SAVED_SYN && level === SOL_TCP && (!value || size > value.length)) {
    m.memory.bytes.fill(0, at, at + size)
    m.ret(-EINVAL)
    return
  }
  if (name === TCP_CONGESTION && level === SOL_TCP) value = (value ?? new TextEncoder().encode('cubic')).slice(0, CONGESTION_NAME)
  m.memory.bytes.fill(0, at, at + size)
  if (kept) m.memory.view.setUint32(at, socket[kept], true)
  else if (value) m.memory.write(at, value.subarray(0, size))
  m.ret(0)
}

/** bpf_sock_ops_cb_flags_set: which callbacks the socket shall have; the flags that there are not come back. */
function setCallbacks(m: Machine): void {
  const { socket } = m
  if (!socket) {
    m.ret(-EINVAL)
    return
  }
  socket.callbacks = m.u32(2) & ALL_CALLBACKS
  m.memory.view.setUint32(m.context + 84, socket.callbacks, true)
  m.ret(m.s32(2) & ~ALL_CALLBACKS)
}

/** bpf_bind: the address is kept as an option of the socket, for tests to look at (`bind`). */
function bind(m: Machine): void {
  const size = m.s32(3)
  const at = m.readable(2, Math.max(0, size))
  const family = size >= 2 ? m.memory.view.getUint16(at, true) : 0
  if (size < 2) m.ret(-EINVAL)
  else if (family !== AF_INET && family !== AF_INET6) m.ret(-EAFNOSUPPORT)
  else if (size < (family === AF_INET ? 16 : 24)) m.ret(-EINVAL)
  else {
    m.socket?.options.set('bind', m.memory.bytes.slice(at, at + size))
    m.ret(0)
  }
}

const TCPOPT_EOL = 0
const TCPOPT_NOP = 1
const EXPERIMENTAL = [253, 254]
const TCP_HEADER = 20
const ENOMSG = 42
const ENOENT_SYN = 2
const BPF_LOAD_HDR_OPT_TCP_SYN = 1n

/** bpf_search_tcp_opt: offset of an option, or a negated errno; `ended` when an end-of-options stood before. */
function search(options: Uint8Array, kind: number, magic: Uint8Array): { readonly at: number; readonly ended: boolean } {
  let at = 0
  while (at < options.length) {
    const here = options[at]!
    if (here === TCPOPT_EOL) return { at: -ENOMSG, ended: true }
    if (here === TCPOPT_NOP) {
      at++
      continue
    }
    const size = options[at + 1] ?? 0
    if (options.length - at < Math.max(2, size) || size < 2) return { at: -EFAULT, ended: false }
    if (here === kind) {
      if (magic.length === 0) return { at, ended: false }
      if (magic.length > size - 2) return { at: -ENOMSG, ended: false }
      if (magic.every((byte, index) => options[at + 2 + index] === byte)) return { at, ended: false }
    }
    at += size
  }
  return { at: -ENOMSG, ended: false }
}

/** bpf_load_hdr_opt(ops, search, len, flags): finds an option and copies it over the search pattern. */
function loadOption(m: Machine): void {
  const size = m.u32(3)
  const at = m.writable(2, size)
  const flags = m.u64(4)
  const { bytes } = m.memory
  if (size < 2 || flags & ~BPF_LOAD_HDR_OPT_TCP_SYN) {
    m.ret(-EINVAL)
    return
  }
  const [kind, length] = [bytes[at]!, bytes[at + 1]!]
  const special = EXPERIMENTAL.includes(kind)
  if (length > size || kind <= TCPOPT_NOP || (special ? length !== 4 && length !== 6 : length !== 0)) {
    m.ret(-EINVAL)
    return
  }
  const state = headerOptions(m)
  const header = flags ? state?.syn : state?.header()
  if (!header || state!.operation === SOCK_OPS_HDR_OPT_LEN_CB) {
    m.ret(flags ? -ENOENT_SYN : -EPERM)
    return
  }
  const options = header.subarray(TCP_HEADER)
  const found = search(options, kind, special ? bytes.slice(at + 2, at + length) : new Uint8Array(0))
  if (found.at < 0) {
    m.ret(found.at)
    return
  }
  const whole = options[found.at + 1]!
  m.memory.write(at, options.subarray(found.at, found.at + Math.min(whole, size)))
  m.ret(whole > size ? -ENOSPC : whole)
}

/** bpf_store_hdr_opt(ops, from, len, flags): writes an option behind those that are there. */
function storeOption(m: Machine): void {
  const size = m.u32(3)
  const at = m.readable(2, size)
  const state = headerOptions(m)
  if (!state || state.operation !== SOCK_OPS_WRITE_HDR_OPT_CB) {
    m.ret(-EPERM)
    return
  }
  const { bytes } = m.memory
  const [kind, length] = [bytes[at] ?? 0, bytes[at + 1] ?? 0]
  const special = EXPERIMENTAL.includes(kind)
  if (size < 2 || m.u64(4) !== 0n || length > size || kind <= TCPOPT_NOP || (special && length < 4)) {
    m.ret(-EINVAL)
    return
  }
  if (length > state.remaining) {
    m.ret(-ENOSPC)
    return
  }
  const options = state.header().subarray(TCP_HEADER)
  const found = search(options, kind, special ? bytes.slice(at + 2, at + 4) : new Uint8Array(0))
  if (found.at >= 0 || found.ended || found.at !== -ENOMSG) m.ret(found.at >= 0 ? -EEXIST : found.ended ? -ENOSPC : found.at)
  else {
    state.append(bytes.slice(at, at + length))
    m.ret(0)
  }
}

function reserveOption(m: Machine): void {
  const size = m.u32(2)
  const state = headerOptions(m)
  if (!state || state.operation !== SOCK_OPS_HDR_OPT_LEN_CB) m.ret(-EPERM)
  else if (m.u64(3) !== 0n || size < 2) m.ret(-EINVAL)
  else if (size > state.remaining) m.ret(-ENOSPC)
  else {
    state.remaining -= size
    m.ret(0)
  }
}

const kept = 'options that are not fields of the socket are 0 until set, and change nothing'

defineHelpers([
  { id: 49, name: 'bpf_setsockopt', run: setOption, partial: kept },
  { id: 57, name: 'bpf_getsockopt', run: getOption, partial: kept },
  { id: 59, name: 'bpf_sock_ops_cb_flags_set', run: setCallbacks },
  { id: 64, name: 'bpf_bind', run: bind, partial: 'every address is there and free; it is kept as the option `bind`' },
  { id: 116, name: 'bpf_tcp_send_ack', run: m => m.ret(0), partial: 'nothing is sent' },
  { id: 142, name: 'bpf_load_hdr_opt', run: loadOption },
  { id: 143, name: 'bpf_store_hdr_opt', run: storeOption },
  { id: 144, name: 'bpf_reserve_hdr_opt', run: reserveOption },
])
