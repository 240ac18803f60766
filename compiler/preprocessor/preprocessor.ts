/**
 * The preprocessor: files, directives and what a directive says, over the macro expander. `preprocess` (preprocess.ts) is the way in.
 */
import type { Host } from '../../base/host.js'
import type { Loc, SourceFile } from '../../base/source.js'
import type { DiagnosticSink } from '../../base/diagnostics.js'
import type { SourceSet } from '../../base/source.js'
import type { CompileOptions } from '../options.js'
import { computedMacros } from './computed-macros.js'
import { ConditionReader } from './condition-reader.js'
import { HeaderHazards } from './header-hazards.js'
import { type FoundFile, IncludeSearch } from './include-search.js'
import { builtinMacro, type Macro, MacroTable, readDefinition, sameDefinition } from './macro.js'
import { concerns, type HeaderRun, indexHeader } from './header-index.js'
import { LazyDeclarations } from './lazy-declarations.js'
import { type Names, Punct } from './names.js'
import { type FileFacts, OpenFile } from './open-file.js'
import { predefinedText } from './predefined-macros.js'
import { Scanner, type ScanProblem } from './scanner.js'
import { similarDirective } from './similar-directive.js'
import { type Atom, TokenBuffer, TokenFlag, type TokenIndex, TokenKind } from './tokens.js'

/** As deep as clang goes. */
const INCLUDE_DEPTH = 200

/** A file that was read, for depfiles. */
export interface Dependency {
  readonly path: string
  readonly system: boolean
}

/** A change of file or line, for `-E`: the tokens from `token` on stand in `path` from `line` on. */
export interface LineMark {
  readonly token: number
  readonly path: string
  readonly line: number
  readonly system: boolean
  readonly why: 'start' | 'enter' | 'return' | 'line'
}

/** Keeps header runs between compilations; the bytes given are those of the file. */
export interface HeaderCache {
  get(path: string, bytes: Uint8Array, start: number): HeaderRun | undefined
  put(path: string, bytes: Uint8Array, start: number, run: HeaderRun): void
}

export interface PreprocessorSettings {
  /** Only preprocessing was asked for (`-E`): pragmas stay as written, lines are marked, nothing is put off. */
  readonly printing: boolean
  /** Headers of at least so many bytes are indexed and their declarations put off; system headers, about which little is said, an eighth. */
  readonly lazyFrom: number
  readonly cache: HeaderCache | undefined
  /** Tokens of headers that go in front of all. */
  readonly kept: TokenBuffer | undefined
}

const SYSTEM_SHARE = 8

export class Preprocessor extends ConditionReader {
  readonly buffer: TokenBuffer
  readonly dependencies: Dependency[] = []
  readonly marks: LineMark[] = []
  protected readonly files: OpenFile[] = []
  /** What is known of the files read, by their paths as they were spelled. */
  private readonly facts = new Map<string, FileFacts>()
  /** The same by `Host.identity`, where a spelling is new. */
  private readonly sameFile = new Map<string, FileFacts>()
  private readonly search: IncludeSearch
  /** Reading has ended: an include was not found, or nests without end. */
  protected stopped = false
  readonly index: LazyDeclarations
  private readonly hazards: HeaderHazards
  /** Braces open in the translation unit: a header inside some is never put off. */
  private braces = 0
  private readonly directives = new Map<Atom, (loc: Loc) => void>()
  private readonly reportScan: ScanProblem

  constructor(
    protected readonly host: Host,
    readonly options: CompileOptions,
    sources: SourceSet,
    sink: DiagnosticSink,
    names: Names,
    protected readonly settings: PreprocessorSettings,
  ) {
    const buffer = new TokenBuffer(1 << 14, settings.kept)
    super(names, new MacroTable(), sources, sink, buffer.expansions)
    this.buffer = buffer
    this.index = new LazyDeclarations(names, this.scanRange, this.macros)
    this.search = new IncludeSearch(host, options.includes, options.workingDirectory)
    this.hazards = new HeaderHazards(names)
    this.reportScan = (code, start, end, message, group) => {
      const base = this.files.at(-1)?.file.base ?? 0
      if (group !== undefined) this.warning(code, group, base + start, end - start, message)
      else this.error(code, base + start, end - start, message)
    }
    for (const [name, builtin] of computedMacros) this.enterMacro(builtinMacro(names.intern(name), builtin))
    const on = (name: string, action: (loc: Loc) => void) => this.directives.set(names.intern(name), action)
    on('define', () => this.define())
    on('undef', () => this.undef())
    on('include', loc => this.include(loc, 'include'))
    on('include_next', loc => this.include(loc, 'include_next'))
    on('import', loc => this.include(loc, 'import'))
    on('if', loc => this.if(loc))
    on('ifdef', loc => this.ifdef(loc, true))
    on('ifndef', loc => this.ifdef(loc, false))
    for (const name of ['elif', 'elifdef', 'elifndef', 'else']) on(name, loc => this.otherwise(loc, name))
    on('endif', loc => this.endif(loc))
    on('line', loc => this.line(loc, false))
    on('error', loc => this.message(loc, true))
    on('warning', loc => this.message(loc, false))
    on('pragma', loc => this.pragmaDirective(loc))
    on('ident', () => this.skipRest())
    on('sccs', () => this.skipRest())
  }

