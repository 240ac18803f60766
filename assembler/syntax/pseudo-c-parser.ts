/**
 * The kernel's pseudo-C (`r1 = *(u32 *)(r2 + 4)`), as clang's integrated assembler takes it for BPF: one statement to one
 * instruction, with symbolic operands left open. Also taken: load-acquire and store-release (LLVM 20), `(r2 + -4)` and
 * `&symbol ll`, which other assemblers write.
 */
import * as op from '../isa/opcodes.js'
import { type AsmCursor, type AsmValue, describe, isConstant } from './asm-tokens.js'

/** Where a symbol's value goes once it is known. */
export type AsmField =
  /** Distance to a label in slots, into the offset. */
  | 'branch16'
  /** The same, into the immediate. */
  | 'branch32'
  /** Distance to a function in slots, into the immediate, or a relocation. */
  | 'call'
  /** An address, into the two immediates of a 64-bit load. */
  | 'imm64'
  /** A 32-bit immediate. */
  | 'imm32'

/** An instruction as parsed: one slot, or two for a 64-bit immediate load. */
export interface ParsedInsn {
  code: number
  dst: number
  src: number
  off: number
  imm: number
  /** Upper half of a 64-bit immediate. */
  immHigh: number
  slots: 1 | 2
  /** The operand that is not a number yet. */
  symbolic?: { readonly field: AsmField; readonly value: AsmValue }
}

interface Register {
  readonly number: number
  readonly wide: boolean
}

const REGISTER = /^([rw])(\d|1[01])$/

const ALU: Readonly<Record<string, number>> = {
  '+=': op.BPF_ADD,
  '-=': op.BPF_SUB,
  '*=': op.BPF_MUL,
  '/=': op.BPF_DIV,
  '|=': op.BPF_OR,
  '&=': op.BPF_AND,
  '<<=': op.BPF_LSH,
  '>>=': op.BPF_RSH,
  '%=': op.BPF_MOD,
  '^=': op.BPF_XOR,
}

const SIGNED_ALU: Readonly<Record<string, number>> = { '>>=': op.BPF_ARSH, '/=': op.BPF_DIV, '%=': op.BPF_MOD }

const JUMPS: Readonly<Record<string, number>> = {
  '==': op.BPF_JEQ,
  '!=': op.BPF_JNE,
  '>': op.BPF_JGT,
  '>=': op.BPF_JGE,
  '<': op.BPF_JLT,
  '<=': op.BPF_JLE,
  '&': op.BPF_JSET,
}

const SIGNED_JUMPS: Readonly<Record<string, number>> = {
  '>': op.BPF_JSGT,
  '>=': op.BPF_JSGE,
  '<': op.BPF_JSLT,
  '<=': op.BPF_JSLE,
}

const SIZES: Readonly<Record<string, { readonly bits: number; readonly signed: boolean }>> = {
  u8: { bits: op.BPF_B, signed: false },
  u16: { bits: op.BPF_H, signed: false },
  u32: { bits: op.BPF_W, signed: false },
  u64: { bits: op.BPF_DW, signed: false },
  s8: { bits: op.BPF_B, signed: true },
  s16: { bits: op.BPF_H, signed: true },
  s32: { bits: op.BPF_W, signed: true },
}

const LOCKED: Readonly<Record<string, number>> = {
  '+=': op.BPF_ADD,
  '|=': op.BPF_OR,
  '&=': op.BPF_AND,
  '^=': op.BPF_XOR,
}

const FETCHES: Readonly<Record<string, number>> = {
  atomic_fetch_add: op.BPF_ADD,
  atomic_fetch_or: op.BPF_OR,
  atomic_fetch_and: op.BPF_AND,
  atomic_fetch_xor: op.BPF_XOR,
}

/** Functions on a bare `(rN + off)`: the operation, its size, and the register width that goes with it. */
const EXCHANGES: Readonly<Record<string, { readonly imm: number; readonly bits: number; readonly wide: boolean }>> = {
  xchg_64: { imm: op.BPF_XCHG, bits: op.BPF_DW, wide: true },
  xchg32_32: { imm: op.BPF_XCHG, bits: op.BPF_W, wide: false },
  cmpxchg_64: { imm: op.BPF_CMPXCHG, bits: op.BPF_DW, wide: true },
  cmpxchg32_32: { imm: op.BPF_CMPXCHG, bits: op.BPF_W, wide: false },
}

