/** Numbers in pragmas: sums of plain numbers, as macros leave them (`#pragma unroll(((24)/(16)))`). */

const TOKEN = /\s*(?:(0[xX][0-9a-fA-F]+|\d+)[uUlL]*|(<<|>>|[-+*/%()&|^~]))/y

const LEVELS: readonly Readonly<Record<string, (a: number, b: number) => number>>[] = [
  { '|': (a, b) => a | b },
  { '^': (a, b) => a ^ b },
  { '&': (a, b) => a & b },
  { '<<': (a, b) => a * 2 ** b, '>>': (a, b) => Math.floor(a / 2 ** b) },
  { '+': (a, b) => a + b, '-': (a, b) => a - b },
  { '*': (a, b) => a * b, '/': (a, b) => Math.trunc(a / b), '%': (a, b) => a % b },
]

/** The value of an expression of numbers; undefined where it has anything else in it, or has no whole value. */
export function pragmaNumber(text: string): number | undefined {
  const words: string[] = []
  TOKEN.lastIndex = 0
  const end = text.trimEnd()
  while (TOKEN.lastIndex < end.length) {
    const match = TOKEN.exec(end)
    if (!match) return undefined
    words.push(match[1] ?? match[2]!)
  }
  let at = 0
  const operand = (): number => {
    const word = words[at++] ?? ''
    if (word === '-') return -operand()
    if (word === '+') return operand()
    if (word === '~') return ~operand()
    if (word !== '(') return /^\d/.test(word) ? Number(/^0\d/.test(word) ? `0o${word.slice(1)}` : word) : Number.NaN
    const value = level(0)
    return words[at++] === ')' ? value : Number.NaN
  }
  const level = (depth: number): number => {
    const operators = LEVELS[depth]
    if (!operators) return operand()
    let value = level(depth + 1)
    for (let apply = operators[words[at]!]; apply; apply = operators[words[at]!]) {
      at++
      value = apply(value, level(depth + 1))
    }
    return value
  }
  const value = level(0)
  return at === words.length && Number.isSafeInteger(value) ? value : undefined
}
