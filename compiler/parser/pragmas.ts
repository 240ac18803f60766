/** Pragmas that reach the parser, as state by place: what `#pragma pack` and `clang attribute` say at a token, and loop hints before it. */
import type { LazyState } from '../preprocessor/declaration-index.js'
import type { Atom, TokenIndex } from '../preprocessor/tokens.js'
import type { LoopHints } from './ast.js'

/** State from a token on. */
interface Change {
  readonly from: TokenIndex
  readonly pack: number
  readonly attributes: readonly string[]
}

const PUSH = /^clang\s+attribute(?:\s+\w+\s*\.|\s+)?\s*push\s*\((.*)$/s

export class PragmaEvents {
  private readonly changes: Change[] = [{ from: 0, pack: 0, attributes: [] }]
  private readonly packStack: number[] = []
  private readonly attributeStack: string[] = []
  private readonly loops = new Map<TokenIndex, LoopHints['unroll']>()

  constructor(private readonly text: (atom: Atom) => string) {}

  /** Takes in a pragma token; `next` is the token behind it. */
  add(token: TokenIndex, atom: Atom, next: TokenIndex): void {
    const words = this.text(atom).trim()
    const last = this.changes[this.changes.length - 1]!
    const pack = /^pack\s*\(([^)]*)\)/.exec(words)
    if (pack) {
      this.changes.push({
        ...last,
        from: token,
        pack: this.packed(
          pack[1]!.split(',').map(part => part.trim()),
          last.pack,
        ),
      })
      return
    }
    if (/^clang\s+attribute\b/.test(words)) {
      const push = PUSH.exec(words)
      if (push) this.attributeStack.push(push[1]!)
      else if (/\bpop\b/.test(words)) this.attributeStack.pop()
      this.changes.push({ ...last, from: token, attributes: [...this.attributeStack] })
      return
    }
    const unroll = loopHint(words)
    // Several hints before one loop: the one that says how to unroll wins.
    if (unroll !== undefined) this.loops.set(next, unroll)
  }

  private packed(args: readonly string[], now: number): number {
    let value = now
    for (const arg of args) {
      if (arg === 'push') this.packStack.push(now)
      else if (arg === 'pop') value = this.packStack.pop() ?? 0
      else if (arg === '') value = 0
      else if (/^\d+$/.test(arg)) value = Number(arg)
    }
    return value
  }

  /** Says what is in force over a range of lazily scanned tokens, which stand behind all others. */
  addRange(start: TokenIndex, state: LazyState): void {
    this.changes.push({ from: start, pack: state.pack, attributes: state.attributes })
  }

  private at(token: TokenIndex): Change {
    let low = 0
    let high = this.changes.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.changes[middle]!.from <= token) low = middle
      else high = middle - 1
    }
    return this.changes[low]!
  }

  packAt(token: TokenIndex): number {
    return this.at(token).pack
  }

  preserveAccessIndexAt(token: TokenIndex): boolean {
    return this.at(token).attributes.some(text => text.includes('preserve_access_index'))
  }

  unrollBefore(token: TokenIndex): LoopHints['unroll'] {
    return this.loops.get(token)
  }
}

function loopHint(words: string): LoopHints['unroll'] {
  const unroll = /^(?:GCC\s+)?(?:unroll|nounroll)\b\s*\(?\s*(\w+)?/.exec(words)
  if (unroll) {
    if (words.includes('nounroll')) return 'disable'
    if (unroll[1] === undefined) return 'full'
    const count = Number(unroll[1])
    return Number.isInteger(count) ? (count <= 1 ? 'disable' : count) : 'full'
  }
  if (!/^clang\s+loop\b/.test(words)) return undefined
  const count = /\bunroll_count\s*\(\s*(\w+)\s*\)/.exec(words)
  if (count) return Number(count[1])
  const how = /\bunroll\s*\(\s*(full|enable|disable)\s*\)/.exec(words)
  return how ? (how[1] as 'full' | 'enable' | 'disable') : undefined
}