const SWAPS: Readonly<Record<string, { readonly code: number; readonly bits: number }>> = Object.fromEntries(
  [16, 32, 64].flatMap(bits => [
    [`le${bits}`, { code: op.BPF_ALU | op.BPF_END | op.BPF_TO_LE, bits }],
    [`be${bits}`, { code: op.BPF_ALU | op.BPF_END | op.BPF_TO_BE, bits }],
    [`bswap${bits}`, { code: op.BPF_ALU64 | op.BPF_END, bits }],
  ]),
)

/** Words that start a statement but are no register; tells an instruction from a macro or a directive gone wrong. */
const STARTERS = new Set(['exit', 'goto', 'gotol', 'may_goto', 'call', 'callx', 'if', 'lock', 'ld_pseudo', 'store_release'])

/** Whether a word can begin an instruction. */
export function startsInstruction(word: string): boolean {
  return STARTERS.has(word) || REGISTER.test(word)
}

function insn(code: number, fields: Partial<ParsedInsn> = {}): ParsedInsn {
  return { code, dst: 0, src: 0, off: 0, imm: 0, immHigh: 0, slots: 1, ...fields }
}

function registerAt(cursor: AsmCursor): Register | undefined {
  const token = cursor.token
  if (token.kind !== 'word') return undefined
  const match = REGISTER.exec(token.text)
  return match ? { number: Number(match[2]), wide: match[1] === 'r' } : undefined
}

function register(cursor: AsmCursor): Register {
  const found = registerAt(cursor)
  if (!found) cursor.fail(`expected a register, found ${describe(cursor.token)}`)
  cursor.index++
  return found
}

/** A register of that width; a `w` where an `r` belongs is an error, as in clang. */
function registerOf(cursor: AsmCursor, wide: boolean): number {
  const at = cursor.token.at
  const found = register(cursor)
  if (found.wide !== wide)
    cursor.fail(
      `expected ${wide ? 'r' : 'w'}${found.number}, found ${wide ? 'w' : 'r'}${found.number}: register widths differ`,
      at,
    )
  return found.number
}

/** The low 32 bits of a constant, or the symbol it is. */
function immediate(cursor: AsmCursor): Partial<ParsedInsn> {
  const value = cursor.expression()
  if (isConstant(value)) return { imm: Number(BigInt.asIntN(32, value.value)) }
  return { symbolic: { field: 'imm32', value } }
}

function target(cursor: AsmCursor, field: 'branch16' | 'branch32'): Partial<ParsedInsn> {
  const at = cursor.token.at
  const value = cursor.expression()
  if (!isConstant(value)) return { symbolic: { field, value } }
  const bits = field === 'branch16' ? 16 : 32
  if (BigInt.asIntN(bits, value.value) !== value.value) cursor.fail(`jump distance ${value.value} does not fit ${bits} bits`, at)
  return field === 'branch16' ? { off: Number(value.value) } : { imm: Number(value.value) }
}

/** `*(u32 *)`, after which the address follows. */
function accessType(cursor: AsmCursor): { readonly bits: number; readonly signed: boolean } {
  cursor.expect('(')
  const at = cursor.token.at
  const name = cursor.word('a type')
  const size = SIZES[name]
  if (!size) cursor.fail(`'${name}' is no access type; u8, u16, u32, u64, s8, s16 and s32 are`, at)
  cursor.expect('*')
  cursor.expect(')')
  return size
}

/** `r2 + 4` or `r2 - 4`, without its parentheses. */
function address(cursor: AsmCursor): { readonly base: number; readonly off: number } {
  const base = registerOf(cursor, true)
  if (cursor.isPunct(')') || cursor.isPunct(',')) return { base, off: 0 }
  const at = cursor.token.at
  if (!cursor.isPunct('-')) cursor.expect('+')
  const off = cursor.integer('an offset')
  if (BigInt.asIntN(16, off) !== off) cursor.fail(`offset ${off} does not fit 16 bits`, at)
  return { base, off: Number(off) }
}

function parenthesised(cursor: AsmCursor): { readonly base: number; readonly off: number } {
  cursor.expect('(')
  const result = address(cursor)
  cursor.expect(')')
  return result
}

/**
 * Parses the instruction at the cursor and leaves the cursor behind it. Throws AsmSyntaxError. `printed` takes also what clang-19 writes with -S
 * but does not read: `r1 = w2`, a 32-bit move whose upper half is known to be zero.
 */
