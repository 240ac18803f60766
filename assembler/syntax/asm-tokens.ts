/**
 * Words of assembly text, and the expressions made of them: what LLVM's AsmLexer and MCExpr take for BPF. Statements end at a
 * newline or `;`, comments are `# …`, `// …` and slash-star.
 */

export type AsmToken =
  | { readonly kind: 'word'; readonly text: string; readonly at: number }
  | { readonly kind: 'number'; readonly value: bigint; readonly at: number }
  /** `1f`, `1b`: the next or previous label `1:`. */
  | { readonly kind: 'directional'; readonly label: number; readonly forward: boolean; readonly at: number }
  | { readonly kind: 'string'; readonly bytes: Uint8Array; readonly at: number }
  | { readonly kind: 'punct'; readonly text: string; readonly at: number }
  /** Newline, `;` or the end of the text. */
  | { readonly kind: 'end'; readonly at: number }

/** A fault in assembly text; `at` is the offset in characters. Caught per statement and made a diagnostic. */
export class AsmSyntaxError extends Error {
  constructor(
    message: string,
    readonly at: number,
  ) {
    super(message)
  }
}

const WORD = /[A-Za-z_.$@][A-Za-z0-9_.$@?]*/y
const NUMBER = /0[xX][0-9a-fA-F]+|0[bB][01]+|[0-9]+/y
const PUNCT = /<<=|>>=|<<|>>|<=|>=|==|!=|&&|\|\||\+=|-=|\*=|\/=|%=|&=|\|=|\^=|[-+*/%&|^~!<>=()[\],:?{}]/y

/** Characters a quoted string may escape, and what they stand for. */
const ESCAPES: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, b: 8, f: 12, '\\': 92, '"': 34, "'": 39 }

const utf8 = new TextEncoder()

/** All tokens of a text; the last is an `end`. Throws AsmSyntaxError where no token starts. */
export function tokenizeAsm(text: string): AsmToken[] {
  const tokens: AsmToken[] = []
  let at = 0
  const end = (position: number) => {
    const last = tokens[tokens.length - 1]
    if (last && last.kind !== 'end') tokens.push({ kind: 'end', at: position })
  }
  while (at < text.length) {
    const char = text[at]!
    if (char === '\n' || char === ';') {
      end(at++)
      continue
    }
    if (char === ' ' || char === '\t' || char === '\r') {
      at++
      continue
    }
    if (char === '#' || (char === '/' && text[at + 1] === '/')) {
      const line = text.indexOf('\n', at)
      at = line < 0 ? text.length : line
      continue
    }
    if (char === '/' && text[at + 1] === '*') {
      const close = text.indexOf('*/', at + 2)
      if (close < 0) throw new AsmSyntaxError('comment is not closed', at)
      at = close + 2
      continue
    }
    if (char === '"') {
      at = quoted(text, at, tokens)
      continue
    }
    if (char === "'") {
      const escaped = text[at + 1] === '\\'
      const value = escaped ? ESCAPES[text[at + 2] ?? ''] : text.codePointAt(at + 1)
      if (value === undefined || text[at + (escaped ? 3 : 2)] !== "'") throw new AsmSyntaxError('bad character constant', at)
      tokens.push({ kind: 'number', value: BigInt(value), at })
      at += escaped ? 4 : 3
      continue
    }
    WORD.lastIndex = NUMBER.lastIndex = PUNCT.lastIndex = at
    const word = WORD.exec(text)
    if (word) {
      tokens.push({ kind: 'word', text: word[0], at })
      at += word[0].length
      continue
    }
    const number = NUMBER.exec(text)
    if (number) {
      at = numeric(text, at, number[0], tokens)
      continue
    }
    const punct = PUNCT.exec(text)
    if (!punct) throw new AsmSyntaxError(`unexpected character ${JSON.stringify(char)}`, at)
    tokens.push({ kind: 'punct', text: punct[0], at })
    at += punct[0].length
  }
  end(text.length)
  return tokens
}

function numeric(text: string, at: number, digits: string, tokens: AsmToken[]): number {
  let next = at + digits.length
  const following = text[next]
  const plain = /^[0-9]+$/.test(digits)
  if (plain && (following === 'f' || following === 'b') && !/[A-Za-z0-9_.]/.test(text[next + 1] ?? '')) {
    tokens.push({ kind: 'directional', label: Number(digits), forward: following === 'f', at })
    return next + 1
  }
  if (plain && digits.length > 1 && digits[0] === '0') {
    if (/[89]/.test(digits)) throw new AsmSyntaxError(`bad octal number ${digits}`, at)
    tokens.push({ kind: 'number', value: BigInt(`0o${digits}`), at })
  } else tokens.push({ kind: 'number', value: BigInt(digits), at })
  const suffix = /^(?:[uU]?[lL]{0,2}|[lL]{1,2}[uU])(?![A-Za-z0-9_.])/.exec(text.slice(next, next + 4))
  if (suffix) next += suffix[0].length
  if (/[A-Za-z_]/.test(text[next] ?? '')) throw new AsmSyntaxError(`bad number ${digits}${text[next]}`, at)
  return next
}

