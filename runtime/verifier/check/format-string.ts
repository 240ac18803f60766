/** Format strings of bpf_snprintf (kernel/bpf/helpers.c, bpf_bprintf_prepare, as far as constants decide). */

const isDigit = (c: string | undefined): boolean => c !== undefined && c >= '0' && c <= '9'

/** Whether a format is one the kernel takes for that many 64-bit arguments. */
export function formatIsValid(format: string, args: number): boolean {
  let used = 0
  for (let i = 0; i < format.length; i++) {
    const code = format.charCodeAt(i)
    // Only printable ASCII and white space.
    if (!((code >= 0x20 && code < 0x7f) || (code >= 9 && code <= 13))) return false
    if (format[i] !== '%') continue
    if (format[i + 1] === '%') {
      i++
      continue
    }
    if (used >= args) return false
    i++
    while (format[i] === '0' || format[i] === '+' || format[i] === '-' || format[i] === ' ') i++
    if (format[i]! >= '1' && format[i]! <= '9') {
      i++
      while (isDigit(format[i])) i++
    }
    if (format[i] === 'p') {
      const kind = format[i + 1]
      if ((kind === 'k' || kind === 'u') && format[i + 2] === 's') {
        i += 2
        used++
        continue
      }
      if (
        kind === undefined ||
        kind === ' ' ||
        /[\p{P}\s]/u.test(kind) ||
        kind === 'K' ||
        kind === 'x' ||
        kind === 's' ||
        kind === 'S' ||
        kind === 'B'
      ) {
        if (kind === 'K' || kind === 'x' || kind === 's' || kind === 'S' || kind === 'B') i++
        used++
        continue
      }
      if ((kind === 'i' || kind === 'I') && (format[i + 2] === '4' || format[i + 2] === '6')) {
        i += 2
        used++
        continue
      }
      return false
    }
    if (format[i] === 's') {
      used++
      continue
    }
    if (format[i] === 'c') {
      used++
      continue
    }
    if (format[i] === 'l') i++
    if (format[i] === 'l') i++
    if (format[i] === undefined || !'iduxX'.includes(format[i]!)) return false
    used++
  }
  return true
}