  // --- files ---

  /** Opens the main file with the predefined macros and the command line's in front of it. */
  start(path: string, bytes: Uint8Array): void {
    this.mainPath = path
    this.macroPrefixMap = this.options.macroPrefixMap ?? []
    const main = this.sources.add(path, bytes, false)
    this.dependencies.push({ path, system: false })
    const facts: FileFacts = { file: main, once: false, guard: 0 }
    this.facts.set(path, facts)
    this.sameFile.set(this.search.identity(path), facts)
    this.open(facts, -1, false)
    this.mark('start')
    this.openText('<command line>', this.commandLine())
    this.openText('<built-in>', predefinedText(this.options))
  }

  private commandLine(): string {
    let text = ''
    for (const option of this.options.predefines) {
      if (option.kind === 'undef') text += `#undef ${option.name}\n`
      else if (option.kind === 'include') text += `#include "${option.path}"\n`
      else {
        const equals = option.text.indexOf('=')
        text +=
          equals < 0
            ? `#define ${option.text} 1\n`
            : `#define ${option.text.slice(0, equals)} ${option.text.slice(equals + 1).split('\n')[0]}\n`
      }
    }
    return text
  }

  private openText(path: string, text: string): void {
    const file = this.sources.add(path, new TextEncoder().encode(text), true)
    this.open({ file, once: false, guard: 0 }, -1, true)
  }

  private open(facts: FileFacts, directory: number, virtual: boolean): void {
    const { file } = facts
    const scanner = new Scanner(file.bytes, this.names, file.base, this.reportScan)
    const open = new OpenFile(file, scanner, facts, directory, this.conditions.length, virtual, false)
    open.lazy =
      this.files.length > 0 &&
      !virtual &&
      !this.settings.printing &&
      file.bytes.length >= (file.system ? this.settings.lazyFrom / SYSTEM_SHARE : this.settings.lazyFrom) &&
      this.braces === 0
    this.files.push(open)
    if (!virtual) this.diagnosticStates.enter(file.base, file.base)
  }

  protected get top(): OpenFile {
    return this.files[this.files.length - 1]!
  }

  private mark(why: LineMark['why']): void {
    if (!this.settings.printing) return
    const { file, scanner, virtual } = this.top
    if (virtual) return
    const { path, line } = file.presumed(scanner.at)
    this.marks.push({ token: this.buffer.count, path, line, system: file.systemAt(scanner.at), why })
  }

  /** Leaves the file that ended. */
  private close(): void {
    const open = this.files.pop()!
    while (this.conditions.length > open.firstCondition) {
      const condition = this.conditions.pop()!
      this.error('P0050', condition.loc, 1, 'unterminated conditional directive', 'add #endif')
    }
    if (open.guardCandidate !== 0 && open.guardActivity === open.activity) open.facts.guard = open.guardCandidate
    const { top } = this
    if (top && !top.virtual) {
      this.diagnosticStates.enter(top.file.base, top.scanner.loc)
      if (!open.virtual) this.mark('return')
    }
  }

