/** The expressions of `#if` and `#elif` (C17 6.10.1): intmax_t and uintmax_t arithmetic over expanded tokens. */
import type { Loc } from '../../base/source.js'
import type { Expander } from './expander.js'
import { Punct } from './names.js'
import { type Atom, TokenKind } from './tokens.js'

interface Value {
  readonly value: bigint
  readonly unsigned: boolean
}

/** Thrown inside, caught by `evaluateCondition`. */
class ConditionFault extends Error {
  constructor(
    readonly code: string,
    readonly loc: Loc,
    readonly length: number,
    message: string,
  ) {
    super(message)
  }
}

const precedence = new Map<Atom, number>([
  [Punct['||'], 1],
  [Punct['&&'], 2],
  [Punct['|'], 3],
  [Punct['^'], 4],
  [Punct['&'], 5],
  [Punct['=='], 6],
  [Punct['!='], 6],
  [Punct['<'], 7],
  [Punct['>'], 7],
  [Punct['<='], 7],
  [Punct['>='], 7],
  [Punct['<<'], 8],
  [Punct['>>'], 8],
  [Punct['+'], 9],
  [Punct['-'], 9],
  [Punct['*'], 10],
  [Punct['/'], 10],
  [Punct['%'], 10],
])

/** Operands within operands; each level is a level of our own stack. */
const NESTING = 512

const MASK = 0xffff_ffff_ffff_ffffn

const wrap = (value: bigint, unsigned: boolean): Value => ({
  value: unsigned ? BigInt.asUintN(64, value) : BigInt.asIntN(64, value),
  unsigned,
})
const truth = (condition: boolean): Value => ({ value: condition ? 1n : 0n, unsigned: false })

/** What the evaluator needs beside tokens. */
export interface ConditionHost {
  readonly expander: Expander
  readonly definedAtom: Atom
  isDefined(name: Atom): boolean
  /** Faults that leave a value: overflow, an unknown suffix. */
  warn(code: string, group: string | undefined, loc: Loc, length: number, message: string): void
  error(code: string, loc: Loc, length: number, message: string): void
}

/** Evaluates the tokens up to the end of the directive; a faulty expression is reported and counts as false. */
export function evaluateCondition(host: ConditionHost, directive: string, directiveLoc: Loc): boolean {
  const evaluator = new Evaluator(host, directive, directiveLoc)
  try {
    return evaluator.whole() !== 0n
  } catch (fault) {
    if (!(fault instanceof ConditionFault)) throw fault
    host.error(fault.code, fault.loc, fault.length, fault.message)
    return false
  }
}

class Evaluator {
  private readonly expander: Expander
  private depth = 0

  constructor(
    private readonly host: ConditionHost,
    private readonly directive: string,
    private readonly directiveLoc: Loc,
  ) {
    this.expander = host.expander
  }

  whole(): bigint {
    this.expander.next()
    if (this.expander.kind === TokenKind.End)
      throw new ConditionFault('P0030', this.directiveLoc, 1, `expected value in expression after #${this.directive}`)
    const { value } = this.binary(this.unary(true), 1, true)
    if (this.expander.kind !== TokenKind.End) {
      if (this.isPunct(Punct[':'])) throw this.fault('P0031', "unexpected ':' in preprocessor expression")
      throw this.fault('P0031', `token is not a valid binary operator in a preprocessor subexpression`)
    }
    return value
  }

  private fault(code: string, message: string): ConditionFault {
    const { expander } = this
    if (expander.kind === TokenKind.End) return new ConditionFault(code, this.directiveLoc, 1, message)
    return new ConditionFault(code, expander.loc, expander.length, message)
  }

  private isPunct(atom: Atom): boolean {
    return this.expander.kind === TokenKind.Punctuator && this.expander.atom === atom
  }

  /** An operand; `live` is whether its value counts (faults in the dead part of `&&`, `||`, `?:` do not). */
  private unary(live: boolean): Value {
    if (this.depth >= NESTING) throw this.fault('P0041', 'expression is nested too deeply')
    this.depth++
    const value = this.operand(live)
    this.depth--
    return value
  }