function quoted(text: string, start: number, tokens: AsmToken[]): number {
  const bytes: number[] = []
  let at = start + 1
  for (;;) {
    const char = text[at]
    if (char === undefined || char === '\n') throw new AsmSyntaxError('string is not closed', start)
    if (char === '"') break
    if (char !== '\\') {
      const point = String.fromCodePoint(text.codePointAt(at)!)
      bytes.push(...utf8.encode(point))
      at += point.length
      continue
    }
    const octal = /^[0-7]{1,3}/.exec(text.slice(at + 1, at + 4))
    const hexadecimal = /^[xX]([0-9a-fA-F]{1,2})/.exec(text.slice(at + 1, at + 4))
    if (octal) {
      bytes.push(Number.parseInt(octal[0], 8) & 255)
      at += 1 + octal[0].length
    } else if (hexadecimal) {
      bytes.push(Number.parseInt(hexadecimal[1]!, 16))
      at += 1 + hexadecimal[0].length
    } else {
      const value = ESCAPES[text[at + 1] ?? '']
      if (value === undefined) throw new AsmSyntaxError(`unknown escape \\${text[at + 1] ?? ''}`, at)
      bytes.push(value)
      at += 2
    }
  }
  tokens.push({ kind: 'string', bytes: Uint8Array.from(bytes), at: start })
  return at + 1
}

/** A constant plus symbols minus symbols, and what is done to that sum: all that an operand or a data directive can hold. */
export interface AsmValue {
  readonly value: bigint
  readonly plus: readonly string[]
  readonly minus: readonly string[]
  /** Done to the sum in this order once the symbols' distance is known, as in `(a - b) / 8 & 0xffff`. */
  readonly steps?: readonly { readonly operator: string; readonly by: bigint }[]
}

/** What an expression needs of its surroundings. */
export interface AsmScope {
  /** The symbol for `.`, the current place. */
  here(): string
  /** The symbol that `1f` or `1b` means. */
  directional(label: number, forward: boolean, at: number): string
}

export const constant = (value: bigint | number): AsmValue => ({ value: BigInt(value), plus: [], minus: [] })

export const isConstant = (value: AsmValue): boolean => value.plus.length === 0 && value.minus.length === 0

const PRECEDENCE: Readonly<Record<string, number>> = {
  '||': 1,
  '&&': 2,
  '==': 3,
  '!=': 3,
  '<': 3,
  '<=': 3,
  '>': 3,
  '>=': 3,
  '+': 4,
  '-': 4,
  '|': 5,
  '^': 5,
  '&': 5,
  '*': 6,
  '/': 6,
  '%': 6,
  '<<': 6,
  '>>': 6,
}

/** Parentheses and signs that an expression may nest. */
const MAX_NESTING = 200

/** A position in the tokens of a statement, with the checks every parser here needs. */
export class AsmCursor {
  constructor(
    readonly tokens: readonly AsmToken[],
    public index: number,
    private readonly scope: AsmScope,
  ) {}

  get token(): AsmToken {
    return this.tokens[this.index] ?? { kind: 'end', at: this.tokens[this.tokens.length - 1]?.at ?? 0 }
  }

  peek(ahead = 1): AsmToken {
    return this.tokens[this.index + ahead] ?? { kind: 'end', at: this.token.at }
  }

  fail(message: string, at = this.token.at): never {
    throw new AsmSyntaxError(message, at)
  }

  isPunct(text: string, ahead = 0): boolean {
    const token = ahead ? this.peek(ahead) : this.token
    return token.kind === 'punct' && token.text === text
  }

  isWord(text: string): boolean {
    return this.token.kind === 'word' && this.token.text === text
  }

  takePunct(text: string): boolean {
    if (!this.isPunct(text)) return false
    this.index++
    return true
  }

  takeWord(text: string): boolean {
    if (!this.isWord(text)) return false
    this.index++
    return true
  }

  expect(text: string): void {
    if (!this.takePunct(text)) this.fail(`expected '${text}', found ${describe(this.token)}`)
  }

  word(what: string): string {
    const token = this.token
    if (token.kind !== 'word') this.fail(`expected ${what}, found ${describe(token)}`)
    this.index++
    return token.text
  }

  get atEnd(): boolean {
    return this.token.kind === 'end'
  }

  expectEnd(): void {
    if (!this.atEnd) this.fail(`unexpected ${describe(this.token)} after the statement`)
  }

