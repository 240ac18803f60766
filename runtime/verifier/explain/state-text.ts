/**
 * Registers and stack slots as verifier logs print them, read back. One text at a time, with no memory of others. Takes the layouts
 * of 5.4 to 6.18: `inv(id=0,umax_value=255)`, `scalar(umax=255)`, `R6_w=…`, `fp-8=mmmm????`.
 */

export interface RegText {
  /** `scalar`, `map_value`, `map_value_or_null`, `pkt`, `ctx`, `fp`…; `?` for what is not known. */
  readonly kind: string
  /** As printed. */
  readonly text: string
  /** Everything between the parentheses by name; numbers as printed. */
  readonly fields: ReadonlyMap<string, string>
  readonly umin: bigint
  readonly umax: bigint
  readonly smin: bigint
  readonly smax: bigint
}

export interface StateText {
  /** `R0`…`R10` and `fp-8`… with what they hold. */
  readonly values: ReadonlyMap<string, string>
  readonly frame: number
}

export const U64_MAX = (1n << 64n) - 1n
export const S64_MAX = (1n << 63n) - 1n
export const S64_MIN = -(1n << 63n)

/** The state behind `;` or `N:`; what is no `NAME=VALUE` is passed over. */
export function readState(text: string): StateText {
  const values = new Map<string, string>()
  const frame = /^\s*frame(\d+):/.exec(text)
  const start = /(?:^|\s)(R\d+|fp-\d+)(?:_[rwP]+)?=/g
  for (let found = start.exec(text); found; found = start.exec(text)) {
    let depth = 0
    let end = start.lastIndex
    for (; end < text.length; end++) {
      const c = text[end]
      if (c === '(') depth++
      else if (c === ')') depth--
      else if (c === ' ' && depth <= 0) break
    }
    values.set(found[1]!, text.slice(start.lastIndex, end))
    start.lastIndex = end
  }
  return { values, frame: frame ? Number(frame[1]) : 0 }
}

const number = (text: string): bigint | undefined => {
  const found = /^(-?)(0x[0-9a-f]+|\d+)$/i.exec(text)
  return found ? (found[1] ? -BigInt(found[2]!) : BigInt(found[2]!)) : undefined
}

export function readReg(text: string): RegText {
  // Up to 5.x numbers were `inv`, precise ones `invP`, and frame pointers told of their call site.
  const bare = text
    .replace(/^P(?=[-\d a-z])/, '')
    .replace(/^invP?(?=-?\d)/, '')
    .replace(/^invP/, 'inv')
    .replace(/,call_-?\d+$/, '')
  const fields = new Map<string, string>()
  const constant = number(bare)
  if (constant !== undefined) {
    const unsigned = BigInt.asUintN(64, constant)
    const signed = BigInt.asIntN(64, constant)
    return { kind: 'scalar', text: bare, fields, umin: unsigned, umax: unsigned, smin: signed, smax: signed }
  }
  const shape = /^([a-z_]+?)_?(-?\d+)?(?:\((.*)\))?$/i.exec(bare)
  const kind = shape?.[1] ?? bare
  if (shape?.[2] !== undefined) fields.set('off', shape[2])
  let depth = 0
  let part = ''
  const parts: string[] = []
  for (const c of shape?.[3] ?? '') {
    if (c === '(') depth++
    if (c === ')') depth--
    if (c === ',' && depth === 0) {
      parts.push(part)
      part = ''
    } else part += c
  }
  if (part) parts.push(part)
  for (const each of parts) {
    const pieces = each.split('=')
    const value = pieces.pop()!.trim()
    for (const name of pieces) fields.set(name.trim().replace(/_value$/, ''), value)
    if (pieces.length === 0 && kind.startsWith('ptr')) fields.set('btf', value)
  }
  const bound = (name: string): bigint | undefined => {
    const value = fields.get(name)
    return value === undefined ? undefined : number(value)
  }
  const umin = bound('umin')
  const umax = bound('umax')
  return {
    kind: kind === 'inv' ? 'scalar' : kind,
    text: bare,
    fields,
    umin: umin ?? 0n,
    umax: umax ?? U64_MAX,
    // Large ones are printed in hex, as the unsigned word that they are.
    smin: BigInt.asIntN(64, bound('smin') ?? S64_MIN),
    smax: BigInt.asIntN(64, bound('smax') ?? S64_MAX),
  }
}

/** A range as people write it; undefined where nothing is known. */
export function rangeText(umin: bigint, umax: bigint, smin: bigint, smax: bigint): string | undefined {
  if (umin === umax) return String(BigInt.asIntN(64, umin))
  if (umax <= S64_MAX) return `${umin}..${umax}`
  if (smin > S64_MIN && smax < S64_MAX) return `${smin}..${smax}`
  if (smin > S64_MIN) return `${smin} or more`
  if (smax < S64_MAX) return `at most ${smax}`
  return undefined
}