export function parsePseudoC(cursor: AsmCursor, printed = false): ParsedInsn {
  if (cursor.isPunct('*')) return store(cursor)
  const destination = registerAt(cursor)
  if (destination) {
    cursor.index++
    return assignment(cursor, destination, printed)
  }
  const at = cursor.token.at
  const word = cursor.word('an instruction')
  switch (word) {
    case 'exit':
      return insn(op.BPF_JMP | op.BPF_EXIT)
    case 'goto':
      return insn(op.BPF_JMP | op.BPF_JA, target(cursor, 'branch16'))
    case 'gotol':
      return insn(op.BPF_JMP32 | op.BPF_JA, target(cursor, 'branch32'))
    case 'may_goto':
      return insn(op.BPF_JMP | op.BPF_JCOND, target(cursor, 'branch16'))
    case 'call':
      return call(cursor)
    case 'callx':
      return insn(op.BPF_JMP | op.BPF_CALL | op.BPF_X, { dst: registerOf(cursor, true) })
    case 'if':
      return conditional(cursor)
    case 'lock':
      return locked(cursor)
    case 'store_release':
      return storeRelease(cursor)
    case 'ld_pseudo':
      return loadPseudo(cursor)
    default:
      return cursor.fail(`'${word}' is not an instruction`, at)
  }
}

function call(cursor: AsmCursor): ParsedInsn {
  const value = cursor.expression()
  const code = op.BPF_JMP | op.BPF_CALL
  if (isConstant(value)) return insn(code, { imm: Number(BigInt.asIntN(32, value.value)) })
  return insn(code, { src: op.BPF_PSEUDO_CALL, imm: -1, symbolic: { field: 'call', value } })
}

function conditional(cursor: AsmCursor): ParsedInsn {
  const left = register(cursor)
  const signed = cursor.takeWord('s')
  const token = cursor.token
  const operation = token.kind === 'punct' ? (signed ? SIGNED_JUMPS : JUMPS)[token.text] : undefined
  if (operation === undefined) cursor.fail(`expected a comparison, found ${describe(token)}`)
  cursor.index++
  const cls = left.wide ? op.BPF_JMP : op.BPF_JMP32
  const right = registerAt(cursor)
  const operand = right ? { src: registerOf(cursor, left.wide) } : immediate(cursor)
  if (!cursor.takeWord('goto')) cursor.fail(`expected 'goto', found ${describe(cursor.token)}`)
  const where = target(cursor, 'branch16')
  if (operand.symbolic && where.symbolic) cursor.fail('a jump cannot compare with a symbol')
  return insn(cls | operation | (right ? op.BPF_X : op.BPF_K), { dst: left.number, ...operand, ...where })
}

function store(cursor: AsmCursor): ParsedInsn {
  cursor.expect('*')
  const at = cursor.token.at
  const size = accessType(cursor)
  if (size.signed) cursor.fail('a store has no sign: write u8, u16 or u32', at)
  const { base, off } = parenthesised(cursor)
  cursor.expect('=')
  const value = registerAt(cursor)
  if (!value) return insn(op.BPF_ST | op.BPF_MEM | size.bits, { dst: base, off, ...immediate(cursor) })
  if (!value.wide && size.bits === op.BPF_DW) cursor.fail('a w register holds 4 bytes, the store is of 8')
  cursor.index++
  return insn(op.BPF_STX | op.BPF_MEM | size.bits, { dst: base, src: value.number, off })
}

function locked(cursor: AsmCursor): ParsedInsn {
  cursor.expect('*')
  const size = accessType(cursor)
  const { base, off } = parenthesised(cursor)
  const token = cursor.token
  const imm = token.kind === 'punct' ? LOCKED[token.text] : undefined
  if (imm === undefined) cursor.fail(`expected +=, |=, &= or ^=, found ${describe(token)}`)
  cursor.index++
  return insn(op.BPF_STX | op.BPF_ATOMIC | size.bits, { dst: base, src: register(cursor).number, off, imm })
}

function storeRelease(cursor: AsmCursor): ParsedInsn {
  cursor.expect('(')
  const size = accessType(cursor)
  const { base, off } = parenthesised(cursor)
  cursor.expect(',')
  const src = register(cursor).number
  cursor.expect(')')
  return insn(op.BPF_STX | op.BPF_ATOMIC | size.bits, { dst: base, src, off, imm: op.BPF_STORE_REL })
}

