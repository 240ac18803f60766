/**
 * The kernel's bprintf formats (bpf_bprintf_prepare in kernel/bpf/helpers.c, 6.12): %d %i %u %x %X %o %c %s %p and its %pK %pks %pus
 * %pi4 %pI6 …, with flags, width and the sizes l and ll.
 */
import { EINVAL } from '../errno.js'
import type { Machine } from '../machine.js'

const decoder = new TextDecoder('latin1')

/** A zero-terminated string in memory; empty where the address is bad. */
function stringAt(m: Machine, low: number, high: number, precision: number): string {
  const region = high === 0 ? m.memory.find(low >>> 0) : undefined
  if (!region) return ''
  let end = low >>> 0
  const limit = Math.min(region.end, end + precision)
  while (end < limit && m.memory.bytes[end] !== 0) end++
  return decoder.decode(m.memory.slice(low >>> 0, end - (low >>> 0)))
}

function address(m: Machine, at: number, kind: string): string {
  const count = kind.endsWith('6') ? 16 : 4
  const bytes = [...m.memory.slice(at, count)]
  if (count === 4) return bytes.map(byte => (kind[0] === 'i' ? `${byte}`.padStart(3, '0') : byte)).join('.')
  const words = Array.from({ length: 8 }, (_, i) => ((bytes[i * 2]! << 8) | bytes[i * 2 + 1]!).toString(16).padStart(4, '0'))
  return words.join(kind[0] === 'i' ? '' : ':')
}

/** The text, or a negated errno for a format that the kernel refuses. `args` are 64-bit values. */
export function formatText(m: Machine, format: string, args: readonly bigint[]): string | number {
  let next = 0
  let text = ''
  const pattern = /%(?:%|([-+ #0]*)(\d*)(?:\.(\d+))?(hh|h|ll|l|z)?([a-zA-Z]\w*))/g
  let last = 0
  for (;;) {
    const match = pattern.exec(format)
    text += format.slice(last, match ? match.index : format.length)
    if (!match) break
    last = pattern.lastIndex
    if (match[0] === '%%') {
      text += '%'
      continue
    }
    const [, flags = '', width = '', precision, size = '', rest = ''] = match
    let conversion = rest[0]!
    let used = 1
    if (conversion === 'p') {
      const extension = /^p(ks|us|[iI][46]|K|x|s|S|B)?/.exec(rest)![0]
      used = extension.length
      conversion = extension
    }
    last -= rest.length - used
    pattern.lastIndex = last
    if (next >= args.length) return -EINVAL
    const value = args[next++]!
    const low = Number(BigInt.asIntN(32, value))
    const high = Number(BigInt.asIntN(32, value >> 32n))
    const bits = size === 'll' || size === 'l' || size === 'z' ? 64 : size === 'h' ? 16 : size === 'hh' ? 8 : 32
    let piece: string
    switch (conversion) {
      case 'd':
      case 'i': {
        const number = BigInt.asIntN(bits, value)
        piece =
          number >= 0n && flags.includes('+') ? `+${number}` : number >= 0n && flags.includes(' ') ? ` ${number}` : `${number}`
        break
      }
      case 'u':
        piece = `${BigInt.asUintN(bits, value)}`
        break
      case 'x':
      case 'X':
        piece = BigInt.asUintN(bits, value).toString(16)
        if (flags.includes('#')) piece = `0x${piece}`
        if (conversion === 'X') piece = piece.toUpperCase()
        break
      case 'o':
        piece = BigInt.asUintN(bits, value).toString(8)
        break
      case 'c':
        piece = String.fromCharCode(low & 255)
        break
      case 's':
      case 'pks':
      case 'pus':
        piece = stringAt(m, low, high, precision === undefined ? 512 : Number(precision))
        break
      case 'pi4':
      case 'pI4':
      case 'pi6':
      case 'pI6':
        if (!m.memory.access(high, low >>> 0, conversion.endsWith('6') ? 16 : 4, false)) return -EINVAL
        piece = address(m, low >>> 0, conversion.slice(1))
        break
      case 'p':
      case 'pK':
      case 'px':
        piece = BigInt.asUintN(64, value).toString(16).padStart(16, '0')
        break
      default:
        return -EINVAL
    }
    const wide = Number(width || 0)
    if (piece.length < wide)
      piece = flags.includes('-')
        ? piece.padEnd(wide)
        : flags.includes('0') && !'sc'.includes(conversion)
          ? (piece.startsWith('-') ? '-' : '') + piece.replace(/^-/, '').padStart(wide - (piece.startsWith('-') ? 1 : 0), '0')
          : piece.padStart(wide)
    text += piece
  }
  return text
}