  protected fileToken(): void {
    for (;;) {
      const open = this.top
      const { scanner } = open
      if (open.lazy && open.between && !scanner.inDirective && this.collecting === 0 && !this.stopped && this.putOff(open)) return
      const kind = this.stopped ? TokenKind.End : scanner.next()
      if (kind === TokenKind.End) {
        if (!this.stopped && !scanner.inDirective && !open.part) {
          if (this.files.length > 1 && this.collecting === 0) {
            this.close()
            continue
          }
          if (this.files.length === 1 && this.conditions.length > 0 && this.collecting === 0) {
            for (const condition of this.conditions.splice(0))
              this.error('P0050', condition.loc, 1, 'unterminated conditional directive', 'add #endif')
          }
        }
        this.kind = TokenKind.End
        this.flags = 0
        this.loc = scanner.base + Math.min(scanner.at, scanner.bytes.length)
        this.length = 0
        this.atom = 0
        this.expansion = 0
        return
      }
      if (
        kind === TokenKind.Punctuator &&
        scanner.atom === Punct['#'] &&
        scanner.flags & TokenFlag.lineStart &&
        !scanner.inDirective
      ) {
        if (!this.directive(scanner.loc)) continue
        return
      }
      open.activity++
      if (open.lazy && !scanner.inDirective) this.followNesting(open)
      this.kind = kind
      this.flags = scanner.flags
      this.loc = scanner.base + scanner.start
      this.length = scanner.stop - scanner.start
      this.atom = scanner.atom
      this.expansion = 0
      return
    }
  }

  /** Keeps account of where declarations end in a header that is read in the ordinary way. */
  private followNesting(open: OpenFile): void {
    const { scanner } = open
    open.between = false
    if (scanner.kind !== TokenKind.Punctuator) return
    switch (scanner.atom) {
      case Punct['{']:
      case Punct['(']:
      case Punct['[']:
        open.nesting++
        break
      case Punct['}']:
      case Punct[')']:
      case Punct[']']:
        open.nesting--
        break
      case Punct[';']:
        open.between = open.nesting === 0
        break
    }
  }

  /** Indexes declarations from here on; true when it left a region's token in the fields. */
  private putOff(open: OpenFile): boolean {
    const { scanner, file } = open
    if (this.braces !== 0) return false
    if (this.hazards.within(file)) {
      open.lazy = false
      return false
    }
    const { at } = scanner
    const run = this.runFrom(open, at)
    // What must be read at once is read up to its end; the next run begins behind it.
    open.between = !run.eager
    if (run.stop > at) {
      scanner.at = run.stop
      scanner.lineStart = true
    }
    if (run.declarations === 0) return false
    open.activity++
    this.kind = TokenKind.LazyRegion
    this.flags = TokenFlag.lineStart
    this.loc = file.base + run.starts[0]!
    this.length = 0
    this.atom = this.index.add(file, run, this.macros.clock, this.pragmas.state)
    this.expansion = 0
    return true
  }

  /**
   * The run from an offset on. A macro that has the name of something declared changes what is declared, so a run ends there. The
   * first ones are made without regard to macros, so that they can be kept; where that does not work out, or a header is all small
   * pieces between directives, the macros are looked at on the way.
   */
  private runFrom(open: OpenFile, at: number): HeaderRun {
    const { bytes, path } = open.file
    if (open.runs < 4 && !open.crossed) {
      let run = this.settings.cache?.get(path, bytes, at)
      if (!run) {
        run = indexHeader(bytes, at)
        this.settings.cache?.put(path, bytes, at, run)
      }
      // Directives that follow each other at the head of a file cost nothing.
      if (run.declarations === 0) return run
      open.runs++
      for (const hash of this.hazards.hashes)
        if (concerns(run, hash)) {
          open.crossed = true
          break
        }
      if (!open.crossed) return run
    }
    return indexHeader(bytes, at, hash => this.hazards.hashes.has(hash))
  }

  /** Enters a macro into the table, and notes what the declaration index has to beware of. */
  protected enterMacro(macro: Macro): void {
    this.macros.define(macro)
    this.hazards.add(macro)
  }

  /** Scans a part of a file with the macros of a moment of the past, for the declaration index. */
  readonly scanRange = (file: SourceFile, start: number, end: number, moment: number): { start: TokenIndex; end: TokenIndex } => {
    const { stopped, braces } = this
    const scanner = new Scanner(file.bytes, this.names, file.base, this.reportScan, start, end)
    this.files.push(new OpenFile(file, scanner, { file, once: false, guard: 0 }, -1, this.conditions.length, false, true))
    this.moment = moment
    this.stopped = false
    const from = this.buffer.count
    while (this.next() !== TokenKind.End) this.emit()
    this.files.pop()
    this.moment = 0
    this.stopped = stopped
    this.braces = braces
    return { start: from, end: this.buffer.count }
  }

  protected fileHasParenthesis(): boolean {
    const { scanner } = this.top
    const { at, lineStart } = scanner
    const kind = scanner.next()
    const found = kind === TokenKind.Punctuator && scanner.atom === Punct['(']
    scanner.at = at
    scanner.lineStart = lineStart
    return found
  }

