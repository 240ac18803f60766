/**
 * Inline assembly for the code generator. The template arrives with its operands already written in (registers, immediates,
 * symbol and label names, `%=` numbers); what leaves is a list of labels and instructions with symbolic operands still open.
 */
import type { Diagnostic } from '../base/diagnostics.js'
import type { Loc } from '../base/source.js'
import { expandStatements } from './syntax/asm-conditionals.js'
import { AsmCursor, AsmSyntaxError, type AsmToken, type AsmValue, isConstant, tokenizeAsm } from './syntax/asm-tokens.js'
import { type AsmField, type ParsedInsn, parsePseudoC } from './syntax/pseudo-c-parser.js'

export type InlineItem =
  | { readonly kind: 'label'; readonly name: string; readonly at: number }
  | {
      readonly kind: 'insn'
      /** One slot, or two when `insn.slots` is 2. Fields that `symbol` will fill hold 0 (calls: src 1, imm -1). */
      readonly insn: ParsedInsn
      readonly symbol: InlineSymbol | undefined
      /** Offset in the template's text. */
      readonly at: number
    }

/** A symbol in an operand: a label for branches, a function for calls, an object or function for 64-bit loads. */
export interface InlineSymbol {
  readonly field: AsmField
  readonly name: string
  /** Bytes to add to the symbol's address; for branches always 0. */
  readonly addend: number
}

export interface InlineOptions {
  /** Distinguishes numeric labels (`1:`) of this template from those of others. */
  readonly prefix?: string
  /** Place of the template's first character, for diagnostics. */
  readonly base?: Loc
  /** Byte order of `.8byte` and its like. */
  readonly little?: boolean
}

export interface InlineResult {
  readonly items: readonly InlineItem[]
  readonly diagnostics: readonly Diagnostic[]
}

/** Integer directives by their size in bytes. */
export const integerDirectives: Readonly<Record<string, number>> = {
  '.byte': 1,
  '.2byte': 2,
  '.short': 2,
  '.hword': 2,
  '.half': 2,
  '.4byte': 4,
  '.long': 4,
  '.int': 4,
  '.8byte': 8,
  '.quad': 8,
}

/** Turns a syntax error into a diagnostic placed in the text that starts at `base`. */
export function asmDiagnostic(error: AsmSyntaxError, base: Loc | undefined): Diagnostic {
  const start = base === undefined ? undefined : base + error.at
  return {
    code: 'F0501',
    severity: 'error',
    message: error.message,
    ...(start !== undefined && { span: { start, end: start + 1 } }),
    notes: [],
  }
}

/** Numeric labels: every `1:` makes a new name, `1f` and `1b` refer to the next and the last. */
export class NumericLabels {
  private readonly counts = new Map<number, number>()

  constructor(private readonly prefix: string) {}

  define(label: number): string {
    const count = (this.counts.get(label) ?? 0) + 1
    this.counts.set(label, count)
    return this.name(label, count)
  }

  refer(label: number, forward: boolean, at: number): string {
    const count = this.counts.get(label) ?? 0
    if (!forward && count === 0) throw new AsmSyntaxError(`no label ${label}: before this`, at)
    return this.name(label, forward ? count + 1 : count)
  }

  private name(label: number, count: number): string {
    return `.L${this.prefix}${label}.${count}`
  }
}

/** The one symbol that a value names, if it is a symbol plus a constant. */
export function singleSymbol(value: AsmValue): { readonly name: string; readonly addend: number } | undefined {
  if (value.plus.length !== 1 || value.minus.length !== 0 || value.steps) return undefined
  return { name: value.plus[0]!, addend: Number(value.value) }
}

