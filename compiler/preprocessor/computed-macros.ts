/** Macros whose expansion is computed where they stand: `__LINE__`, `__COUNTER__`, `__has_include` and its kind, `_Pragma`. */
import type { Loc } from '../../base/source.js'
import { type PrefixReplacement, replacePrefix } from '../options.js'
import { Expander } from './expander.js'
import { hasAttribute, hasBuiltin, hasExtension, hasFeature, hasStandardAttribute, isTarget } from './features.js'
import type { BuiltinMacro } from './macro.js'
import { Punct } from './names.js'
import { Scanner } from './scanner.js'
import { TokenList } from './token-list.js'
import { type Atom, TokenFlag, TokenKind } from './tokens.js'

export abstract class ComputedMacros extends Expander {
  protected mainPath = ''
  protected macroPrefixMap: readonly PrefixReplacement[] = []
  private counter = 0

  /** Includes between the main file and the one being read. */
  protected abstract get includeLevel(): number
  /** A directive is being read. */
  protected abstract get inDirective(): boolean
  /** Reads a header's name and looks for it; undefined when there was no name (and that was reported). */
  protected abstract headerExists(next: boolean): boolean | undefined
  /** Obeys a pragma, or leaves it in the fields as a token of kind Pragma; kind End says that nothing is left. */
  protected abstract pragma(list: TokenList, loc: Loc, length: number): void

