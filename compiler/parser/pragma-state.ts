/** Pragmas that change what declarations and loops mean: packing, pushed attributes, unrolling, weak symbols. */
import type { LazyState } from '../preprocessor/declaration-index.js'
import type { Names } from '../preprocessor/names.js'
import { type SectionNames, sectionsAfter } from '../preprocessor/section-pragma.js'
import type { TokenIndex } from '../preprocessor/tokens.js'
import type { LoopHints } from './ast.js'
import { pragmaNumber } from './pragma-number.js'
import type { SyntaxReport } from './syntax-report.js'
import type { TokenWindow } from './token-window.js'

/** What is in force from a position on. */
interface Change<V> {
  readonly position: number
  readonly value: V
}

interface PendingHints {
  readonly unroll: LoopHints['unroll']
  readonly token: TokenIndex
}

const fileStart: LazyState = { pack: 0, attributes: [], sections: {} }

const latest = <V>(changes: readonly Change<V>[], position: number, initial: V): V => {
  for (let i = changes.length - 1; i >= 0; i--) if (changes[i]!.position <= position) return changes[i]!.value
  return initial
}

/** The pragmas of a `TokenWindow`, by position. */
export class PragmaState {
  private readonly packs: Change<number>[] = []
  private readonly preserves: Change<boolean>[] = []
  /** Hints for the loop that starts at a position. */
  private readonly hints = new Map<number, PendingHints>()
  private readonly packStack: { readonly label: string; readonly pack: number }[] = []
  private readonly attributeStack: { readonly namespace: string; readonly preserves: boolean; readonly token: TokenIndex }[] = []
  private pack: number
  private readonly sectionChanges: Change<SectionNames>[] = []
  private sections: SectionNames

  constructor(
    window: TokenWindow,
    names: Names,
    private readonly report: SyntaxReport,
    private readonly initial: LazyState = fileStart,
    /** Gets the symbols that `#pragma weak` names. */
    private readonly weak: Set<string> = new Set(),
  ) {
    this.pack = initial.pack
    this.sections = initial.sections
    for (const { position, token } of window.pragmas) this.read(position, token, names.text(window.buffer.atom[token]!).trim())
    const open = this.attributeStack.at(-1)
    if (open) report.error('S0042', open.token, "unterminated '#pragma clang attribute push' at end of file")
  }

  /** `#pragma pack` in force, bytes; 0 for none. */
  packAt(position: number): number {
    return this.packs.length ? latest(this.packs, position, this.initial.pack) : this.initial.pack
  }

  /** Where `#pragma clang section` puts what is defined here. */
  sectionsAt(position: number): SectionNames {
    return this.sectionChanges.length ? latest(this.sectionChanges, position, this.initial.sections) : this.initial.sections
  }

  /** Whether records whose body starts here are covered by a pushed `preserve_access_index`. */
  preservesAccessIndexAt(position: number): boolean {
    const initial = this.initial.attributes.some(attribute => attribute.includes('preserve_access_index'))
    return this.preserves.length ? latest(this.preserves, position, initial) : initial
  }

  get hasHints(): boolean {
    return this.hints.size > 0
  }

  /** Takes the hints written before the statement at this position. */
  takeHints(position: number): PendingHints | undefined {
    const hints = this.hints.get(position)
    if (hints) this.hints.delete(position)
    return hints
  }

  /** Hints that no statement took. */
  leftOver(): readonly TokenIndex[] {
    return [...this.hints.values()].map(hint => hint.token)
  }

  private read(position: number, token: TokenIndex, text: string): void {
    const [, first, rest] = /^(\S*?)(?=[\s(]|$)\s*([\s\S]*)$/.exec(text) ?? ['', '', '']
    if (first === 'pack') this.readPack(position, token, rest!)
    else if (first === 'unroll' || first === 'nounroll') this.readUnroll(position, token, first, rest!)
    else if (first === 'weak') this.readWeak(token, rest!)
    else if (first === 'clang') {
      const [, second, arguments_] = /^(\S+)\s*([\s\S]*)$/.exec(rest!) ?? ['', '', '']
      if (second === 'attribute' || second!.startsWith('attribute.')) this.readAttribute(position, token, second!, arguments_!)
      else if (second === 'loop') this.readLoop(position, token, arguments_!)
      else if (second === 'section') this.readSection(position, token, arguments_!)
    }
  }

  /** The whole unit is meant, wherever the symbol is declared in it. */
  private readWeak(token: TokenIndex, text: string): void {
    const [, name, alias] = /^([A-Za-z_]\w*)\s*(=)?/.exec(text) ?? []
    if (alias) this.report.error('S0048', token, 'eBPF objects have no aliases: the symbol needs a definition of its own')
    else if (name) this.weak.add(name)
    else this.report.warning('S0048', token, "expected identifier in '#pragma weak' - ignored", 'ignored-pragmas')
  }

  private readPack(position: number, token: TokenIndex, text: string): void {
    const inside = /^\(([^)]*)\)/.exec(text)
    if (!inside) {
      this.report.warning('S0040', token, "missing '(' after '#pragma pack' - ignoring", 'ignored-pragmas')
      return
    }
    const words = inside[1]!
      .split(',')
      .map(word => word.trim())
      .filter(Boolean)
    const action = words[0]
    if (action === 'show') return
    let label = ''
    let value: number | undefined
    for (const word of action === 'push' || action === 'pop' ? words.slice(1) : words) {
      const number = pragmaNumber(word)
      if (number === undefined) label = word
      else value = number
    }
    if (value !== undefined && ![0, 1, 2, 4, 8, 16].includes(value)) {
      this.report.warning('S0040', token, "expected #pragma pack parameter to be '1', '2', '4', '8', or '16'", 'ignored-pragmas')
      return
    }
    if (action === 'push') this.packStack.push({ label, pack: this.pack })
    if (action === 'pop') {
      const at = label ? this.packStack.findLastIndex(entry => entry.label === label) : this.packStack.length - 1
      if (at < 0) this.report.warning('S0040', token, '#pragma pack(pop, ...) failed: stack empty', 'ignored-pragmas')
      else {
        this.pack = this.packStack[at]!.pack
        this.packStack.length = at
      }
    }
    if (value !== undefined) this.pack = value
    else if (!words.length) this.pack = 0
    this.packs.push({ position, value: this.pack })
  }

