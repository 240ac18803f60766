/** Text: bpf_trace_printk and friends, whose lines a run returns, bpf_snprintf, and numbers from strings. */
import { EINVAL, ENOENT, ERANGE } from '../errno.js'
import type { Machine } from '../machine.js'
import { formatText } from './format.js'
import { defineHelpers, defineKfuncs } from './table.js'

const latin1 = new TextDecoder('latin1')

export function formatOf(m: Machine, register: number, size: number): string | undefined {
  const at = m.readable(register, size)
  const text = latin1.decode(m.memory.slice(at, size))
  const end = text.indexOf('\0')
  return end < 0 ? undefined : text.slice(0, end)
}

/** Adds printed text to the run's lines; the result is its length. */
function print(m: Machine, text: string | number): void {
  if (typeof text === 'number') {
    m.ret(text)
    return
  }
  m.trace.push(text.endsWith('\n') ? text.slice(0, -1) : text)
  m.ret(text.length)
}

function tracePrintk(m: Machine): void {
  const format = formatOf(m, 1, m.u32(2))
  if (format === undefined) m.ret(-EINVAL)
  else print(m, formatText(m, format, [m.u64(3), m.u64(4), m.u64(5)]))
}

/** Arguments of the vararg helpers: `size` bytes of 64-bit values. */
export function values(m: Machine, register: number, size: number): bigint[] | undefined {
  if (size % 8 || size > 12 * 8) return undefined
  if (size === 0) return []
  const at = m.readable(register, size)
  return Array.from({ length: size / 8 }, (_, i) => m.memory.view.getBigUint64(at + i * 8, true))
}

function traceVprintk(m: Machine): void {
  const format = formatOf(m, 1, m.u32(2))
  const args = values(m, 3, m.u32(4))
  if (format === undefined || !args) m.ret(-EINVAL)
  else print(m, formatText(m, format, args))
}

/** What programs wrote to their streams (bpf_stream_printk, 6.17). */
export interface Streams {
  readonly stdout: string
  readonly stderr: string
}

/** bpf_stream_vprintk_impl(stream_id, fmt, args, size): stream 1 is the standard output, 2 the errors. */
function streamPrint(m: Machine): void {
  const name = ([undefined, 'stdout', 'stderr'] as const)[m.u32(1)]
  const format = stringFormat(m, 2)
  const args = m.isNull(3) && m.u32(4) === 0 ? [] : values(m, 3, m.u32(4))
  const text = format === undefined || !args ? -EINVAL : formatText(m, format, args)
  if (!name) m.ret(-ENOENT)
  else if (typeof text === 'number') m.ret(text)
  else {
    m.streams = { ...m.streams, [name]: m.streams[name] + text }
    m.ret(0)
  }
}

/** A format that ends with a zero somewhere in its memory. */
function stringFormat(m: Machine, register: number): string | undefined {
  const from = m.u32(register)
  const region = m.memory.find(from)
  if (!region) throw m.memory.fault(m.hi[register]!, from, 1, false)
  const size = region.stride ? region.high - ((from - region.start) % region.stride) : region.end - from
  return formatOf(m, register, size)
}

/** bpf_snprintf(str, str_size, fmt, data, data_len): like snprintf, the result counts the zero. */
function snprintf(m: Machine): void {
  const size = m.u32(2)
  const to = size === 0 ? 0 : m.writable(1, size)
  const format = stringFormat(m, 3)
  const args = values(m, 4, m.u32(5))
  const text = format === undefined || !args ? -EINVAL : formatText(m, format, args)
  if (typeof text === 'number') {
    m.ret(text)
    return
  }
  if (size > 0) {
    const cut = text.slice(0, size - 1)
    for (let i = 0; i < cut.length; i++) m.memory.bytes[to + i] = cut.charCodeAt(i)
    m.memory.bytes[to + cut.length] = 0
  }
  m.ret(text.length + 1)
}

/** bpf_strtol and bpf_strtoul: the number of characters taken (kernel/bpf/helpers.c, __bpf_strtoull). */
function stringToNumber(m: Machine, signed: boolean): void {
  const size = m.u32(2)
  const at = m.readable(1, size)
  const result = m.writable(4, 8)
  const flags = m.u64(3)
  if (flags !== 0n && flags !== 8n && flags !== 10n && flags !== 16n) {
    m.ret(-EINVAL)
    return
  }
  const raw = latin1.decode(m.memory.slice(at, Math.min(size, 64)))
  const zero = raw.indexOf('\0')
  const text = zero < 0 ? raw : raw.slice(0, zero)
  const match = /^(\s*)([-+]?)/.exec(text)!
  const negative = match[2] === '-'
  let rest = text.slice(match[0].length)
  let taken = match[0].length
  if (negative && !signed) {
    m.ret(-EINVAL)
    return
  }
  let base = Number(flags)
  if (base === 0) base = /^0[xX][0-9a-fA-F]/.test(rest) ? 16 : rest.startsWith('0') ? 8 : 10
  if (base === 16 && /^0[xX]/.test(rest)) {
    rest = rest.slice(2)
    taken += 2
  }
  const digits = (base === 16 ? /^[0-9a-fA-F]+/ : base === 8 ? /^[0-7]+/ : /^\d+/).exec(rest)?.[0]
  if (!digits) {
    m.ret(-EINVAL)
    return
  }
  const number = BigInt(base === 16 ? `0x${digits}` : base === 8 ? `0o${digits}` : digits)
  const value = negative ? -number : number
  if (signed ? BigInt.asIntN(64, value) !== value : BigInt.asUintN(64, value) !== value) {
    m.ret(-ERANGE)
    return
  }
  m.memory.view.setBigInt64(result, BigInt.asIntN(64, value), true)
  m.ret(taken + digits.length)
}

/** bpf_strncmp(s1, s1_sz, s2): as strncmp, with the length of the first. */
function compare(m: Machine): void {
  const size = m.u32(2)
  const a = m.readable(1, size)
  const b = m.u32(3)
  const { bytes } = m.memory
  const region = m.memory.find(b)
  if (m.hi[3] !== 0 || !region) throw m.memory.fault(m.hi[3]!, b, 1, false)
  for (let i = 0; i < size; i++) {
    const left = bytes[a + i]!
    const right = b + i < region.end ? bytes[b + i]! : 0
    if (left !== right || left === 0) {
      m.ret(left === right ? 0 : left < right ? -1 : 1)
      return
    }
  }
  m.ret(0)
}

defineHelpers([
  { id: 6, name: 'bpf_trace_printk', run: tracePrintk },
  { id: 105, name: 'bpf_strtol', run: m => stringToNumber(m, true) },
  { id: 106, name: 'bpf_strtoul', run: m => stringToNumber(m, false) },
  { id: 165, name: 'bpf_snprintf', run: snprintf },
  { id: 177, name: 'bpf_trace_vprintk', run: traceVprintk },
  { id: 182, name: 'bpf_strncmp', run: compare },
])

defineKfuncs({ bpf_stream_vprintk_impl: streamPrint, bpf_stream_vprintk: streamPrint })