/** `ld_pseudo r1, 1, 5`: a 64-bit immediate load whose source register says what the immediate is. */
function loadPseudo(cursor: AsmCursor): ParsedInsn {
  const dst = registerOf(cursor, true)
  cursor.expect(',')
  const src = Number(cursor.integer('the kind of a pseudo load'))
  cursor.expect(',')
  return insn(op.BPF_LD | op.BPF_IMM | op.BPF_DW, { dst, src: src & 15, ...wideImmediate(cursor.integer('an immediate')) })
}

function wideImmediate(value: bigint): Partial<ParsedInsn> {
  return { slots: 2, imm: Number(BigInt.asIntN(32, value)), immHigh: Number(BigInt.asIntN(32, value >> 32n)) }
}

function assignment(cursor: AsmCursor, destination: Register, printed: boolean): ParsedInsn {
  const dst = destination.number
  const cls = destination.wide ? op.BPF_ALU64 : op.BPF_ALU
  if (cursor.takePunct('=')) return moved(cursor, destination, printed)
  const signed = cursor.takeWord('s')
  const token = cursor.token
  const operation = token.kind === 'punct' ? (signed ? SIGNED_ALU : ALU)[token.text] : undefined
  if (operation === undefined) cursor.fail(`expected an assignment, found ${describe(token)}`)
  cursor.index++
  const off = signed && operation !== op.BPF_ARSH ? 1 : 0
  if (registerAt(cursor)) return insn(cls | operation | op.BPF_X, { dst, src: registerOf(cursor, destination.wide), off })
  return insn(cls | operation | op.BPF_K, { dst, off, ...immediate(cursor) })
}

/** What follows `r1 =`. */
function moved(cursor: AsmCursor, destination: Register, printed: boolean): ParsedInsn {
  const dst = destination.number
  const cls = destination.wide ? op.BPF_ALU64 : op.BPF_ALU
  const start = cursor.token
  if (cursor.isPunct('*')) return load(cursor, destination)
  const source = registerAt(cursor)
  if (source && printed && destination.wide && !source.wide) {
    cursor.index++
    return insn(op.BPF_ALU | op.BPF_MOV | op.BPF_X, { dst, src: source.number })
  }
  if (source) return insn(cls | op.BPF_MOV | op.BPF_X, { dst, src: registerOf(cursor, destination.wide) })
  if (cursor.isPunct('-')) {
    const next = cursor.peek()
    if (next.kind === 'word' && REGISTER.test(next.text)) {
      cursor.index++
      if (registerOf(cursor, destination.wide) !== dst)
        cursor.fail('negation works in place: both registers must be the same', start.at)
      return insn(cls | op.BPF_NEG, { dst })
    }
  }
  const inner = cursor.peek()
  if (cursor.isPunct('(') && inner.kind === 'word' && SIZES[inner.text]?.signed) {
    cursor.index += 2
    cursor.expect(')')
    const bits = Number(inner.text.slice(1))
    if (bits === 32 && !destination.wide) cursor.fail('(s32) extends to 64 bits: the destination must be an r register', start.at)
    return insn(cls | op.BPF_MOV | op.BPF_X, { dst, src: registerOf(cursor, destination.wide), off: bits })
  }
  if (start.kind === 'word') {
    const named = function_(cursor, start.text, destination)
    if (named) return named
  }
  const addressOf = cursor.takePunct('&')
  const value = cursor.expression()
  if (cursor.takeWord('ll')) {
    if (!destination.wide) cursor.fail('a 64-bit immediate needs an r register', start.at)
    const code = op.BPF_LD | op.BPF_IMM | op.BPF_DW
    if (isConstant(value)) return insn(code, { dst, ...wideImmediate(value.value) })
    return insn(code, { dst, slots: 2, symbolic: { field: 'imm64', value } })
  }
  if (addressOf) cursor.fail("an address needs a 64-bit load: write 'll' after it", start.at)
  if (isConstant(value)) return insn(cls | op.BPF_MOV | op.BPF_K, { dst, imm: Number(BigInt.asIntN(32, value.value)) })
  return insn(cls | op.BPF_MOV | op.BPF_K, { dst, symbolic: { field: 'imm32', value } })
}

