/** Conditional directives: which groups of lines are read, and which macro guards a whole file. */
import type { Loc } from '../../base/source.js'
import { type ConditionHost, evaluateCondition } from './condition.js'
import type { OpenFile } from './open-file.js'
import { PragmaReader } from './pragma-reader.js'
import { type Atom, TokenKind } from './tokens.js'

interface Condition {
  readonly loc: Loc
  /** A group of this condition was taken. */
  taken: boolean
  elseSeen: boolean
  /** The include guard that this is the `#ifndef` of. */
  readonly guard: Atom
}

/** Directives that decide what is read, over the file that is being read. */
export abstract class ConditionReader extends PragmaReader {
  protected readonly conditions: Condition[] = []
  protected readonly defined = this.names.intern('defined')

  /** The file being read. */
  protected abstract get top(): OpenFile

  protected skipRest(): void {
    this.top.scanner.skipLine()
  }

  /** Warns about tokens behind a complete directive. */
  protected finish(name: string): void {
    const { scanner } = this.top
    if (scanner.next() === TokenKind.End) return
    this.warning('P0053', 'extra-tokens', scanner.loc, scanner.stop - scanner.start, `extra tokens at end of #${name} directive`)
    scanner.skipLine()
  }

  /** Reads the name behind `#define` and its kind into the scanner; false after an error. */
  protected macroName(directive: string): boolean {
    const { scanner } = this.top
    const kind = scanner.next()
    if (kind === TokenKind.Identifier) return true
    if (kind === TokenKind.End)
      this.error('P0054', scanner.base + Math.max(0, scanner.start - 1), 1, `macro name missing in #${directive}`)
    else this.error('P0054', scanner.loc, scanner.stop - scanner.start, 'macro name must be an identifier')
    this.skipRest()
    return false
  }

  private evaluate(directive: string, loc: Loc): boolean {
    const host: ConditionHost = {
      expander: this,
      definedAtom: this.defined,
      isDefined: name => this.macroOf(name) !== undefined,
      warn: (code, group, at, length, message) => this.warning(code, group, at, length, message),
      error: (code, at, length, message) => this.error(code, at, length, message),
    }
    const result = evaluateCondition(host, directive, loc)
    this.unwind()
    this.skipRest()
    return result
  }

  protected if(loc: Loc): void {
    const taken = this.evaluate('if', loc)
    this.enterCondition(loc, taken, 0)
  }

  protected ifdef(loc: Loc, wanted: boolean) {
    const open = this.top
    const first = open.activity === 1
    if (!this.macroName(wanted ? 'ifdef' : 'ifndef')) return this.enterCondition(loc, false, 0)
    const { atom } = open.scanner
    const defined = this.macroOf(atom) !== undefined
    this.finish(wanted ? 'ifdef' : 'ifndef')
    this.enterCondition(loc, defined === wanted, first && !wanted ? atom : 0)
  }

  private enterCondition(loc: Loc, taken: boolean, guard: Atom): void {
    this.conditions.push({ loc, taken, elseSeen: false, guard })
    if (!taken) this.skipGroup()
  }

  /** `#elif` and `#else` met while reading a group that was taken: the rest is left out. */
  protected otherwise(loc: Loc, name: string) {
    const condition = this.conditions.at(-1)
    if (!condition || this.conditions.length <= this.top.firstCondition) {
      this.error('P0057', loc, name.length, `#${name} without #if`)
      return this.skipRest()
    }
    this.checkElse(condition, loc, name)
    if (name === 'else') {
      condition.elseSeen = true
      this.finish('else')
    } else this.skipRest()
    condition.taken = true
    this.skipGroup()
  }

  private checkElse(condition: Condition, loc: Loc, name: string): void {
    if (!condition.elseSeen) return
    this.error('P0057', loc, name.length, name === 'else' ? '#else after #else' : `#${name} after #else`)
  }

  protected endif(loc: Loc) {
    const open = this.top
    if (this.conditions.length <= open.firstCondition) {
      this.error('P0057', loc, 5, '#endif without #if')
      return this.skipRest()
    }
    this.finish('endif')
    const condition = this.conditions.pop()!
    if (condition.guard !== 0 && !condition.elseSeen && this.conditions.length === open.firstCondition) {
      open.guardCandidate = condition.guard
      open.guardActivity = open.activity
    }
  }

  /** Leaves out text until the innermost condition's next group that is taken, or its end. Stands at that directive's line end. */
  private skipGroup(): void {
    const open = this.top
    const { scanner } = open
    const condition = this.conditions.at(-1)!
    scanner.skipLine()
    scanner.inDirective = false
    let nesting = 0
    for (;;) {
      if (!scanner.skipToDirective()) return
      scanner.inDirective = true
      if (scanner.next() !== TokenKind.Identifier) {
        scanner.inDirective = false
        if (scanner.kind !== TokenKind.End) continue
        continue
      }
      const loc = scanner.loc
      const name = this.names.text(scanner.atom)
      switch (name) {
        case 'if':
        case 'ifdef':
        case 'ifndef':
          nesting++
          break
        case 'endif':
          if (nesting > 0) nesting--
          else {
            this.endif(loc)
            return
          }
          break
        case 'else':
        case 'elif':
        case 'elifdef':
        case 'elifndef': {
          if (nesting > 0) break
          this.checkElse(condition, loc, name)
          if (name === 'else') condition.elseSeen = true
          if (condition.taken) break
          let take = true
          if (name === 'elif') take = this.evaluate('elif', loc)
          else if (name === 'else') this.finish('else')
          else {
            take = this.macroName(name)
            if (take) {
              take = (this.macroOf(scanner.atom) !== undefined) === (name === 'elifdef')
              this.finish(name)
            }
          }
          if (take) {
            condition.taken = true
            return
          }
          break
        }
      }
      scanner.skipLine()
      scanner.inDirective = false
    }
  }
}