/** Assembles one template. Labels and functions it does not define stay symbolic; the caller knows them or reports them. */
export function assembleInline(text: string, options: InlineOptions = {}): InlineResult {
  const items: InlineItem[] = []
  const diagnostics: Diagnostic[] = []
  const labels = new NumericLabels(`asm${options.prefix ?? ''}.`)
  const data: number[] = []
  let here = 0
  let dataAt = 0
  const scope = {
    here: () => {
      const name = `.Lasm${options.prefix ?? ''}.here.${++here}`
      items.push({ kind: 'label', name, at: 0 })
      return name
    },
    directional: (label: number, forward: boolean, at: number) => labels.refer(label, forward, at),
  }
  /** Branch distances within the data, by the place of their instruction. */
  const distances = new Map<number, InlineSymbol>()
  const flush = () => {
    if (data.length === 0) return
    if (data.length % 8 !== 0)
      throw new AsmSyntaxError(`data of ${data.length} bytes is no whole number of instructions (8 bytes each)`, dataAt)
    const view = new DataView(Uint8Array.from(data).buffer)
    const little = options.little ?? true
    for (let at = 0; at < data.length; at += 8) {
      const registers = view.getUint8(at + 1)
      const insn: ParsedInsn = {
        code: view.getUint8(at),
        dst: little ? registers & 15 : registers >> 4,
        src: little ? registers >> 4 : registers & 15,
        off: view.getInt16(at + 2, little),
        imm: view.getInt32(at + 4, little),
        immHigh: 0,
        slots: 1,
      }
      items.push({ kind: 'insn', insn, symbol: distances.get(at), at: dataAt })
    }
    data.length = 0
    distances.clear()
  }
  const statement = (tokens: readonly AsmToken[]) => {
    const cursor = new AsmCursor(tokens, 0, scope)
    for (;;) {
      const token = cursor.token
      if (!cursor.isPunct(':', 1) || (token.kind !== 'word' && token.kind !== 'number')) break
      flush()
      const name = token.kind === 'word' ? token.text : labels.define(Number(token.value))
      items.push({ kind: 'label', name, at: token.at })
      cursor.index += 2
    }
    if (cursor.atEnd) return
    const token = cursor.token
    if (token.kind === 'word' && token.text.startsWith('.')) {
      directive(cursor, token.text, token.at)
      return
    }
    flush()
    const insn = parsePseudoC(cursor)
    cursor.expectEnd()
    items.push({ kind: 'insn', insn, symbol: symbolOf(insn, token.at), at: token.at })
  }
  /** Labels of the place where the data began, if the instruction that is being written is the first of it. */
  const startOf = (): ReadonlySet<string> => {
    const names = new Set<string>()
    if (data.length > 8) return names
    for (let i = items.length - 1; i >= 0; i--) {
      const item = items[i]!
      if (item.kind !== 'label') break
      names.add(item.name)
    }
    return names
  }
  const directive = (cursor: AsmCursor, name: string, at: number) => {
    cursor.index++
    const size = integerDirectives[name]
    if (size === undefined) throw new AsmSyntaxError(`directive ${name} has no meaning inside a function's code`, at)
    if (data.length === 0) dataAt = at
    do {
      const value = cursor.expression()
      if (!isConstant(value)) {
        const target = size === 4 && data.length % 8 === 2 ? branchTarget(value, startOf(), options.little ?? true) : undefined
        if (target === undefined)
          throw new AsmSyntaxError(
            `${name} in code must be a number, or the distance of a branch where its instruction has it`,
            at,
          )
        distances.set(data.length - 2, { field: 'branch16', name: target, addend: 0 })
        data.push(0, 0, 0, 0)
        continue
      }
      const bytes = Array.from({ length: size }, (_, i) => Number((value.value >> BigInt(8 * i)) & 255n))
      data.push(...((options.little ?? true) ? bytes : bytes.reverse()))
    } while (cursor.takePunct(','))
    cursor.expectEnd()
  }
  const guarded = (work: () => void) => {
    try {
      work()
    } catch (error) {
      if (!(error instanceof AsmSyntaxError)) throw error
      data.length = 0
      diagnostics.push(asmDiagnostic(error, options.base))
    }
  }
  guarded(() => {
    const host = {
      cursor: (tokens: readonly AsmToken[], index: number) => new AsmCursor(tokens, index, scope),
      fault: (error: AsmSyntaxError) => diagnostics.push(asmDiagnostic(error, options.base)),
    }
    for (const tokens of expandStatements(text, tokenizeAsm(text), host)) guarded(() => statement(tokens))
  })
  guarded(flush)
  return { items, diagnostics }
}

/**
 * The label of `((label - start - 8) / 8) & 0xffff`, the distance of a branch as it stands in the instruction that begins at `start`, for
 * assemblers that do not know the instruction. In big endian the word holds it in its upper half.
 */
function branchTarget(value: AsmValue, start: ReadonlySet<string>, little: boolean): string | undefined {
  const { plus, minus, steps } = value
  if (value.value !== -8n || plus.length !== 1 || minus.length !== 1 || !start.has(minus[0]!)) return undefined
  const written = steps?.map(({ operator, by }) => `${operator}${by}`).join('')
  return written === (little ? '/8&65535' : '/8&65535<<16') ? plus[0] : undefined
}

function symbolOf(insn: ParsedInsn, at: number): InlineSymbol | undefined {
  if (!insn.symbolic) return undefined
  const { field, value } = insn.symbolic
  const symbol = singleSymbol(value)
  if (!symbol) throw new AsmSyntaxError('an operand can be a symbol plus a number, not more', at)
  if (field === 'imm32') throw new AsmSyntaxError(`the address of '${symbol.name}' needs a 64-bit load: write 'll' after it`, at)
  if (field !== 'imm64' && symbol.addend !== 0) throw new AsmSyntaxError('a jump or call goes to a symbol, without an offset', at)
  return { field, ...symbol }
}