function load(cursor: AsmCursor, destination: Register): ParsedInsn {
  const at = cursor.token.at
  cursor.expect('*')
  const size = accessType(cursor)
  if (cursor.takeWord('skb')) {
    if (destination.number !== 0) cursor.fail('packet loads go to r0', at)
    cursor.expect('[')
    const indirect = registerAt(cursor) ? registerOf(cursor, true) : undefined
    const operand =
      indirect === undefined ? immediate(cursor) : { src: indirect, ...(cursor.takePunct('+') && immediate(cursor)) }
    cursor.expect(']')
    return insn(op.BPF_LD | (indirect === undefined ? op.BPF_ABS : op.BPF_IND) | size.bits, operand)
  }
  const { base, off } = parenthesised(cursor)
  if (!destination.wide && (size.bits === op.BPF_DW || size.signed))
    cursor.fail('this load fills 64 bits: the destination must be an r register', at)
  const mode = size.signed ? op.BPF_MEMSX : op.BPF_MEM
  return insn(op.BPF_LDX | mode | size.bits, { dst: destination.number, src: base, off })
}

/** `r1 = NAME …` where NAME is an operation and no symbol; undefined when it is a symbol. */
function function_(cursor: AsmCursor, name: string, destination: Register): ParsedInsn | undefined {
  const at = cursor.token.at
  const dst = destination.number
  const swap = SWAPS[name]
  if (swap && cursor.peek().kind === 'word') {
    cursor.index++
    if (registerOf(cursor, true) !== dst || !destination.wide)
      cursor.fail('a byte swap works in place: both registers must be the same', at)
    return insn(swap.code, { dst, imm: swap.bits })
  }
  const called = cursor.isPunct('(', 1)
  if (!called) return undefined
  const fetch = FETCHES[name]
  const exchange = EXCHANGES[name]
  if (fetch === undefined && !exchange && name !== 'addr_space_cast' && name !== 'load_acquire') return undefined
  cursor.index++
  cursor.expect('(')
  const result =
    fetch !== undefined
      ? fetched(cursor, dst, fetch)
      : exchange
        ? exchanged(cursor, destination, exchange)
        : name === 'load_acquire'
          ? acquired(cursor, dst)
          : spaceCast(cursor, dst)
  cursor.expect(')')
  return result
}

function fetched(cursor: AsmCursor, dst: number, operation: number): ParsedInsn {
  const size = accessType(cursor)
  const { base, off } = parenthesised(cursor)
  cursor.expect(',')
  const at = cursor.token.at
  const src = register(cursor).number
  if (src !== dst) cursor.fail('the operand and the result of an atomic fetch are the same register', at)
  return insn(op.BPF_STX | op.BPF_ATOMIC | size.bits, { dst: base, src, off, imm: operation | op.BPF_FETCH })
}

function exchanged(cursor: AsmCursor, destination: Register, { imm, bits, wide }: (typeof EXCHANGES)[string]): ParsedInsn {
  if (destination.wide !== wide) cursor.fail(`this exchange works on ${wide ? 'r' : 'w'} registers`)
  const { base, off } = address(cursor)
  cursor.expect(',')
  const at = cursor.token.at
  if (imm === op.BPF_CMPXCHG) {
    if (registerOf(cursor, wide) !== 0 || destination.number !== 0)
      cursor.fail('compare-and-exchange compares with and returns register 0', at)
    cursor.expect(',')
  }
  const src = registerOf(cursor, wide)
  if (imm === op.BPF_XCHG && src !== destination.number)
    cursor.fail('the operand and the result of an exchange are the same register', at)
  return insn(op.BPF_STX | op.BPF_ATOMIC | bits, { dst: base, src, off, imm })
}

function acquired(cursor: AsmCursor, dst: number): ParsedInsn {
  const size = accessType(cursor)
  const { base, off } = parenthesised(cursor)
  return insn(op.BPF_STX | op.BPF_ATOMIC | size.bits, { dst, src: base, off, imm: op.BPF_LOAD_ACQ })
}

function spaceCast(cursor: AsmCursor, dst: number): ParsedInsn {
  const src = registerOf(cursor, true)
  cursor.expect(',')
  const to = Number(cursor.integer('an address space'))
  cursor.expect(',')
  const from = Number(cursor.integer('an address space'))
  return insn(op.BPF_ALU64 | op.BPF_MOV | op.BPF_X, { dst, src, off: op.BPF_ADDR_SPACE_CAST, imm: (to << 16) | (from & 0xffff) })
}
