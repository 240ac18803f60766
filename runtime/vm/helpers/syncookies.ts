/**
 * SYN cookies (net/ipv4/syncookies.c, 6.12): a sequence number that proves, when it comes back, that a handshake was asked for. The
 * hash has no secret here, so cookies are the same every time; the kernel's are not.
 */
import { EACCES, EINVAL, ENOENT, EPROTONOSUPPORT } from '../errno.js'
import type { Machine } from '../machine.js'
import { jhash2 } from '../maps/stack-trace.js'
import { AF_INET6 } from '../sockets.js'
import { socketAt } from './sockets.js'
import { defineHelpers } from './table.js'

const COOKIE_BITS = 24
const COOKIE_MASK = 0xff_ffff
/** MAX_SYNCOOKIE_AGE, in minutes. */
const MAX_AGE = 2
const DEFAULT_MSS = 536
const DEFAULT_MSS_6 = 1220
const TCP_HEADER = 20
const mssTable = [536, 1300, 1440, 1460]
const mssTable6 = [1280 - 60, 1480 - 60, 1500 - 60, 9000 - 60]

/** Addresses and ports as the hash takes them. */
function words(m: Machine, ip: number, tcp: number, four: boolean): number[] {
  const { view } = m.memory
  const from = ip + (four ? 12 : 8)
  const addresses = Array.from({ length: four ? 2 : 8 }, (_, index) => view.getInt32(from + index * 4, true))
  return [...addresses, view.getInt32(tcp, true)]
}

const hash = (key: readonly number[], count: number, which: number) => jhash2(Int32Array.from([...key, count, which]))

/** tcp_cookie_time: minutes since boot. */
const minutes = (m: Machine) => Number(m.env.ktime / 60_000_000_000n)

/** MSS option of a TCP header. */
function mssOf(m: Machine, tcp: number, size: number): number {
  const { bytes, view } = m.memory
  for (let at = tcp + TCP_HEADER; at < tcp + size; ) {
    const kind = bytes[at]!
    if (kind === 0) return 0
    if (kind === 1) {
      at++
      continue
    }
    const length = bytes[at + 1]!
    if (length < 2 || at + length > tcp + size) return 0
    if (kind === 2 && length === 4) return view.getUint16(at + 2, false)
    at += length
  }
  return 0
}

/** Cookie in the low half, MSS in the high half. */
function generate(m: Machine, ip: number, tcp: number, size: number, four: boolean): bigint {
  const table = four ? mssTable : mssTable6
  const mss = mssOf(m, tcp, size) || (four ? DEFAULT_MSS : DEFAULT_MSS_6)
  let index = table.length - 1
  while (index > 0 && mss < table[index]!) index--
  const key = words(m, ip, tcp, four)
  const count = minutes(m)
  const sequence = m.memory.view.getUint32(tcp + 4, false)
  const second = (hash(key, count, 1) + index) & COOKIE_MASK
  const cookie = (hash(key, 0, 0) + sequence + (count << COOKIE_BITS) + second) >>> 0
  return BigInt(cookie) | (BigInt(table[index]!) << 32n)
}

function isValid(m: Machine, ip: number, tcp: number, four: boolean): boolean {
  const { view } = m.memory
  const key = words(m, ip, tcp, four)
  const sequence = (view.getUint32(tcp + 4, false) - 1) | 0
  const cookie = (view.getUint32(tcp + 8, false) - 1 - hash(key, 0, 0) - sequence) >>> 0
  const count = minutes(m)
  const age = (count - (cookie >>> COOKIE_BITS)) & 0xff
  if (age >= MAX_AGE) return false
  return ((cookie - hash(key, count - age, 1)) & COOKIE_MASK) < mssTable.length
}

const FIN = 1
const SYN = 2
const RST = 4
const ACK = 16

/** Arguments of the helpers with a socket: listener, IP header, its length, TCP header, its length; an errno where they are bad. */
function withSocket(m: Machine, exact: boolean): { readonly ip: number; readonly tcp: number; readonly flags: number } | number {
  const socket = socketAt(m, 1)
  const [ipSize, tcpSize] = [m.u32(3), m.u32(5)]
  const ip = m.readable(2, ipSize)
  const tcp = m.readable(4, tcpSize)
  const { bytes } = m.memory
  if (!socket || tcpSize < TCP_HEADER || (exact && tcpSize !== (bytes[tcp + 12]! >> 4) * 4)) return -EINVAL
  if (!socket.isListening) return -EINVAL
  return { ip, tcp, flags: bytes[tcp + 13]! }
}

/** Version 4 or 6, or the errno for the rest. */
function version(m: Machine, ip: number): 4 | 6 | number {
  if (m.u32(3) < 20) return -EINVAL
  const found = m.memory.bytes[ip]! >> 4
  if (found === 4) return 4
  if (found !== 6) return -EPROTONOSUPPORT
  return m.u32(3) < 40 || socketAt(m, 1)?.family !== AF_INET6 ? -EINVAL : 6
}

function check(m: Machine): void {
  const found = withSocket(m, false)
  if (typeof found === 'number') m.ret(found)
  else if (!(found.flags & ACK) || found.flags & (RST | SYN)) m.ret(-ENOENT)
  else {
    const kind = version(m, found.ip)
    if (kind < 0) m.ret(kind)
    else m.ret(isValid(m, found.ip, found.tcp, kind === 4) ? 0 : -ENOENT)
  }
}

function make(m: Machine): void {
  const found = withSocket(m, true)
  if (typeof found === 'number') m.ret(found)
  else if (!(found.flags & SYN) || found.flags & (ACK | FIN | RST)) m.ret(-EINVAL)
  else {
    const kind = version(m, found.ip)
    if (kind < 0) m.ret(kind)
    else m.ret64(generate(m, found.ip, found.tcp, m.u32(5), kind === 4))
  }
}

function makeRaw(m: Machine, four: boolean): void {
  const size = m.u32(3)
  const ip = m.readable(1, four ? 20 : 40)
  const tcp = m.readable(2, size)
  if (size < TCP_HEADER || size !== (m.memory.bytes[tcp + 12]! >> 4) * 4) m.ret(-EINVAL)
  else m.ret64(generate(m, ip, tcp, size, four))
}

const checkRaw = (m: Machine, four: boolean) =>
  m.ret(isValid(m, m.readable(1, four ? 20 : 40), m.readable(2, TCP_HEADER), four) ? 0 : -EACCES)

const secret = 'the hash has no secret: cookies are the same every time, and others than a kernel’s'

defineHelpers([
  { id: 100, name: 'bpf_tcp_check_syncookie', run: check, partial: secret },
  { id: 110, name: 'bpf_tcp_gen_syncookie', run: make, partial: secret },
  { id: 204, name: 'bpf_tcp_raw_gen_syncookie_ipv4', run: m => makeRaw(m, true), partial: secret },
  { id: 205, name: 'bpf_tcp_raw_gen_syncookie_ipv6', run: m => makeRaw(m, false), partial: secret },
  { id: 206, name: 'bpf_tcp_raw_check_syncookie_ipv4', run: m => checkRaw(m, true), partial: secret },
  { id: 207, name: 'bpf_tcp_raw_check_syncookie_ipv6', run: m => checkRaw(m, false), partial: secret },
])
