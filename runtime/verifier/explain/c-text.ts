/** Little readings of one line of C: the expression at a column, the arguments of a call, the variable an assignment writes. */

export interface Piece {
  readonly text: string
  /** From 0. */
  readonly start: number
}

interface Token {
  readonly text: string
  readonly start: number
  readonly end: number
}

function tokens(line: string): Token[] {
  const list: Token[] = []
  const pattern =
    /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\/\/.*|\/\*.*?\*\/|[A-Za-z_]\w*|\d[\w.]*|->|\+\+|--|<<=|>>=|<<|>>|[-+*/%&|^=!<>]=|&&|\|\||\S/g
  for (let found = pattern.exec(line); found; found = pattern.exec(line))
    if (!/^\/[/*]/.test(found[0])) list.push({ text: found[0], start: found.index, end: found.index + found[0].length })
  return list
}

const WORD = /^[A-Za-z_"'\d]/
const KEYWORD =
  /^(return|if|while|for|else|do|switch|case|sizeof|goto|break|continue|int|long|char|short|unsigned|signed|void|const|struct|static|volatile|__u8|__u16|__u32|__u64|__s8|__s16|__s32|__s64)$/
const CLOSE: Readonly<Record<string, string>> = { ')': '(', ']': '[' }
const OPEN: Readonly<Record<string, string>> = { '(': ')', '[': ']' }

/** Where the column is not known: the right side of an assignment, a condition, else the whole statement. */
function statement(line: string): Piece {
  const bare = line.replace(/\s*(?:\/\/.*|\/\*.*?\*\/)?\s*$/, '').replace(/[;{\s]+$/, '')
  const head =
    /^\s*(?:\}\s*)?(?:else\s+)?(?:(?:if|while|switch)\s*\((?=.*\)$)|return\b\s*(?=\S)|[^=!<>()"]*[\w\]*]\s*=(?!=)\s*|)/.exec(
      bare,
    )![0]
  const start = /^\s*/.exec(bare.slice(head.length))![0].length + head.length
  const text = bare.slice(start)
  return { text: /\(\s*$/.test(head) ? text.slice(0, -1) : text, start }
}

/** The postfix expression that covers a column (from 1; 0 where it is not known), with a leading `*`; the token there if it is of no expression. */
export function expressionAt(line: string, column: number): Piece | undefined {
  const list = tokens(line)
  if (list.length === 0) return undefined
  if (column === 0) return statement(line)
  if (/^(asm|__asm__?)$/.test(list[0]!.text)) return { text: line.slice(list[0]!.start).trimEnd(), start: list[0]!.start }
  let at = list.findIndex(token => token.end > column - 1)
  if (at < 0) at = list.length - 1
  const first = list[at]!
  // An operator names what stands left of it: an assignment its target, a postfix or a comparison its first operand.
  if (!WORD.test(first.text) && !/^[([*&!~]$/.test(first.text) && at > 0) at--
  else if (first.text === '[' && at > 0) at--
  // Between two operands `*` and `&` are operators as well.
  else if (/^[*&]$/.test(first.text) && at > 0 && /^[\w)\]]/.test(list[at - 1]!.text) && !KEYWORD.test(list[at - 1]!.text)) at--
  else if (first.text === '(' && at > 0 && WORD.test(list[at - 1]!.text) && !KEYWORD.test(list[at - 1]!.text)) at--
  while (at < list.length - 1 && (KEYWORD.test(list[at]!.text) || /^[!~({]$/.test(list[at]!.text))) at++
  let start = at
  let end = at
  if (/^[*&]$/.test(list[at]!.text)) {
    while (end < list.length - 1 && /^[*&]$/.test(list[end]!.text)) end++
    if (list[end]!.text === '(') end = match(list, end) ?? end
    // Casts take their operand along.
    while (list[end]!.text === ')' && end + 1 < list.length && /^[A-Za-z_(]/.test(list[end + 1]!.text)) {
      end++
      if (list[end]!.text === '(') end = match(list, end) ?? end
    }
  } else {
    start = toLeft(list, start)
    if (
      start > 0 &&
      /^[*]$/.test(list[start - 1]!.text) &&
      (start < 2 || (!WORD.test(list[start - 2]!.text) && !CLOSE[list[start - 2]!.text]))
    )
      start--
  }
  end = toRight(list, end)
  return { text: line.slice(list[start]!.start, list[end]!.end), start: list[start]!.start }
}

function match(list: readonly Token[], at: number): number | undefined {
  let depth = 0
  for (let i = at; i < list.length; i++) {
    if (OPEN[list[i]!.text]) depth++
    else if (CLOSE[list[i]!.text] && --depth === 0) return i
  }
  return undefined
}

function toLeft(list: readonly Token[], from: number): number {
  let at = from
  for (;;) {
    if (CLOSE[list[at]!.text]) {
      let depth = 0
      let i = at
      for (; i >= 0; i--) {
        if (CLOSE[list[i]!.text]) depth++
        else if (OPEN[list[i]!.text] && --depth === 0) break
      }
      if (i <= 0) return at
      at = i
      const before = list[i - 1]!.text
      if ((WORD.test(before) && !KEYWORD.test(before)) || CLOSE[before]) {
        at = i - 1
        continue
      }
      return at
    }
    if (at > 1 && /^(\.|->)$/.test(list[at - 1]!.text)) {
      at -= 2
      continue
    }
    if (at > 0 && /^(\.|->|\+\+|--)$/.test(list[at]!.text)) {
      at--
      continue
    }
    return at
  }
}

function toRight(list: readonly Token[], from: number): number {
  let at = from
  for (;;) {
    const next = list[at + 1]?.text
    if (next === undefined) return at
    if (OPEN[next]) {
      const close = match(list, at + 1)
      if (close === undefined) return at
      at = close
    } else if (/^(\.|->)$/.test(next) && list[at + 2]) at += 2
    else if (/^(\+\+|--)$/.test(next)) at++
    else return at
  }
}

/** The whole call of a function in a line, and its arguments as written; undefined where the call goes on in another line. */
export function callIn(line: string, callee: string): (Piece & { readonly args: readonly string[] }) | undefined {
  const list = tokens(line)
  for (let i = 0; i + 1 < list.length; i++) {
    if (list[i]!.text !== callee || list[i + 1]!.text !== '(') continue
    const close = match(list, i + 1)
    if (close === undefined) return undefined
    const args: string[] = []
    let depth = 0
    let from = list[i + 1]!.end
    for (let k = i + 2; k <= close; k++) {
      const { text, start, end } = list[k]!
      if (k === close || (text === ',' && depth === 0)) {
        const arg = line.slice(from, start).trim()
        if (arg) args.push(arg)
        from = end
      } else if (OPEN[text]) depth++
      else if (CLOSE[text]) depth--
    }
    return { text: line.slice(list[i]!.start, list[close]!.end), start: list[i]!.start, args }
  }
  return undefined
}

/** The variable that a line declares or assigns, if its right side begins at or before a column. */
export function assigned(line: string): string | undefined {
  const list = tokens(line)
  for (let i = 1; i < list.length; i++) {
    const { text } = list[i]!
    if (text === '(' && /^(if|while|for|switch|return)$/.test(list[i - 1]!.text)) return assigned(line.slice(list[i]!.end))
    if (text !== '=') continue
    const start = toLeft(list, i - 1)
    return line.slice(list[start]!.start, list[i - 1]!.end)
  }
  return undefined
}

/** Simple enough to stand in a sentence and in a condition. */
export const isName = (text: string): boolean => /^[A-Za-z_]\w*(?:(?:\.|->)[A-Za-z_]\w*)*$/.test(text)

/** The expression between the last brackets of an access: `port` of `counts[port]++`. */
export function indexOf(expression: string): string | undefined {
  const found = /\[([^[\]]+)\][^[\]]*$/.exec(expression)
  return found?.[1]?.trim()
}

/** White space at the start of a line. */
export const indentOf = (line: string): string => /^\s*/.exec(line)![0]
