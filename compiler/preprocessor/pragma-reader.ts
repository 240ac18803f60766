/** Obeys pragmas: those that are the preprocessor's own business, and those that go on to the parser. */
import type { Loc, SourceFile } from '../../base/source.js'
import { ComputedMacros } from './computed-macros.js'
import { DiagnosticStates } from './diagnostic-state.js'
import type { Macro } from './macro.js'
import { PragmaState } from './pragma-state.js'
import { pragmaClass } from './pragmas.js'
import type { TokenList } from './token-list.js'
import { type Atom, TokenFlag, TokenKind } from './tokens.js'

export abstract class PragmaReader extends ComputedMacros {
  readonly diagnosticStates = new DiagnosticStates()
  protected readonly pragmas = new PragmaState()
  private readonly pushedMacros = new Map<Atom, (Macro | undefined)[]>()

  /** Only preprocessing was asked for: pragmas stay as written. */
  protected abstract get printing(): boolean
  protected abstract get currentFile(): SourceFile
  /** The file being read is not to be read again. */
  protected abstract readOnce(): void
  protected abstract enterMacro(macro: Macro): void

  /** Obeys a pragma, or leaves it in the fields as a token of kind Pragma; kind End says that nothing is left. */
  protected pragma(list: TokenList, loc: Loc, length: number): void {
    this.kind = TokenKind.End
    const words = [0, 1, 2].map(i => (i < list.count ? this.names.text(list.atom(i)) : ''))
    const handling = pragmaClass(words[0]!, words[1]!)
    const scope = handling.scoped ? 2 : 1
    switch (handling.action) {
      case 'once':
        if (this.includeLevel === 0) this.warning('P0070', 'pragma-once-outside-header', loc, length, '#pragma once in main file')
        this.readOnce()
        return
      case 'system_header':
        if (this.includeLevel > 0) this.currentFile.system = true
        break
      case 'push_macro':
      case 'pop_macro':
        this.stackMacro(list, handling.action === 'push_macro', loc, length)
        break
      case 'message': {
        const text = this.pragmaString(list, scope)
        if (words[scope - 1] === 'error') this.error('P0066', loc, length, text)
        else this.warning('P0071', '#pragma-messages', loc, length, text)
        break
      }
      case 'diagnostic':
        this.diagnosticPragma(list, loc, length)
        break
      case 'unknown':
        if (!this.printing) this.warning('P0072', 'unknown-pragmas', loc, length, 'unknown pragma ignored')
        break
    }
    if (!this.printing && !handling.forward) return
    let text: string
    if (handling.expand && !this.printing) {
      const out = this.pool.take()
      this.expandList(list, out)
      text = this.listText(out)
      this.pool.give(out)
      this.pragmas.take(text)
    } else text = this.listText(list)
    this.kind = TokenKind.Pragma
    this.flags = TokenFlag.lineStart
    this.loc = loc
    this.length = length
    this.atom = this.names.intern(text)
    this.expansion = 0
  }

  private listText(list: TokenList): string {
    let text = ''
    for (let i = 0; i < list.count; i++) {
      if (i > 0 && list.flags(i) & (TokenFlag.space | TokenFlag.lineStart)) text += ' '
      text += this.spelling(list, i)
    }
    return text
  }

  private pragmaString(list: TokenList, from: number): string {
    let text = ''
    for (let i = from; i < list.count; i++)
      if (list.kind(i) === TokenKind.String) text += this.names.text(list.atom(i)).slice(1, -1)
    return text.replace(/\\(["\\])/g, '$1')
  }

  private stackMacro(list: TokenList, push: boolean, loc: Loc, length: number): void {
    const name = this.names.intern(this.pragmaString(list, 1))
    const stack = this.pushedMacros.get(name) ?? []
    this.pushedMacros.set(name, stack)
    if (push) stack.push(this.macros.get(name))
    else if (stack.length === 0)
      this.warning(
        'P0073',
        'ignored-pragmas',
        loc,
        length,
        `pragma pop_macro could not pop '${this.names.text(name)}', no matching push_macro`,
      )
    else {
      const macro = stack.pop()
      if (macro) this.enterMacro(macro.again())
      else this.macros.undefine(name)
    }
  }

  private diagnosticPragma(list: TokenList, loc: Loc, length: number): void {
    const action = list.count > 2 ? this.names.text(list.atom(2)) : ''
    const { base } = this.currentFile
    if (action === 'push') this.diagnosticStates.push()
    else if (action === 'pop') {
      if (!this.diagnosticStates.pop(base, loc))
        this.warning('P0073', 'unknown-pragmas', loc, length, 'pragma diagnostic pop could not pop, no matching push')
    } else if (action === 'ignored' || action === 'warning' || action === 'error' || action === 'fatal') {
      const option = this.pragmaString(list, 3)
      if (option.startsWith('-W')) this.diagnosticStates.set(base, loc, option.slice(2), action)
      else this.warning('P0073', 'unknown-warning-option', loc, length, `pragma diagnostic expected option name (e.g. "-Wundef")`)
    } else
      this.warning(
        'P0073',
        'unknown-pragmas',
        loc,
        length,
        "pragma diagnostic expected 'error', 'warning', 'ignored', 'fatal', 'push', or 'pop'",
      )
  }
}