  private operand(live: boolean): Value {
    const { expander } = this
    const { kind, atom, loc, length } = expander
    switch (kind) {
      case TokenKind.Number: {
        const value = this.number(atom, loc, length)
        expander.next()
        return value
      }
      case TokenKind.Char: {
        const value = this.character(atom, loc, length)
        expander.next()
        return value
      }
      case TokenKind.Identifier:
        if (atom === this.host.definedAtom) return this.defined()
        expander.next()
        if (this.isPunct(Punct['(']))
          throw new ConditionFault('P0032', loc, length, `function-like macro '${expander.names.text(atom)}' is not defined`)
        return truth(false)
      case TokenKind.Punctuator:
        expander.next()
        switch (atom) {
          case Punct['(']: {
            const value = this.comma(live)
            if (!this.isPunct(Punct[')'])) throw this.fault('P0033', "expected ')' in preprocessor expression")
            expander.next()
            return value
          }
          case Punct['+']:
            return this.unary(live)
          case Punct['-']: {
            const operand = this.unary(live)
            return wrap(-operand.value, operand.unsigned)
          }
          case Punct['~']: {
            const operand = this.unary(live)
            return wrap(operand.value ^ MASK, operand.unsigned)
          }
          case Punct['!']:
            return truth(this.unary(live).value === 0n)
        }
        break
      case TokenKind.End:
        throw this.fault('P0030', 'expected value in expression')
    }
    throw new ConditionFault('P0030', loc, length, 'invalid token at start of a preprocessor expression')
  }

  private comma(live: boolean): Value {
    let value = this.binary(this.unary(live), 1, live)
    while (this.isPunct(Punct[','])) {
      if (live) this.host.warn('P0034', 'pedantic', this.expander.loc, 1, 'comma operator in operand of #if')
      this.expander.next()
      value = this.binary(this.unary(live), 1, live)
    }
    return value
  }

  /** Operators of at least the given precedence, and `?:` at the lowest. */
  private binary(first: Value, least: number, live: boolean): Value {
    const { expander } = this
    let left = first
    for (;;) {
      if (expander.kind !== TokenKind.Punctuator) return left
      const operator = expander.atom
      if (operator === Punct['?']) {
        if (least > 1) return left
        left = this.conditional(left, live)
        continue
      }
      const level = precedence.get(operator)
      if (level === undefined || level < least) return left
      const { loc } = expander
      expander.next()
      const rightLive =
        live && !(operator === Punct['&&'] && left.value === 0n) && !(operator === Punct['||'] && left.value !== 0n)
      const right = this.binary(this.unary(rightLive), level + 1, rightLive)
      left = this.apply(operator, left, right, live, loc)
    }
  }

  private conditional(condition: Value, live: boolean): Value {
    const { expander } = this
    const taken = condition.value !== 0n
    expander.next()
    const then = this.comma(live && taken)
    if (!this.isPunct(Punct[':'])) throw this.fault('P0033', "expected ':' in preprocessor expression")
    expander.next()
    const otherwise = this.binary(this.unary(live && !taken), 1, live && !taken)
    return wrap(taken ? then.value : otherwise.value, then.unsigned || otherwise.unsigned)
  }

  private apply(operator: Atom, left: Value, right: Value, live: boolean, loc: Loc): Value {
    if (operator === Punct['&&']) return truth(left.value !== 0n && right.value !== 0n)
    if (operator === Punct['||']) return truth(left.value !== 0n || right.value !== 0n)
    if (operator === Punct['<<'] || operator === Punct['>>']) return this.shift(operator, left, right, live, loc)
    const unsigned = left.unsigned || right.unsigned
    const a = wrap(left.value, unsigned).value
    const b = wrap(right.value, unsigned).value
    switch (operator) {
      case Punct['|']:
        return wrap(a | b, unsigned)
      case Punct['^']:
        return wrap(a ^ b, unsigned)
      case Punct['&']:
        return wrap(a & b, unsigned)
      case Punct['==']:
        return truth(a === b)
      case Punct['!=']:
        return truth(a !== b)
      case Punct['<']:
        return truth(a < b)
      case Punct['>']:
        return truth(a > b)
      case Punct['<=']:
        return truth(a <= b)
      case Punct['>=']:
        return truth(a >= b)
      case Punct['/']:
      case Punct['%']:
        if (b === 0n) {
          if (live)
            throw new ConditionFault(
              'P0035',
              loc,
              1,
              `${operator === Punct['/'] ? 'division' : 'remainder'} by zero in preprocessor expression`,
            )
          return wrap(0n, unsigned)
        }
        return this.checked(operator === Punct['/'] ? a / b : a % b, unsigned, live, loc)
      case Punct['+']:
        return this.checked(a + b, unsigned, live, loc)
      case Punct['-']:
        return this.checked(a - b, unsigned, live, loc)
      default:
        return this.checked(a * b, unsigned, live, loc)
    }
  }

  private checked(exact: bigint, unsigned: boolean, live: boolean, loc: Loc): Value {
    const result = wrap(exact, unsigned)
    if (!unsigned && live && result.value !== exact)
      this.host.warn('P0036', 'integer-overflow', loc, 1, 'integer overflow in preprocessor expression')
    return result
  }

