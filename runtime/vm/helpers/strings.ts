/**
 * Strings in memory that may not be there (kernel/bpf/helpers.c, bpf_str* of 6.17 and 6.18): positions and comparisons, negated errno
 * for bad addresses and for strings without an end.
 */
import { E2BIG, EFAULT, ENOENT, ERANGE } from '../errno.js'
import type { Machine } from '../machine.js'
import { defineKfuncs } from './table.js'

/** XATTR_SIZE_MAX, where the kernel gives up. */
const MAX_LENGTH = 65536

/** Bytes of a string without its zero, at most `most`; a negated errno where it cannot be read. */
function textAt(m: Machine, register: number, most = MAX_LENGTH): Uint8Array | number {
  const high = m.hi[register]!
  const start = m.u32(register)
  if (high !== 0 || start < 4096) return start < 4096 && high === 0 ? -ERANGE : -EFAULT
  const region = m.memory.find(start)
  if (!region) return -EFAULT
  const { bytes } = m.memory
  let end = start
  while (end - start < most && end < region.end && bytes[end] !== 0) end++
  if (end - start === most) return most === MAX_LENGTH ? -E2BIG : bytes.slice(start, end)
  return end === region.end ? -EFAULT : bytes.slice(start, end)
}

/** Answers from the strings in the first registers, or with the errno of the one that is bad. */
function on(registers: readonly number[], answer: (m: Machine, ...texts: Uint8Array[]) => number) {
  return (m: Machine): void => {
    const texts: Uint8Array[] = []
    for (const register of registers) {
      const text = textAt(m, register)
      if (typeof text === 'number') {
        m.ret(text)
        return
      }
      texts.push(text)
    }
    m.ret(answer(m, ...texts))
  }
}

const lower = (byte: number) => (byte >= 65 && byte <= 90 ? byte + 32 : byte)

function compare(a: Uint8Array, b: Uint8Array, fold: (byte: number) => number): number {
  for (let at = 0; at <= Math.max(a.length, b.length); at++) {
    const left = fold(a[at] ?? 0)
    const right = fold(b[at] ?? 0)
    if (left !== right) return left < right ? -1 : 1
    if (left === 0) return 0
  }
  return 0
}

const found = (position: number) => (position < 0 ? -ENOENT : position)

const lowered = (text: Uint8Array) => text.map(lower)

/** Position of one string in another; the empty one is found at once. */
function position(text: Uint8Array, wanted: Uint8Array): number {
  for (let at = 0; at + wanted.length <= text.length; at++)
    if (wanted.every((byte, index) => text[at + index] === byte)) return at
  return -1
}

/** Position of a character; the zero at the end counts as one. */
function characterAt(text: Uint8Array, character: number): number {
  return character === 0 ? text.length : text.indexOf(character)
}

function span(text: Uint8Array, set: Uint8Array, inside: boolean): number {
  const end = text.findIndex(byte => set.includes(byte) !== inside)
  return end < 0 ? text.length : end
}

function bounded(m: Machine, size: number, answer: (text: Uint8Array) => number): void {
  const text = size === 0 ? new Uint8Array(0) : textAt(m, 1, Math.min(size, MAX_LENGTH - 1))
  m.ret(typeof text === 'number' ? text : answer(text))
}

function boundedPosition(m: Machine, fold: (text: Uint8Array) => Uint8Array): void {
  const wanted = textAt(m, 2)
  if (typeof wanted === 'number') m.ret(wanted)
  else bounded(m, m.u32(3), text => found(position(fold(text), fold(wanted))))
}

defineKfuncs({
  bpf_strcmp: on([1, 2], (_, a, b) => compare(a!, b!, byte => byte)),
  bpf_strcasecmp: on([1, 2], (_, a, b) => compare(a!, b!, lower)),
  bpf_strlen: on([1], (_, text) => text!.length),
  bpf_strnlen: m => bounded(m, m.u32(2), text => text.length),
  bpf_strchr: on([1], (m, text) => found(characterAt(text!, m.u32(2) & 255))),
  bpf_strnchr: m => bounded(m, m.u32(2), text => found(characterAt(text, m.u32(3) & 255))),
  bpf_strchrnul: on([1], (m, text) => {
    const at = characterAt(text!, m.u32(2) & 255)
    return at < 0 ? text!.length : at
  }),
  bpf_strrchr: on([1], (m, text) => {
    const character = m.u32(2) & 255
    return found(character === 0 ? text!.length : text!.lastIndexOf(character))
  }),
  bpf_strspn: on([1, 2], (_, text, set) => span(text!, set!, true)),
  bpf_strcspn: on([1, 2], (_, text, set) => span(text!, set!, false)),
  bpf_strstr: on([1, 2], (_, text, wanted) => found(position(text!, wanted!))),
  bpf_strcasestr: on([1, 2], (_, text, wanted) => found(position(lowered(text!), lowered(wanted!)))),
  bpf_strnstr: m => boundedPosition(m, text => text),
  bpf_strncasestr: m => boundedPosition(m, lowered),
})
