/**
 * The mnemonic syntax of the public bpf_conformance suite (`mov %r0, 1`, `ldxw %r1, [%r2+4]`, `lock fetch add [%r10-8], %r1`) and
 * its data files: sections `-- asm`, `-- raw`, `-- mem`, `-- result`, `-- error`. One instruction a line, `#` starts a comment.
 * The label `exit` is the first exit instruction; a `call` without a mode is of a helper.
 */
import { FormatError } from '../../base/outcome.js'
import { Insns } from '../isa/insns.js'
import { accessSizes, aluOperations, atomicOperations, type InsnForm, formNamed, jumpOperations } from '../isa/isa-table.js'

interface Row {
  readonly form: InsnForm
  readonly dst: number
  readonly src: number
  off: number
  imm: number
  readonly immHigh: number
  /** A label still to be resolved: into the offset or the immediate. */
  readonly target?: { readonly label: string; readonly field: 'off' | 'imm'; readonly line: number }
  readonly slot: number
}

class LineError extends Error {}

const operand = {
  register(text: string | undefined): number {
    const match = /^%r(\d+)$/.exec(text ?? '')
    if (!match || Number(match[1]) > 15) throw new LineError(`expected a register, found '${text ?? ''}'`)
    return Number(match[1])
  },
  wide(text: string | undefined): bigint {
    if (!/^-?(0x[0-9a-fA-F]+|\d+)$/.test(text ?? '')) throw new LineError(`expected a number, found '${text ?? ''}'`)
    return text!.startsWith('-') ? -BigInt(text!.slice(1)) : BigInt(text!)
  },
  immediate(text: string | undefined): number {
    return Number(BigInt.asIntN(32, operand.wide(text)))
  },
  memory(text: string | undefined): { readonly base: number; readonly off: number } {
    const match = /^\[(%r\d+)([+-](?:0x[0-9a-fA-F]+|\d+))?\]$/.exec(text ?? '')
    if (!match) throw new LineError(`expected [%rN+OFFSET], found '${text ?? ''}'`)
    const off = match[2] ? Number(operand.wide(match[2].replace(/^\+/, ''))) : 0
    if (off < -0x8000 || off > 0x7fff) throw new LineError(`offset ${off} does not fit 16 bits`)
    return { base: operand.register(match[1]), off }
  },
}

type Fields = Partial<Pick<Row, 'dst' | 'src' | 'off' | 'imm' | 'immHigh'>> & { readonly form: InsnForm; readonly label?: string }
type Parse = (operands: readonly string[]) => Fields

const isRegister = (text: string | undefined): boolean => text?.startsWith('%') ?? false

/** Mnemonic to parser, made from the instruction table's own lists. */
const mnemonics = new Map<string, { readonly count: number; readonly parse: Parse }>()

const define = (name: string, count: number, parse: Parse) => mnemonics.set(name, { count, parse })

for (const width of ['64', '32'] as const) {
  const suffix = width === '64' ? '' : '32'
  const binary = (mnemonic: string, form: string) => {
    const parse: Parse = ([left, right]) =>
      isRegister(right)
        ? { form: formNamed(`${form}${width}_x`), dst: operand.register(left), src: operand.register(right) }
        : { form: formNamed(`${form}${width}_k`), dst: operand.register(left), imm: operand.immediate(right) }
    define(`${mnemonic}${suffix}`, 2, parse)
    if (width === '64') define(`${mnemonic}64`, 2, parse)
  }
  for (const { name } of [...aluOperations, { name: 'mov' }]) binary(name, name)
  for (const name of ['div', 'mod'])
    for (const source of ['k', 'x']) {
      const form = formNamed(`s${name}${width}_${source}`)
      define(`s${name}${suffix}`, 2, ([left, right]) =>
        isRegister(right)
          ? {
              form: formNamed(`s${name}${width}_x`),
              dst: operand.register(left),
              src: operand.register(right),
              off: form.off[0] as number,
            }
          : {
              form: formNamed(`s${name}${width}_k`),
              dst: operand.register(left),
              imm: operand.immediate(right),
              off: form.off[0] as number,
            },
      )
    }
  define(`neg${suffix}`, 1, ([register]) => ({ form: formNamed(`neg${width}`), dst: operand.register(register) }))
  for (const bits of width === '64' ? [8, 16, 32] : [8, 16])
    define(`movsx${bits}${width}`, 2, ([left, right]) => ({
      form: formNamed(`movsx${width}_${bits}`),
      dst: operand.register(left),
      src: operand.register(right),
      off: bits,
    }))
  for (const { name } of jumpOperations)
    define(`${name}${suffix}`, 3, ([left, right, label]) =>
      isRegister(right)
        ? { form: formNamed(`${name}${width}_x`), dst: operand.register(left), src: operand.register(right), label }
        : { form: formNamed(`${name}${width}_k`), dst: operand.register(left), imm: operand.immediate(right), label },
    )
}
for (const bits of [16, 32, 64])
  for (const [mnemonic, form] of [
    ['le', 'le'],
    ['be', 'be'],
    ['swap', 'bswap'],
    ['bswap', 'bswap'],
  ] as const)
    define(`${mnemonic}${bits}`, 1, ([register]) => ({
      form: formNamed(`${form}${bits}`),
      dst: operand.register(register),
      imm: bits,
    }))