  /** Appends the token in the fields to the translation unit. */
  emit(): void {
    if (this.kind === TokenKind.Stray) this.repair()
    else if (this.kind === TokenKind.Punctuator) {
      if (this.atom === Punct['{']) this.braces++
      else if (this.atom === Punct['}']) this.braces--
    }
    this.buffer.push(this.kind, this.flags & 7, this.loc, this.length, this.atom, this.expansion)
  }

  /** A string or character constant without an end is said to be one, and goes on as if it had it. */
  private repair() {
    const text = this.names.text(this.atom)
    const match = /^(?:u8|[LuU])?(["'])/.exec(text)
    if (!match) return
    const message = `missing terminating '${match[1]}' character`
    if (this.settings.printing) return this.warning('P0002', 'invalid-pp-token', this.loc, 1, message)
    this.error('P0002', this.loc, 1, message)
    this.kind = match[1] === '"' ? TokenKind.String : TokenKind.Char
    const body = /(?:^|[^\\])(?:\\\\)*\\$/.test(text) ? text.slice(0, -1) : text
    this.atom = this.names.intern(body.length === match[0].length && match[1] === "'" ? `${body}0'` : body + match[1])
  }

  // --- directives ---

  /** Obeys the directive whose `#` was read; true when it left a token in the fields (a pragma). */
  private directive(loc: Loc): boolean {
    const open = this.top
    const { scanner } = open
    open.activity++
    scanner.inDirective = true
    const collecting = this.collecting
    this.collecting = 0
    let token = false
    const kind = scanner.next()
    if (kind === TokenKind.Identifier) {
      const action = this.directives.get(scanner.atom)
      if (action) {
        const name = scanner.loc
        if (collecting > 0 && this.isInclude(scanner.atom)) {
          this.error(
            'P0051',
            name,
            scanner.stop - scanner.start,
            `embedding a #${this.names.text(scanner.atom)} directive within macro arguments is not supported`,
          )
          this.skipRest()
        } else {
          this.kind = TokenKind.End
          action(name)
          token = this.kind === TokenKind.Pragma
        }
      } else {
        this.error(
          'P0052',
          scanner.loc,
          scanner.stop - scanner.start,
          `invalid preprocessing directive '#${this.names.text(scanner.atom)}'`,
          similarDirective(this.names.text(scanner.atom)),
        )
        this.skipRest()
      }
    } else if (kind === TokenKind.Number) {
      scanner.at = scanner.start
      this.line(loc, true)
    } else if (kind !== TokenKind.End) {
      this.error('P0052', scanner.loc, scanner.stop - scanner.start, 'invalid preprocessing directive')
      this.skipRest()
    }
    this.collecting = collecting
    // An include puts another file on top; the line of the directive was finished before.
    if (this.top === open && scanner.inDirective) {
      scanner.skipLine()
      scanner.inDirective = false
    }
    return token
  }

  private isInclude(atom: Atom): boolean {
    return /^(?:include|include_next|import)$/.test(this.names.text(atom))
  }

  private define() {
    if (!this.macroName('define')) return
    const { scanner, virtual } = this.top
    const name = scanner.atom
    if (name === this.defined) {
      this.error('P0055', scanner.loc, 7, "'defined' cannot be used as a macro name")
      return this.skipRest()
    }
    const length = scanner.stop - scanner.start
    const macro = readDefinition(scanner, this.names, this.special, (code, start, end, message) => {
      if (code === 'P0014') this.warning(code, undefined, start, end - start, message)
      else if (code === 'P0011' && start !== 0 && !message.startsWith('duplicate'))
        this.warning(code, 'pedantic', start, end - start, message)
      else this.error(code, start, end - start, message)
    })
    if (!macro) return this.skipRest()
    const old = this.macros.get(name)
    if (old && !sameDefinition(old, macro)) {
      if (old.builtin)
        this.warning('P0056', 'builtin-macro-redefined', macro.loc, length, `redefining builtin macro '${this.names.text(name)}'`)
      else if (!virtual && !this.top.file.system)
        this.sink.warning('P0056', { start: macro.loc, end: macro.loc + length }, `'${this.names.text(name)}' macro redefined`, {
          group: 'macro-redefined',
          notes: old.loc > 0 ? [{ message: 'previous definition is here', span: { start: old.loc, end: old.loc + length } }] : [],
        })
    }
    this.enterMacro(macro)
  }

  private undef() {
    if (!this.macroName('undef')) return
    const { scanner } = this.top
    const { atom } = scanner
    if (this.macros.get(atom)?.builtin)
      this.warning(
        'P0056',
        'builtin-macro-redefined',
        scanner.loc,
        scanner.stop - scanner.start,
        `undefining builtin macro '${this.names.text(atom)}'`,
      )
    this.macros.undefine(atom)
    this.finish('undef')
  }

  // --- include ---

  /** Reads `<name>` or `"name"`, perhaps made by macros; undefined after an error. */
  private headerName(
    directive: string,
  ): { readonly name: string; readonly angled: boolean; readonly loc: Loc; readonly length: number } | undefined {
    const { scanner } = this.top
    if (this.atFile) {
      this.unwind()
      const { at, lineStart } = scanner
      const kind = scanner.nextHeaderName()
      const text = this.names.text(scanner.atom)
      const { loc } = scanner
      const length = scanner.stop - scanner.start
      if (kind === TokenKind.Stray && text.startsWith('<') && text.length > 1)
        return { name: text.slice(1, -1), angled: true, loc, length }
      if (kind === TokenKind.String && text.startsWith('"')) return { name: text.slice(1, -1), angled: false, loc, length }
      scanner.at = at
      scanner.lineStart = lineStart
    }
    this.next()
    const { loc, length } = this
    if (this.is(TokenKind.String)) {
      const text = this.names.text(this.atom)
      if (text.startsWith('"')) return { name: text.slice(1, -1), angled: false, loc, length }
    } else if (this.punct(Punct['<'])) {
      let name = ''
      for (;;) {
        this.next()
        if (this.is(TokenKind.End)) break
        if (this.punct(Punct['>'])) return { name, angled: true, loc, length }
        if (name !== '' && this.flags & TokenFlag.space) name += ' '
        name += this.names.text(this.atom)
      }
      this.error('P0060', loc, length, "expected '>'")
      return undefined
    }
    this.error('P0060', loc, length, `expected "FILENAME" or <FILENAME>${directive ? ` after #${directive}` : ''}`)
    return undefined
  }

  private include(loc: Loc, directive: 'include' | 'include_next' | 'import') {
    const open = this.top
    const header = this.headerName(directive)
    this.unwind()
    if (!header) return this.skipRest()
    this.finish(directive)
    open.scanner.inDirective = false
    if (header.name === '') return this.error('P0061', header.loc, header.length, 'empty filename')
    const next = directive === 'include_next' && this.files.length > 1
    if (directive === 'include_next' && !next)
      this.warning(
        'P0062',
        'include-next-outside-header',
        loc,
        directive.length,
        '#include_next in primary source file; will search from start of include path',
      )
    const found = this.find(header.name, header.angled, open, next)
    if (!found) {
      this.error(
        'P0063',
        header.loc,
        header.length,
        `'${header.name}' file not found`,
        header.name === 'vmlinux.h' ? 'make it with `bpfc btf dump --format c`, or say --btf FILE' : undefined,
      )
      this.stopped = true
      return
    }
    this.enterFile(found, directive === 'import', loc, directive.length)
  }

  private find(name: string, angled: boolean, open: OpenFile, next: boolean): FoundFile | undefined {
    const found = open.virtual
      ? (this.absolute(name) ?? this.search.find(name, angled, '', false, undefined))
      : this.search.find(name, angled, open.file.path, open.file.system, next && open.directory >= 0 ? open.directory : undefined)
    if (found || name !== 'vmlinux.h') return found
    const known = this.facts.get(VMLINUX)
    const bytes = known?.file.bytes ?? this.options.vmlinux?.()
    return bytes && { path: VMLINUX, bytes, system: true, directory: -1 }
  }

  /** A `-include` file: first as given, relative to the working directory. */
  private absolute(name: string): FoundFile | undefined {
    const bytes = this.host.read(name)
    return bytes && { path: name, bytes, system: false, directory: -1 }
  }

  private enterFile(found: FoundFile, once: boolean, loc: Loc, length: number): void {
    const known = this.factsOf(found)
    if (known) {
      if (once) known.once = true
      if (known.once || (known.guard !== 0 && this.macroOf(known.guard))) return
    }
    const facts = known ?? { file: this.sources.add(found.path, found.bytes, found.system), once, guard: 0 }
    if (!known) this.remember(found, facts)
    if (this.files.length > INCLUDE_DEPTH) {
      this.sink.error('P0064', { start: loc, end: loc + length }, '#include nested too deeply', {
        notes: [
          {
            message: `files are included in each other: ${[...new Set(this.files.slice(-12).map(file => file.file.path))].join(', ')}`,
          },
        ],
        hint: 'give each header an include guard or `#pragma once`',
      })
      this.stopped = true
      return
    }
    this.open(facts, found.directory, false)
    this.mark('enter')
  }

  /** What is known of a file, under this spelling or another; a new spelling is one more line of the depfile, as with clang. */
  private factsOf(found: FoundFile): FileFacts | undefined {
    const known = this.facts.get(found.path)
    if (known) return known
    const facts = this.sameFile.get(this.search.identity(found.path))
    if (facts) this.remember(found, facts)
    return facts
  }

  private remember({ path, system }: FoundFile, facts: FileFacts): void {
    this.facts.set(path, facts)
    this.sameFile.set(this.search.identity(path), facts)
    if (path !== VMLINUX) this.dependencies.push({ path, system })
  }

  // --- line, error, pragma ---

  private line(loc: Loc, marker: boolean) {
    const open = this.top
    const { scanner, file } = open
    this.next()
    const text = this.kind === TokenKind.Number ? this.names.text(this.atom) : ''
    if (!/^[0-9]+$/.test(text)) {
      this.error('P0065', this.loc || loc, this.length, `#line directive requires a positive integer argument`)
      this.unwind()
      return this.skipRest()
    }
    const line = Number(text)
    let path: string | undefined
    let system: boolean | undefined
    this.next()
    if (this.is(TokenKind.String)) {
      path = this.names
        .text(this.atom)
        .replace(/^"|"$/g, '')
        .replace(/\\(["\\])/g, '$1')
      this.next()
      if (marker) system = this.markerFlags()
      else if (!this.is(TokenKind.End))
        this.warning('P0053', 'extra-tokens', this.loc, this.length, 'extra tokens at end of #line directive')
    } else if (!this.is(TokenKind.End)) this.error('P0065', this.loc, this.length, `invalid filename for #line directive`)
    this.unwind()
    this.skipRest()
    // The number is that of the line behind the directive.
    file.remap(scanner.at + 1, line, path, system)
    if (!marker || path !== undefined) this.mark('line')
  }

  /** The flags of a line marker, in rising order: 1 entering, 2 returning, 3 a system header, 4 C linkage. True for a system header. */
  private markerFlags(): boolean {
    let last = 0
    let system = false
    while (!this.is(TokenKind.End)) {
      const flag = this.is(TokenKind.Number) ? Number(this.names.text(this.atom)) : 0
      if (!(flag > last && flag <= 4) || (flag === 2 && last === 1) || (flag === 4 && !system)) {
        this.error('P0065', this.loc, this.length, 'invalid flag line marker directive')
        return system
      }
      system ||= flag === 3
      last = flag
      this.next()
    }
    return system
  }

  private message(loc: Loc, fatal: boolean): void {
    const { scanner } = this.top
    const text = scanner.restOfLine()
    const length = fatal ? 5 : 7
    if (fatal) this.error('P0066', loc, length, text || '#error')
    else this.warning('P0067', '#warnings', loc, length, text || '#warning')
  }

  private pragmaDirective(loc: Loc): void {
    const { scanner } = this.top
    const list = this.pool.take()
    while (scanner.next() !== TokenKind.End)
      list.push(scanner.kind, scanner.flags & TokenFlag.space, scanner.loc, scanner.stop - scanner.start, scanner.atom, 0)
    this.pragma(list, loc, 6)
    this.pool.give(list)
  }

  // --- what the computed macros and pragmas ask ---

  protected get includeLevel(): number {
    let level = -1
    for (const file of this.files) if (!file.virtual) level++
    return Math.max(0, level)
  }

  protected get inDirective(): boolean {
    return this.top.scanner.inDirective
  }

  protected get printing(): boolean {
    return this.settings.printing
  }

  protected get currentFile(): SourceFile {
    return this.top.file
  }

  protected readOnce(): void {
    this.top.facts.once = true
  }

  protected headerExists(next: boolean): boolean | undefined {
    const open = this.top
    const header = this.headerName('')
    const found = header && this.find(header.name, header.angled, open, next && this.files.length > 1)
    // What the answer rests on; clang lists it in depfiles too.
    if (found && found.path !== VMLINUX) this.dependencies.push({ path: found.path, system: found.system })
    return header && found !== undefined
  }
}

const VMLINUX = 'vmlinux.h'