  /** An expression; `minimum` is the lowest operator precedence it may take. */
  expression(minimum = 1): AsmValue {
    let left = this.unary()
    for (;;) {
      const token = this.token
      if (token.kind !== 'punct') return left
      const precedence = PRECEDENCE[token.text]
      if (precedence === undefined || precedence < minimum) return left
      this.index++
      left = this.combine(token.text, left, this.expression(precedence + 1), token.at)
    }
  }

  /** An expression without symbols. */
  integer(what: string): bigint {
    const at = this.token.at
    const value = this.expression()
    if (!isConstant(value)) this.fail(`${what} must be a number`, at)
    return value.value
  }

  private depth = 0

  private unary(): AsmValue {
    if (this.depth >= MAX_NESTING) this.fail(`an expression nested deeper than ${MAX_NESTING}`)
    this.depth++
    try {
      return this.operand()
    } finally {
      this.depth--
    }
  }

  private operand(): AsmValue {
    const token = this.token
    this.index++
    if (token.kind === 'number') return constant(token.value)
    if (token.kind === 'word') return { value: 0n, plus: [token.text === '.' ? this.scope.here() : token.text], minus: [] }
    if (token.kind === 'directional')
      return { value: 0n, plus: [this.scope.directional(token.label, token.forward, token.at)], minus: [] }
    if (token.kind === 'punct') {
      if (token.text === '(') {
        const inner = this.expression()
        this.expect(')')
        return inner
      }
      if (token.text === '+') return this.unary()
      if (token.text === '-') {
        const inner = this.unary()
        if (inner.steps) this.fail(`'-' cannot be applied to a symbol`, token.at)
        return { value: -inner.value, plus: inner.minus, minus: inner.plus }
      }
      if (token.text === '~' || token.text === '!') {
        const inner = this.unary()
        if (!isConstant(inner)) this.fail(`'${token.text}' needs a number`, token.at)
        return constant(token.text === '~' ? ~inner.value : inner.value === 0n ? 1n : 0n)
      }
    }
    this.index--
    return this.fail(`expected an operand, found ${describe(token)}`)
  }

  private combine(operator: string, left: AsmValue, right: AsmValue, at: number): AsmValue {
    const sums = !left.steps && !right.steps
    if (operator === '+' && sums)
      return { value: left.value + right.value, plus: [...left.plus, ...right.plus], minus: [...left.minus, ...right.minus] }
    if (operator === '-' && sums)
      return { value: left.value - right.value, plus: [...left.plus, ...right.minus], minus: [...left.minus, ...right.plus] }
    if (!isConstant(right)) this.fail(`'${operator}' cannot be applied to a symbol`, at)
    const by = right.value
    if (isConstant(left)) return constant(this.apply(operator, left.value, by, at))
    // Only a distance is a number; what has but one symbol is an address, which a relocation cannot divide.
    if (left.plus.length !== left.minus.length) this.fail(`'${operator}' cannot be applied to a symbol`, at)
    this.apply(operator, 0n, by, at)
    return { ...left, steps: [...(left.steps ?? []), { operator, by }] }
  }

  private apply(operator: string, left: bigint, right: bigint, at: number): bigint {
    const result = arithmetic(operator, left, right)
    return result ?? this.fail('division by zero', at)
  }
}

/** What an operator makes of two 64-bit numbers; comparisons give -1 and 0. Undefined for a division by zero. */
export function arithmetic(operator: string, left: bigint, right: bigint): bigint | undefined {
  const a = BigInt.asIntN(64, left)
  const b = BigInt.asIntN(64, right)
  const truth = (condition: boolean) => (condition ? -1n : 0n)
  switch (operator) {
    case '+':
      return a + b
    case '-':
      return a - b
    case '*':
      return a * b
    case '/':
      return b === 0n ? undefined : a / b
    case '%':
      return b === 0n ? undefined : a % b
    case '<<':
      return b < 0n || b > 63n ? 0n : a << b
    case '>>':
      return b < 0n || b > 63n ? 0n : BigInt.asUintN(64, a) >> b
    case '&':
      return a & b
    case '|':
      return a | b
    case '^':
      return a ^ b
    case '==':
      return truth(a === b)
    case '!=':
      return truth(a !== b)
    case '<':
      return truth(a < b)
    case '<=':
      return truth(a <= b)
    case '>':
      return truth(a > b)
    case '>=':
      return truth(a >= b)
    case '&&':
      return a !== 0n && b !== 0n ? 1n : 0n
    default:
      return a !== 0n || b !== 0n ? 1n : 0n
  }
}

/** A token in words, for messages. */
export function describe(token: AsmToken): string {
  switch (token.kind) {
    case 'word':
    case 'punct':
      return `'${token.text}'`
    case 'number':
      return `'${token.value}'`
    case 'directional':
      return `'${token.label}${token.forward ? 'f' : 'b'}'`
    case 'string':
      return 'a string'
    case 'end':
      return 'the end of the statement'
  }
}