  private readAttribute(position: number, token: TokenIndex, word: string, text: string): void {
    const namespace = word.includes('.') ? word.slice(word.indexOf('.') + 1) : (/^\.(\w+)/.exec(text)?.[1] ?? '')
    const body = text.replace(/^\.\w+\s*/, '')
    if (/^pop\b/.test(body)) {
      const at = this.attributeStack.findLastIndex(entry => entry.namespace === namespace)
      if (at < 0)
        this.report.error('S0042', token, "'#pragma clang attribute pop' with no matching '#pragma clang attribute push'")
      else this.attributeStack.splice(at, 1)
    } else {
      const preserves = /\bpreserve_access_index\b/.test(body)
      if (!preserves)
        this.report.warning(
          'S0041',
          token,
          "only 'preserve_access_index' can be pushed with '#pragma clang attribute': ignored",
          'ignored-pragmas',
          {
            hint: 'write the attribute on the declarations',
          },
        )
      else if (!/apply_to\s*=[\s\S]*\b(record|any)\b/.test(body))
        this.report.error('S0042', token, "attribute 'preserve_access_index' can only be applied to records", {
          hint: 'write apply_to = record',
        })
      this.attributeStack.push({ namespace, preserves, token })
    }
    const inherited = this.initial.attributes.some(attribute => attribute.includes('preserve_access_index'))
    this.preserves.push({ position, value: inherited || this.attributeStack.some(entry => entry.preserves) })
  }

  private readSection(position: number, token: TokenIndex, text: string): void {
    const value = sectionsAfter(this.sections, text)
    if (value) {
      this.sections = value
      this.sectionChanges.push({ position, value })
    } else this.report.error('S0049', token, 'expected bss, data, rodata, text or relro = "name" in \'#pragma clang section\'')
  }

  private readUnroll(position: number, token: TokenIndex, word: string, text: string): void {
    if (word === 'nounroll') this.addHint(position, token, 'disable')
    else if (!text.trim()) this.addHint(position, token, 'enable')
    else this.addCount(position, token, text)
  }

  private readLoop(position: number, token: TokenIndex, text: string): void {
    for (const [, option, argument] of text.matchAll(/(\w+)\s*\(([^()]*(?:\([^()]*\)[^()]*)*)\)/g)) {
      const value = argument!.trim()
      if (option === 'unroll_count') this.addCount(position, token, value)
      else if (option === 'unroll') {
        if (value === 'full' || value === 'enable' || value === 'disable') this.addHint(position, token, value)
        else this.report.error('S0043', token, "invalid argument; expected 'enable', 'full' or 'disable'")
      } else if (!/^(vectorize|interleave|distribute|pipeline)/.test(option!))
        this.report.error('S0043', token, `invalid option '${option}'; expected an unroll option`)
      // other transformations of loops do not exist here, and leaving them out changes no meaning
    }
  }

  private addCount(position: number, token: TokenIndex, text: string): void {
    const count = pragmaNumber(text)
    if (count === undefined) {
      this.report.warning(
        'S0043',
        token,
        `the unroll count '${text.trim()}' is no sum of plain numbers: taken as a wish to unroll`,
        'bpf-unroll-count',
      )
      this.addHint(position, token, 'enable')
    } else if (count <= 0) this.report.error('S0043', token, `invalid value '${count}'; must be positive`)
    else this.addHint(position, token, count === 1 ? 'disable' : count)
  }

  private addHint(position: number, token: TokenIndex, unroll: LoopHints['unroll']): void {
    this.hints.set(position, { unroll, token })
  }
}