for (const { letter, bytes } of accessSizes) {
  const load =
    (form: string): Parse =>
    ([register, memory]) => {
      const { base, off } = operand.memory(memory)
      return { form: formNamed(form), dst: operand.register(register), src: base, off }
    }
  define(`ldx${letter}`, 2, load(`load_${letter}`))
  if (bytes < 8) define(`ldxs${letter}`, 2, load(`load_sx_${letter}`))
  define(`st${letter}`, 2, ([memory, value]) => {
    const { base, off } = operand.memory(memory)
    return { form: formNamed(`store_imm_${letter}`), dst: base, off, imm: operand.immediate(value) }
  })
  define(`stx${letter}`, 2, ([memory, register]) => {
    const { base, off } = operand.memory(memory)
    return { form: formNamed(`store_${letter}`), dst: base, off, src: operand.register(register) }
  })
  if (bytes >= 4)
    for (const { name, imm } of atomicOperations)
      define(`lock ${name.replace('_', ' ')}${bytes === 4 ? '32' : ''}`, 2, ([memory, register]) => {
        const { base, off } = operand.memory(memory)
        return { form: formNamed(`${name}_${letter}`), dst: base, off, src: operand.register(register), imm }
      })
}
define('lddw', 2, ([register, value]) => {
  const wide = operand.wide(value)
  return {
    form: formNamed('ld_imm64'),
    dst: operand.register(register),
    imm: Number(BigInt.asIntN(32, wide)),
    immHigh: Number(BigInt.asIntN(32, wide >> 32n)),
  }
})
define('ja', 1, ([label]) => ({ form: formNamed('goto'), label }))
define('ja32', 1, ([label]) => ({ form: formNamed('gotol'), label }))
define('exit', 0, () => ({ form: formNamed('exit') }))
const callHelper: Parse = ([target]) =>
  isRegister(target)
    ? { form: formNamed('callx'), dst: operand.register(target) }
    : { form: formNamed('call_helper'), imm: operand.immediate(target) }
define('call', 1, callHelper)
define('call helper', 1, callHelper)
define('call runtime', 1, ([target]) => ({ form: formNamed('call_kfunc'), src: 2, imm: operand.immediate(target) }))
define('call local', 1, ([label]) => ({ form: formNamed('call_local'), src: 1, label }))

/** Splits a line into the mnemonic, with the words that belong to it, and its operands. */
function split(line: string): { readonly mnemonic: string; readonly operands: readonly string[] } {
  const words = line.split(/[\s,]+/).filter(word => word !== '')
  let taken = 1
  while (taken < 3 && words.length > taken && mnemonics.has(words.slice(0, taken + 1).join(' '))) taken++
  if (words[0] === 'lock') taken = words[1] === 'fetch' ? 3 : 2
  return { mnemonic: words.slice(0, taken).join(' '), operands: words.slice(taken) }
}