  private shift(operator: Atom, left: Value, right: Value, live: boolean, loc: Loc): Value {
    // A negative count shifts the other way, as clang does; counts past the width act like the width.
    const negative = !right.unsigned && right.value < 0n
    const count = negative ? -right.value : right.value
    const leftwards = (operator === Punct['<<']) !== negative
    if (leftwards) {
      if (count >= 64n) {
        if (live) this.host.warn('P0036', 'integer-overflow', loc, 1, 'integer overflow in preprocessor expression')
        return wrap(0n, left.unsigned)
      }
      return wrap(left.value << count, left.unsigned)
    }
    return wrap(left.value >> (count >= 64n ? 63n : count), left.unsigned && count < 64n) as Value
  }

  private defined(): Value {
    const { expander } = this
    const { loc, length } = expander
    expander.advance()
    const parenthesised = this.isPunct(Punct['('])
    if (parenthesised) expander.advance()
    if (expander.kind !== TokenKind.Identifier)
      throw new ConditionFault(
        'P0037',
        expander.kind === TokenKind.End ? loc : expander.loc,
        length,
        "operand of 'defined' must be a name: defined(NAME)",
      )
    const result = this.host.isDefined(expander.atom)
    if (parenthesised) {
      expander.advance()
      if (!this.isPunct(Punct[')'])) throw this.fault('P0033', "missing ')' after 'defined'")
    }
    expander.next()
    return truth(result)
  }

  private number(atom: Atom, loc: Loc, length: number): Value {
    const text = this.expander.names.text(atom)
    const match = /^(0[xX][0-9a-fA-F]+|0[bB][01]+|0[0-7]*|[1-9][0-9]*)([a-zA-Z]*)$/.exec(text)
    if (!match) {
      const real = /^(?:0[xX][0-9a-fA-F.]*[pP.]|[0-9]*\.|[0-9]+[eE])/.test(text)
      throw new ConditionFault(
        'P0038',
        loc,
        length,
        real ? 'floating point literal in preprocessor expression' : `invalid number '${text}' in preprocessor expression`,
      )
    }
    const digits = match[1]!
    const suffix = match[2]!.toLowerCase()
    if (!/^(?:u|l|ll|ul|ull|lu|llu|z|uz|zu|)$/.test(suffix))
      throw new ConditionFault('P0038', loc, length, `invalid suffix '${match[2]}' on integer constant`)
    const value = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits)
    if (value > MASK) {
      this.host.error('P0039', loc, length, 'integer literal is too large to be represented in any integer type')
      return wrap(value, true)
    }
    const big = value >= 1n << 63n
    if (big && !suffix.includes('u') && /^[1-9]/.test(digits))
      this.host.warn(
        'P0039',
        'implicitly-unsigned-literal',
        loc,
        length,
        'integer literal is too large to be represented in a signed integer type, interpreting as unsigned',
      )
    return { value, unsigned: suffix.includes('u') || big }
  }

  private character(atom: Atom, loc: Loc, length: number): Value {
    const text = this.expander.names.text(atom)
    const open = text.indexOf("'")
    const prefix = text.slice(0, open)
    const units = characterValues(text.slice(open + 1, -1))
    if (units.length === 0) throw new ConditionFault('P0040', loc, length, 'empty character constant')
    if (prefix === '') {
      const bytes = units.flatMap(unit =>
        unit.escape ? [unit.value & 0xff] : [...new TextEncoder().encode(String.fromCodePoint(unit.value))],
      )
      if (bytes.length === 1) return { value: BigInt.asIntN(8, BigInt(bytes[0]!)), unsigned: false }
      let value = 0
      for (const byte of bytes) value = (value << 8) | byte
      return { value: BigInt(value | 0), unsigned: false }
    }
    const last = units.at(-1)!.value
    return { value: BigInt(prefix === 'u' ? last & 0xffff : prefix === 'L' ? last | 0 : last >>> 0), unsigned: prefix !== 'L' }
  }
}

/** The characters between the quotes of a constant; `escape` where a numeric escape gave a value rather than a character. */
function characterValues(body: string): { value: number; escape: boolean }[] {
  const simple: Readonly<Record<string, number>> = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11, e: 27, E: 27 }
  const values: { value: number; escape: boolean }[] = []
  for (const match of body.matchAll(
    /\\x([0-9a-fA-F]+)|\\([0-7]{1,3})|\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})|\\([\s\S])|([\s\S])/gu,
  )) {
    const [, hex, octal, four, eight, escaped, plain] = match
    if (hex !== undefined) values.push({ value: Number.parseInt(hex.slice(-8), 16), escape: true })
    else if (octal !== undefined) values.push({ value: Number.parseInt(octal, 8), escape: true })
    else if (four !== undefined || eight !== undefined)
      values.push({ value: Math.min(0x10ffff, Number.parseInt(four ?? eight!, 16)), escape: false })
    else if (escaped !== undefined) values.push({ value: simple[escaped] ?? escaped.codePointAt(0)!, escape: escaped in simple })
    else values.push({ value: plain!.codePointAt(0)!, escape: false })
  }
  return values
}
