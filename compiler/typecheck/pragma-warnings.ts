/**
 * `#pragma GCC diagnostic` and `_Pragma` by token: macros switch warnings off around a part of their own expansion, which places in
 * files cannot tell apart.
 */
import { warningGroupContains } from '../../base/warning-policy.js'
import type { Names } from '../preprocessor/names.js'
import { type TokenBuffer, type TokenIndex, TokenKind } from '../preprocessor/tokens.js'

type PragmaLevel = 'ignored' | 'warning' | 'error' | 'fatal'

interface Setting {
  readonly group: string
  readonly level: PragmaLevel
  readonly before: Setting | undefined
}

export class PragmaWarnings {
  private readonly starts: TokenIndex[] = []
  private readonly states: (Setting | undefined)[] = []

  constructor(
    names: Names,
    private readonly tokens: TokenBuffer,
  ) {
    let state: Setting | undefined
    const stack: (Setting | undefined)[] = []
    for (let token = tokens.first; token < tokens.count && tokens.kind[token] !== TokenKind.End; token++) {
      if (tokens.kind[token] !== TokenKind.Pragma) continue
      const match = /^(?:GCC|clang)\s+diagnostic\s+(\w+)(?:\s*"-W([^"]*)")?/.exec(names.text(tokens.atom[token]!))
      if (!match) continue
      const [, action, group] = match
      if (action === 'push') stack.push(state)
      else if (action === 'pop') state = stack.pop()
      else if (group !== undefined) state = { group, level: action as PragmaLevel, before: state }
      this.starts.push(token)
      this.states.push(state)
    }
  }

  /** What the pragmas before a token say about a group; undefined where nothing. */
  levelAt(token: TokenIndex, group: string): PragmaLevel | undefined {
    let low = 0
    let high = this.starts.length
    // Declarations of indexed headers stand behind all else, those that were kept as well.
    if (token < this.tokens.first) low = high
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.starts[middle]! <= token) low = middle + 1
      else high = middle
    }
    for (let at = low === 0 ? undefined : this.states[low - 1]; at; at = at.before)
      if (warningGroupContains(at.group, group)) return at.level
    return undefined
  }
}