/** Assembles text in the suite's syntax. Throws a FormatError that names the line; its offset is the line's first character. */
export function assembleConformance(text: string): Insns {
  const labels = new Map<string, number>()
  const rows: Row[] = []
  let slot = 0
  let offset = 0
  const lines = text.split('\n')
  const fail = (message: string, line: number, at: number): never => {
    throw new FormatError('F0502', `line ${line}: ${message}`, at)
  }
  const starts: number[] = []
  for (const [index, raw] of lines.entries()) {
    starts.push(offset)
    const at = offset
    offset += raw.length + 1
    const line = raw.replace(/#.*$/, '').trim()
    if (line === '') continue
    if (line.endsWith(':')) {
      const label = line.slice(0, -1)
      if (labels.has(label)) fail(`label '${label}' is defined twice`, index + 1, at)
      labels.set(label, slot)
      continue
    }
    const { mnemonic, operands } = split(line)
    const entry = mnemonics.get(mnemonic)
    if (!entry) return fail(`'${mnemonic}' is not an instruction`, index + 1, at)
    if (operands.length !== entry.count)
      fail(`${mnemonic} takes ${entry.count} operands, ${operands.length} are given`, index + 1, at)
    if (mnemonic === 'exit' && !labels.has('exit')) labels.set('exit', slot)
    let fields: Fields
    try {
      fields = entry.parse(operands)
    } catch (error) {
      if (!(error instanceof LineError)) throw error
      return fail(error.message, index + 1, at)
    }
    const { form, label, ...rest } = fields
    const field = form.kind === 'gotol' || form.kind === 'call_local' ? 'imm' : 'off'
    rows.push({
      dst: 0,
      src: 0,
      off: 0,
      imm: 0,
      immHigh: 0,
      ...rest,
      form,
      slot,
      ...(label !== undefined && { target: { label, field, line: index + 1 } }),
    })
    slot += form.slots
  }
  const insns = new Insns(slot)
  for (const row of rows) {
    if (row.target) {
      const { label, field, line } = row.target
      const numeric = /^[+-]?\d+$/.test(label) ? Number(label) : undefined
      const place = labels.get(label)
      if (place === undefined && numeric === undefined) fail(`label '${label}' is not defined`, line, starts[line - 1]!)
      row[field] = place === undefined ? numeric! : place - row.slot - 1
    }
    insns.set(row.slot, row.form.code, row.dst, row.src, row.off, row.imm)
    if (row.form.slots === 2) insns.set(row.slot + 1, 0, 0, 0, 0, row.immHigh)
  }
  return insns
}

/** One data file of the suite, taken apart. */
export interface ConformanceCase {
  /** Text of `-- asm`; empty where there is none. */
  readonly asm: string
  /** The slots of `-- raw`, little endian. */
  readonly raw: Uint8Array | undefined
  /** Initial memory, empty without `-- mem`. */
  readonly memory: Uint8Array
  /** What register 0 must hold at the end. */
  readonly result: bigint | undefined
  /** The words of `-- error`. */
  readonly error: string | undefined
}

/** Reads a data file. Throws a FormatError where a number is none. */
export function parseConformanceCase(text: string): ConformanceCase {
  const sections = new Map<string, string[]>()
  let current: string[] = []
  for (const line of text.split('\n')) {
    const head = /^--\s*(\S.*?)\s*$/.exec(line)
    if (head) {
      current = []
      sections.set(head[1]!, current)
    } else current.push(line)
  }
  const section = (name: string) =>
    sections
      .get(name)
      ?.map(line => line.replace(/#.*$/, '').trim())
      .filter(line => line !== '')
  const memory = (section('mem') ?? []).join(' ').split(/\s+/).filter(Boolean)
  const raw = section('raw')
  const bytes = raw && new Uint8Array(raw.length * 8)
  const integer = (word: string, name: string): bigint => {
    if (!/^-?(0x[0-9a-fA-F]+|\d+)$/.test(word))
      throw new FormatError('F0502', `'${word}' in -- ${name} is no number`, text.indexOf(`-- ${name}`))
    return word.startsWith('-') ? -BigInt(word.slice(1)) : BigInt(word)
  }
  for (const [index, line] of raw?.entries() ?? [])
    new DataView(bytes!.buffer).setBigUint64(index * 8, BigInt.asUintN(64, integer(line, 'raw')), true)
  const result = section('result')?.[0]
  for (const byte of memory)
    if (!/^[0-9a-fA-F]{2}$/.test(byte)) throw new FormatError('F0502', `'${byte}' in -- mem is no byte`, text.indexOf('-- mem'))
  return {
    asm: (sections.get('asm') ?? []).join('\n'),
    raw: bytes,
    memory: Uint8Array.from(memory.map(byte => Number.parseInt(byte, 16))),
    result: result === undefined ? undefined : integer(result, 'result'),
    error: sections.get('error')?.join('\n').trim(),
  }
}