  protected expandBuiltin(builtin: BuiltinMacro): boolean {
    const { loc, length } = this
    switch (builtin) {
      case 'line':
        return this.number(String(this.presumedLine()))
      case 'file':
        return this.string(this.mapped(this.presumedPath()))
      case 'file_name':
        return this.string(this.presumedPath().replace(/^.*\//, ''))
      case 'base_file':
        return this.string(this.mapped(this.mainPath))
      case 'include_level':
        return this.number(String(this.includeLevel))
      case 'counter':
        return this.number(String(this.counter++))
      case 'flt_eval_method':
        return this.number('0')
      // The output must not depend on when it was made; 6.10.8.1 allows any valid date where none is available.
      case 'date':
        return this.string('Jan  1 1970')
      case 'time':
        return this.string('00:00:00')
      case 'timestamp':
        return this.string('Thu Jan  1 00:00:00 1970')
      case 'pragma':
        return this.pragmaOperator()
      case 'has_include':
      case 'has_include_next':
        return this.hasInclude(builtin === 'has_include_next', loc, length)
      case 'has_embed':
        return this.hasNothing()
      case 'has_warning':
        return this.feature(() => '1')
      case 'has_attribute':
        return this.feature((name, scope) =>
          scope === '' && hasAttribute(name) ? '1' : scope === '' ? '0' : hasStandardAttribute(scope, name),
        )
      case 'has_c_attribute':
        return this.feature((name, scope) => hasStandardAttribute(scope, name))
      case 'building_module':
      case 'has_declspec_attribute':
        return this.feature(() => '0')
      case 'has_builtin':
        return this.feature(name => (hasBuiltin(name) ? '1' : '0'))
      case 'has_feature':
        return this.feature(name => (hasFeature(name) ? '1' : '0'))
      case 'has_extension':
        return this.feature(name => (hasExtension(name) ? '1' : '0'))
      case 'is_identifier':
        return this.feature((_, __, atom) => (this.names.isKeyword(atom) ? '0' : '1'))
      case 'is_target':
        return this.feature(name => (isTarget(name) ? '1' : '0'))
    }
  }

  private mapped(path: string): string {
    return replacePrefix(path, this.macroPrefixMap)
  }

  private number(text: string): true {
    this.kind = TokenKind.Number
    this.atom = this.names.intern(text)
    return true
  }

  private string(text: string): true {
    this.kind = TokenKind.String
    this.atom = this.names.intern(`"${text.replace(/["\\]/g, '\\$&')}"`)
    return true
  }

  private presumedLine(): number {
    const loc = this.lineLoc()
    const file = this.sources.fileOf(loc)
    return file ? file.presumed(loc - file.base).line : 1
  }

  private presumedPath(): string {
    const loc = this.lineLoc()
    const file = this.sources.fileOf(loc)
    return file ? file.presumed(loc - file.base).path : this.mainPath
  }

  /** Reads `(name)` or `(scope::name)` unexpanded and answers with a number. */
  private feature(answer: (name: string, scope: string, atom: Atom) => string): true {
    const { loc, length, atom: macro } = this
    const fault = (): true => {
      this.error('P0080', loc, length, `expected (name) after '${this.names.text(macro)}'`)
      return this.number('0')
    }
    this.advance()
    if (!this.punct(Punct['('])) return fault()
    this.advance()
    let result: string | undefined
    let scope = ''
    let nesting = 0
    for (;;) {
      if (this.is(TokenKind.End)) return fault()
      if (this.punct(Punct['('])) nesting++
      if (this.punct(Punct[')']) && nesting-- === 0) break
      if (this.is(TokenKind.Identifier)) result = answer(this.names.text(this.atom), scope, this.atom)
      else if (this.is(TokenKind.String)) result = answer(this.names.text(this.atom), scope, this.atom)
      const before = this.names.text(this.atom)
      this.advance()
      if (this.punct(Punct['::'])) {
        scope = before
        this.advance()
      }
    }
    return result === undefined ? fault() : this.number(result)
  }

  private hasInclude(next: boolean, loc: Loc, length: number): true {
    if (!this.inDirective) {
      this.error('P0081', loc, length, "'__has_include' must be used within a preprocessing directive")
      return this.number('0')
    }
    this.advance()
    if (!this.punct(Punct['('])) {
      this.error('P0080', loc, length, "missing '(' after '__has_include'")
      return this.number('0')
    }
    const found = this.headerExists(next)
    if (found === undefined) return this.number('0')
    this.advance()
    if (!this.punct(Punct[')'])) this.error('P0033', loc, length, "missing ')' after '__has_include'")
    return this.number(found ? '1' : '0')
  }

  private hasNothing(): true {
    let nesting = 0
    do {
      this.advance()
      if (this.punct(Punct['('])) nesting++
      if (this.punct(Punct[')'])) nesting--
    } while (nesting > 0 && !this.is(TokenKind.End))
    return this.number('0')
  }

  /** `_Pragma("…")`. Within an argument that is expanded on its own it waits for the expansion around it. */
  private pragmaOperator(): boolean {
    if (this.preExpanding > 0 || this.inDirective) {
      this.flags &= ~TokenFlag.noExpand
      return false
    }
    const { loc, length } = this
    this.next()
    let ok = this.punct(Punct['('])
    let text = ''
    if (ok) {
      this.next()
      ok = this.is(TokenKind.String)
      text = this.names.text(this.atom)
      this.next()
      ok &&= this.punct(Punct[')'])
    }
    this.kind = TokenKind.End
    if (!ok) {
      this.error('P0082', loc, length, '_Pragma takes a parenthesized string literal')
      return true
    }
    const bytes = new TextEncoder().encode(text.slice(text.indexOf('"') + 1, -1).replace(/\\(["\\])/g, '$1'))
    const scanner = new Scanner(bytes, this.names, 0, () => {})
    const list = new TokenList()
    while (scanner.next() !== TokenKind.End) list.push(scanner.kind, scanner.flags & TokenFlag.space, loc, 0, scanner.atom, 0)
    this.pragma(list, loc, length)
    return true
  }
}

/** Their names. */
export const computedMacros: readonly (readonly [string, BuiltinMacro])[] = [
  ['__LINE__', 'line'],
  ['__FILE__', 'file'],
  ['__FILE_NAME__', 'file_name'],
  ['__BASE_FILE__', 'base_file'],
  ['__INCLUDE_LEVEL__', 'include_level'],
  ['__COUNTER__', 'counter'],
  ['__DATE__', 'date'],
  ['__TIME__', 'time'],
  ['__TIMESTAMP__', 'timestamp'],
  ['__FLT_EVAL_METHOD__', 'flt_eval_method'],
  ['_Pragma', 'pragma'],
  ['__has_include', 'has_include'],
  ['__has_include_next', 'has_include_next'],
  ['__has_embed', 'has_embed'],
  ['__has_attribute', 'has_attribute'],
  ['__has_c_attribute', 'has_c_attribute'],
  ['__has_declspec_attribute', 'has_declspec_attribute'],
  ['__has_builtin', 'has_builtin'],
  ['__has_feature', 'has_feature'],
  ['__has_extension', 'has_extension'],
  ['__has_warning', 'has_warning'],
  ['__is_identifier', 'is_identifier'],
  ['__building_module', 'building_module'],
  ['__is_target_arch', 'is_target'],
  ['__is_target_vendor', 'is_target'],
  ['__is_target_os', 'is_target'],
  ['__is_target_environment', 'is_target'],
]
