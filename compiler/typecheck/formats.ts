/**
 * Format strings and what is printed with them (`-Wformat`): functions with clang's `format(printf, m, n)` attribute, and the helpers
 * that print, whose formats the kernel reads (bpf_bprintf_prepare in kernel/bpf/helpers.c, Linux 6.12).
 */
import { integerConstant } from './constants.js'
import type { Context } from './context.js'
import type { Place } from './report.js'
import { enumOf, integerOf, isPointer } from './type-facts.js'
import type { Expr, FunctionDecl, VarDecl } from './typed-ast.js'

/** Arguments by their number from 0. Values stand in the call from `first` on, or in an array whose size in bytes is argument `bytes`. */
interface Printer {
  readonly format: number
  readonly first?: number
  readonly bytes?: number
  /** The kernel reads the format, not C's library. */
  readonly kernel: boolean
}

const helpers: Readonly<Record<string, Printer>> = {
  bpf_trace_printk: { format: 0, first: 2, kernel: true },
  bpf_trace_vprintk: { format: 0, bytes: 3, kernel: true },
  bpf_seq_printf: { format: 1, bytes: 4, kernel: true },
  bpf_snprintf: { format: 2, bytes: 4, kernel: true },
}

/** What a conversion prints: a string, a pointer, or an integer of up to so many bytes. */
interface Conversion {
  readonly prints: 'string' | 'pointer' | 'other' | number
  /** The type of what it prints, for messages. */
  readonly type: string
}

const kernelConversion = /%(?:%|[-+ 0#]*\d*(?:(p)(?:[ku]s|[KxsSB]|[iI][46])?|(s)|c|l{0,2}[iduxX]))/y
const libraryConversion = /%(?:%|[-+ 0#']*(\*|\d*)(?:\.(\*|\d*))?(?:(hh|h|ll|l|L|q|j|z|t)?([diouxXcsn])|([aAeEfFgGm])|(p)))/y

/** By length modifier: bytes, and clang's name of the type. */
const lengths: Readonly<Record<string, readonly [size: number, type: string]>> = {
  hh: [4, 'char'],
  h: [4, 'short'],
  l: [8, 'long'],
  ll: [8, 'long long'],
  q: [8, 'long long'],
  j: [8, 'intmax_t'],
  z: [8, 'ssize_t'],
  t: [8, 'ptrdiff_t'],
}

/** The conversions of a format, or the text of the first that is wrong. */
function conversions(format: string, kernel: boolean): readonly Conversion[] | string {
  const found: Conversion[] = []
  const pattern = kernel ? kernelConversion : libraryConversion
  for (let at = format.indexOf('%'); at >= 0; at = format.indexOf('%', pattern.lastIndex)) {
    pattern.lastIndex = at
    const match = pattern.exec(format)
    if (!match) return /^%[-+ 0#'.*\dhlLqjzt]*(.?)/s.exec(format.slice(at))![kernel ? 0 : 1]!
    if (match[0] === '%%') continue
    if (kernel) found.push(match[1] ? pointer : match[2] ? string : other)
    else readLibrary(match, found)
  }
  return found
}

const pointer: Conversion = { prints: 'pointer', type: 'void *' }
const string: Conversion = { prints: 'string', type: 'char *' }
const other: Conversion = { prints: 'other', type: '' }

function readLibrary([, width, precision, length, letter, real, address]: readonly (string | undefined)[], found: Conversion[]) {
  for (const each of [width, precision]) if (each === '*') found.push({ prints: 4, type: 'int' })
  // What errno means takes no argument.
  if (real === 'm') return
  if (address) found.push(pointer)
  else if (letter === 's') found.push(string)
  else if (real || letter === 'n') found.push(other)
  else {
    const [size, type] = lengths[length ?? ''] ?? [4, 'int']
    found.push({ prints: size, type: 'dic'.includes(letter!) ? type : `unsigned ${type}` })
  }
}

/** The literal behind a format argument: itself, or what an array of characters starts as. */
function literalOf(expr: Expr): { readonly text: string; readonly place: Place } | undefined {
  let value = expr
  while (value.kind === 'convert') value = value.operand
  let object = value.kind === 'decay' ? value.array : value.kind === 'address' ? value.object : undefined
  if (object?.kind === 'var') {
    const { init } = object.decl
    const only = init?.items.length === 1 ? init.items[0] : undefined
    object = only?.offset === 0 ? only.value : undefined
  }
  if (object?.kind !== 'string' || object.elementSize !== 1) return undefined
  const text = new TextDecoder('latin1').decode(object.bytes)
  const end = text.indexOf('\0')
  return { text: end < 0 ? text : text.slice(0, end), place: object }
}

/** Warns about a call that prints: conversions the reader does not have, and values too few, too many or of another kind. */
export function checkFormat(c: Context, callee: FunctionDecl | VarDecl, args: readonly Expr[]): void {
  const declared = callee.kind === 'function' ? callee.format : undefined
  const printer = declared
    ? { ...declared, kernel: false }
    : Object.hasOwn(helpers, callee.name)
      ? helpers[callee.name]
      : undefined
  const argument = printer && args[printer.format]
  const format = argument && literalOf(argument)
  if (!printer || !format) return
  const group = (clangs: string) => (printer.kernel ? 'bpf-format' : clangs)
  const wanted = conversions(format.text, printer.kernel)
  if (typeof wanted === 'string') {
    const extras = printer.kernel ? { hint: `the kernel refuses the format: it has no '${wanted}'` } : {}
    c.warn('T0605', format.place, `invalid conversion specifier '${wanted}'`, group('format-invalid-specifier'), extras)
    return
  }
  const values = printer.first === undefined ? [] : args.slice(printer.first)
  let count = values.length
  if (printer.bytes !== undefined) {
    const bytes = args[printer.bytes] && integerConstant(args[printer.bytes]!)
    if (bytes === undefined) return
    count = Number(bytes) / 8
  } else if (printer.first === undefined) return
  if (wanted.length > count)
    c.warn('T0605', format.place, "more '%' conversions than data arguments", group('format-insufficient-args'))
  else if (wanted.length < count)
    c.warn('T0605', values[wanted.length] ?? format.place, 'data argument not used by format string', group('format-extra-args'))
  values.slice(0, wanted.length).forEach((value, index) => {
    const { prints, type } = wanted[index]!
    if (disagrees(value, prints, printer.kernel))
      c.warn('T0605', value, `format specifies type '${type}' but the argument has type ${c.quote(value.type)}`, group('format'))
  })
}

/** Whether the value is nothing that the conversion prints. The helpers take all values as 64 bits, so sizes do not matter there. */
function disagrees(value: Expr, prints: Conversion['prints'], kernel: boolean): boolean {
  const size = integerOf(value.type)?.size ?? enumOf(value.type)?.underlying.size
  if (prints === 'string') return size !== undefined
  if (kernel || prints === 'other') return false
  if (prints === 'pointer') return size !== undefined
  return size === undefined ? isPointer(value.type) : Math.max(4, size) !== prints
}
