/**
 * Assembly files: what `clang -target bpf -S` writes and `clang -target bpf -c` reads. Text to sections, symbols and relocations;
 * `linker/elf` makes a file of them. Rules of LLVM's ELFObjectWriter (19) decide what is resolved here and what stays a relocation:
 * references to global symbols stay, local ones become their section plus an offset.
 */
import { ByteWriter } from '../base/bytes.js'
import type { Diagnostic } from '../base/diagnostics.js'
import type { Loc } from '../base/source.js'
import { asmDiagnostic, integerDirectives, NumericLabels, singleSymbol } from './inline-asm.js'
import { SLOT_BYTES } from './isa/opcodes.js'
import { expandStatements } from './syntax/asm-conditionals.js'
import {
  arithmetic,
  AsmCursor,
  AsmSyntaxError,
  type AsmToken,
  type AsmValue,
  isConstant,
  tokenizeAsm,
} from './syntax/asm-tokens.js'
import { type ParsedInsn, parsePseudoC } from './syntax/pseudo-c-parser.js'

/** Section type numbers of ELF. */
export const SHT_PROGBITS = 1
export const SHT_NOTE = 7
export const SHT_NOBITS = 8

/** Section flags of ELF. */
export const SHF_WRITE = 1
export const SHF_ALLOC = 2
export const SHF_EXECINSTR = 4
export const SHF_MERGE = 16
export const SHF_STRINGS = 32

export interface AssembledSection {
  readonly name: string
  readonly type: number
  readonly flags: number
  readonly entsize: number
  readonly align: number
  /** Contents; empty for SHT_NOBITS. */
  readonly bytes: Uint8Array
  /** Bytes it takes in memory. */
  readonly size: number
}

export interface AssembledSymbol {
  readonly name: string
  /** Index into `sections`; -1 undefined, -2 absolute. */
  readonly section: number
  readonly value: number
  readonly size: number
  readonly type: 'notype' | 'object' | 'func' | 'file'
  readonly binding: 'local' | 'global' | 'weak'
  readonly visibility: 'default' | 'hidden' | 'internal' | 'protected'
}

/** R_BPF_64_64, R_BPF_64_ABS64, R_BPF_64_ABS32, R_BPF_64_NODYLD32, R_BPF_64_32; addends are in the section's bytes. */
export type RelocationType = 1 | 2 | 3 | 4 | 10

export interface AssembledReloc {
  /** Index of the section that holds the place. */
  readonly section: number
  readonly offset: number
  readonly type: RelocationType
  /** A symbol's name, or the index of a section whose section symbol is meant. */
  readonly target: string | number
}

export interface Assembly {
  readonly sections: readonly AssembledSection[]
  readonly symbols: readonly AssembledSymbol[]
  readonly relocations: readonly AssembledReloc[]
  readonly diagnostics: readonly Diagnostic[]
}

export interface AssembleOptions {
  readonly little?: boolean
  /** Place of the text's first character, for diagnostics. */
  readonly base?: Loc
  /** More bytes in all sections together are refused (default: 64 MB, what the tools over objects read). */
  readonly maxBytes?: number
}

interface Fixup {
  readonly offset: number
  readonly kind: 'branch16' | 'branch32' | 'call' | 'imm64' | 'data'
  /** Bytes of a data item. */
  readonly size: number
  readonly value: AsmValue
  readonly at: number
}

class Section {
  flags = 0
  entsize = 0
  align = 1
  /** For SHT_NOBITS the length is counted apart from the bytes. */
  reserved = 0
  readonly out: ByteWriter
  readonly fixups: Fixup[] = []

  constructor(
    readonly name: string,
    readonly index: number,
    public type: number,
    little: boolean,
  ) {
    this.out = new ByteWriter(little)
  }

  get length(): number {
    return this.type === SHT_NOBITS ? this.reserved : this.out.length
  }
}

interface Symbol {
  name: string
  section: number
  value: number
  size: AsmValue | undefined
  type: AssembledSymbol['type']
  binding: 'local' | 'global' | 'weak' | undefined
  visibility: AssembledSymbol['visibility']
  /** Set by `.set`. */
  alias: AsmValue | undefined
  common: boolean
}

const UNDEFINED = -1
const ABSOLUTE = -2

/** Directives that only matter to DWARF, to tools or to nobody. */
const IGNORED = /^\.(?:loc|ident|addrsig|addrsig_sym|cfi_\w+|line|version|end)$/

const TYPES: Readonly<Record<string, AssembledSymbol['type']>> = {
  function: 'func',
  object: 'object',
  notype: 'notype',
  gnu_unique_object: 'object',
  tls_object: 'object',
}

class Assembler {
  private readonly sections: Section[] = []
  private readonly byName = new Map<string, Section>()
  private readonly symbols = new Map<string, Symbol>()
  private readonly labels = new NumericLabels('tmp.')
  private readonly stack: Section[] = []
  private current: Section
  private previous: Section
  private temporaries = 0
  /** Bytes of all sections. */
  private total = 0
  readonly relocations: AssembledReloc[] = []
  readonly diagnostics: Diagnostic[] = []
  private readonly files: string[] = []
  private readonly little: boolean

  constructor(private readonly options: AssembleOptions) {
    this.little = options.little ?? true
    this.current = this.section('.text')
    this.previous = this.current
  }

  private readonly scope = {
    here: () => {
      const name = `.Ldot.${++this.temporaries}`
      this.define(name, 0)
      return name
    },
    directional: (label: number, forward: boolean, at: number) => this.labels.refer(label, forward, at),
  }

  run(text: string): Assembly {
    this.guarded(() => {
      const host = {
        cursor: (tokens: readonly AsmToken[], index: number) => new AsmCursor(tokens, index, this.scope),
        fault: (error: AsmSyntaxError) => this.diagnostics.push(asmDiagnostic(error, this.options.base)),
      }
      for (const tokens of expandStatements(text, tokenizeAsm(text), host)) this.guarded(() => this.statement(tokens))
    })
    for (const section of this.sections) for (const fixup of section.fixups) this.guarded(() => this.fix(section, fixup))
    const symbols: AssembledSymbol[] = this.files.map(name => ({
      name,
      section: ABSOLUTE,
      value: 0,
      size: 0,
      type: 'file',
      binding: 'local',
      visibility: 'default',
    }))
    for (const symbol of this.symbols.values()) this.guarded(() => this.export(symbol, symbols))
    return {
      sections: this.sections.map(section => ({
        name: section.name,
        type: section.type,
        flags: section.flags,
        entsize: section.entsize,
        align: section.align,
        bytes: section.out.finish(),
        size: section.length,
      })),
      symbols,
      relocations: this.relocations,
      diagnostics: this.diagnostics,
    }
  }

  private guarded(work: () => void): void {
    try {
      work()
    } catch (error) {
      if (!(error instanceof AsmSyntaxError)) throw error
      this.diagnostics.push(asmDiagnostic(error, this.options.base))
    }
  }

  private section(name: string): Section {
    let section = this.byName.get(name)
    if (section) return section
    const bss = name === '.bss' || name.startsWith('.bss.')
    section = new Section(name, this.sections.length, bss ? SHT_NOBITS : SHT_PROGBITS, this.little)
    if (name === '.text' || name.startsWith('.text.')) {
      section.flags = SHF_ALLOC | SHF_EXECINSTR
      section.align = 4
    } else if (bss || name === '.data' || name.startsWith('.data.')) section.flags = SHF_ALLOC | SHF_WRITE
    else if (name === '.rodata' || name.startsWith('.rodata.')) section.flags = SHF_ALLOC
    this.byName.set(name, section)
    this.sections.push(section)
    return section
  }

  private enter(section: Section): void {
    this.previous = this.current
    this.current = section
  }

  private symbol(name: string): Symbol {
    let symbol = this.symbols.get(name)
    if (!symbol) {
      symbol = {
        name,
        section: UNDEFINED,
        value: 0,
        size: undefined,
        type: 'notype',
        binding: undefined,
        visibility: 'default',
        alias: undefined,
        common: false,
      }
      this.symbols.set(name, symbol)
    }
    return symbol
  }

  private define(name: string, at: number): void {
    const symbol = this.symbol(name)
    if (symbol.section !== UNDEFINED || symbol.alias) throw new AsmSyntaxError(`symbol '${name}' is already defined`, at)
    symbol.section = this.current.index
    symbol.value = this.current.length
  }

  private statement(tokens: readonly AsmToken[]): void {
    const cursor = new AsmCursor(tokens, 0, this.scope)
    for (;;) {
      const token = cursor.token
      if (!cursor.isPunct(':', 1) || (token.kind !== 'word' && token.kind !== 'number')) break
      this.define(token.kind === 'word' ? token.text : this.labels.define(Number(token.value)), token.at)
      cursor.index += 2
    }
    if (cursor.atEnd) return
    const token = cursor.token
    if (token.kind === 'word' && token.text.startsWith('.') && !cursor.isPunct('=', 1)) {
      cursor.index++
      this.directive(cursor, token.text, token.at)
      cursor.expectEnd()
      return
    }
    if (token.kind === 'word' && cursor.isPunct('=', 1) && !/^[rw](\d|1[01])$/.test(token.text)) {
      cursor.index += 2
      this.assign(token.text, cursor.expression(), token.at)
      cursor.expectEnd()
      return
    }
    const insn = parsePseudoC(cursor, true)
    cursor.expectEnd()
    this.emit(insn, token.at)
  }

  private assign(name: string, value: AsmValue, at: number): void {
    const symbol = this.symbol(name)
    if (symbol.section >= 0) throw new AsmSyntaxError(`symbol '${name}' is already defined`, at)
    symbol.alias = value
    if (isConstant(value)) {
      symbol.section = ABSOLUTE
      symbol.value = Number(value.value)
    }
  }

  private room(count: number, at: number): void {
    const limit = this.options.maxBytes ?? 64 << 20
    if (count < 0 || this.total + count > limit)
      throw new AsmSyntaxError(`with section ${this.current.name} the object would grow beyond ${limit} bytes`, at)
    this.total += count
  }

  private emit(insn: ParsedInsn, at: number): void {
    const { out, fixups } = this.current
    if (this.current.type === SHT_NOBITS) throw new AsmSyntaxError('code cannot go into a section without contents', at)
    this.room(insn.slots * SLOT_BYTES, at)
    if (insn.symbolic) {
      const { field, value } = insn.symbolic
      if (field === 'imm32') throw new AsmSyntaxError("a symbol's address needs a 64-bit load: write 'll' after it", at)
      fixups.push({ offset: out.length, kind: field, size: 8, value, at })
    }
    const registers = this.little ? insn.dst | (insn.src << 4) : (insn.dst << 4) | insn.src
    out.u8(insn.code).u8(registers).u16(insn.off).u32(insn.imm)
    if (insn.slots === 2) out.u32(0).u32(insn.immHigh)
  }

  private data(value: AsmValue, size: number, at: number): void {
    this.room(size, at)
    const { out } = this.current
    if (this.current.type === SHT_NOBITS) {
      if (!isConstant(value) || value.value !== 0n) throw new AsmSyntaxError('a section without contents can only hold zeros', at)
      this.current.reserved += size
      return
    }
    if (!isConstant(value)) this.current.fixups.push({ offset: out.length, kind: 'data', size, value, at })
    const number = isConstant(value) ? value.value : 0n
    if (size === 8) out.u64(number)
    else if (size === 4) out.u32(Number(BigInt.asUintN(32, number)))
    else if (size === 2) out.u16(Number(BigInt.asUintN(16, number)))
    else out.u8(Number(BigInt.asUintN(8, number)))
  }

  private fill(count: number, byte: number, at: number): void {
    this.room(count, at)
    if (this.current.type === SHT_NOBITS) this.current.reserved += count
    else if (byte === 0) this.current.out.zeros(count)
    else this.current.out.append(new Uint8Array(count).fill(byte))
  }

  private directive(cursor: AsmCursor, name: string, at: number): void {
    const size = integerDirectives[name]
    if (size !== undefined) {
      if (cursor.atEnd) return
      do this.data(cursor.expression(), size, at)
      while (cursor.takePunct(','))
      return
    }
    if (IGNORED.test(name)) {
      skip(cursor)
      return
    }
    switch (name) {
      case '.text':
      case '.data':
      case '.bss':
        this.enter(this.section(name))
        return
      case '.section':
        this.enter(this.sectionDirective(cursor))
        return
      case '.pushsection':
        this.stack.push(this.current)
        this.enter(this.sectionDirective(cursor))
        return
      case '.popsection': {
        const section = this.stack.pop()
        if (!section) throw new AsmSyntaxError('.popsection without .pushsection', at)
        this.enter(section)
        return
      }
      case '.previous':
        this.enter(this.previous)
        return
      case '.globl':
      case '.global':
        names(cursor, symbol => {
          this.symbol(symbol).binding = 'global'
        })
        return
      case '.weak':
        names(cursor, symbol => {
          this.symbol(symbol).binding = 'weak'
        })
        return
      case '.local':
        names(cursor, symbol => {
          this.symbol(symbol).binding = 'local'
        })
        return
      case '.hidden':
      case '.internal':
      case '.protected':
        names(cursor, symbol => {
          this.symbol(symbol).visibility = name.slice(1) as AssembledSymbol['visibility']
        })
        return
      case '.type':
        this.type(cursor)
        return
      case '.size': {
        const symbol = this.symbol(cursor.word('a symbol'))
        cursor.expect(',')
        symbol.size = cursor.expression()
        return
      }
      case '.set':
      case '.equ': {
        const symbol = cursor.word('a symbol')
        cursor.expect(',')
        this.assign(symbol, cursor.expression(), at)
        return
      }
      case '.comm':
      case '.lcomm':
        this.common(cursor, name === '.lcomm', at)
        return
      case '.p2align':
      case '.balign':
      case '.align':
        this.alignment(cursor, name === '.p2align', at)
        return
      case '.zero':
      case '.space':
      case '.skip': {
        const count = Number(cursor.integer('a size'))
        const byte = cursor.takePunct(',') ? Number(cursor.integer('a byte')) & 255 : 0
        this.fill(count, byte, at)
        return
      }
      case '.fill': {
        const repeat = Number(cursor.integer('a count'))
        const each = cursor.takePunct(',') ? Number(cursor.integer('a size')) : 1
        const value = cursor.takePunct(',') ? cursor.integer('a value') : 0n
        if (each < 1 || each > 8 || repeat < 0) throw new AsmSyntaxError('.fill takes a count and a size of 1 to 8', at)
        const pattern = Uint8Array.from({ length: each }, (_, byte) =>
          Number((value >> BigInt(8 * (this.little ? byte : each - 1 - byte))) & 255n),
        )
        if (pattern.every(byte => byte === 0)) this.fill(repeat * each, 0, at)
        else {
          this.room(repeat * each, at)
          if (this.current.type === SHT_NOBITS) throw new AsmSyntaxError('a section without contents can only hold zeros', at)
          const block = new Uint8Array(each * Math.min(repeat, 4096))
          for (let start = 0; start < block.length; start += each) block.set(pattern, start)
          for (let left = repeat * each; left > 0; left -= block.length)
            this.current.out.append(left < block.length ? block.subarray(0, left) : block)
        }
        return
      }
      case '.ascii':
      case '.asciz':
      case '.string':
        this.strings(cursor, name !== '.ascii', at)
        return
      case '.uleb128':
      case '.sleb128':
        this.leb(cursor, name === '.sleb128', at)
        return
      case '.file': {
        if (cursor.token.kind === 'string') this.files.push(new TextDecoder().decode(cursor.token.bytes))
        skip(cursor)
        return
      }
      default:
        throw new AsmSyntaxError(`unknown directive ${name}`, at)
    }
  }

  private sectionDirective(cursor: AsmCursor): Section {
    const section = this.section(sectionName(cursor))
    if (!cursor.takePunct(',')) return section
    const flags = cursor.token
    if (flags.kind !== 'string') cursor.fail('expected the flags of the section in quotes')
    cursor.index++
    section.flags = 0
    for (const byte of flags.bytes) {
      const flag = {
        a: SHF_ALLOC,
        w: SHF_WRITE,
        x: SHF_EXECINSTR,
        M: SHF_MERGE,
        S: SHF_STRINGS,
        o: 0x80,
        e: 0x80000000,
        R: 0x200000,
      }[String.fromCharCode(byte)]
      if (flag === undefined) cursor.fail(`unknown section flag '${String.fromCharCode(byte)}'`, flags.at)
      section.flags += flag
    }
    if (!cursor.takePunct(',')) return section
    cursor.takePunct('%')
    const type = cursor.word('a section type').replace(/^@/, '')
    const numbers: Readonly<Record<string, number>> = {
      progbits: SHT_PROGBITS,
      nobits: SHT_NOBITS,
      note: SHT_NOTE,
      llvm_addrsig: 0x6fff4c03,
    }
    const number = numbers[type]
    if (number === undefined) cursor.fail(`unknown section type '${type}'`)
    section.type = number
    if (cursor.takePunct(',')) {
      if (cursor.token.kind === 'word') skip(cursor)
      else section.entsize = Number(cursor.integer('an entry size'))
    }
    skip(cursor)
    return section
  }

  private type(cursor: AsmCursor): void {
    const symbol = this.symbol(cursor.word('a symbol'))
    cursor.expect(',')
    cursor.takePunct('%')
    const at = cursor.token.at
    const name = cursor.word('a symbol type').replace(/^@/, '')
    const type =
      TYPES[
        name
          .replace(/^STT_/, '')
          .toLowerCase()
          .replace(/^func$/, 'function')
      ]
    if (!type) cursor.fail(`unknown symbol type '${name}'`, at)
    symbol.type = type
  }

  private common(cursor: AsmCursor, local: boolean, at: number): void {
    const name = cursor.word('a symbol')
    cursor.expect(',')
    const size = Number(cursor.integer('a size'))
    const align = cursor.takePunct(',') ? Number(cursor.integer('an alignment')) : 1
    const back = this.current
    this.current = this.section('.bss')
    this.current.align = Math.max(this.current.align, align)
    const over = this.current.length % align
    this.fill(over ? align - over : 0, 0, at)
    this.define(name, at)
    this.fill(size, 0, at)
    this.current = back
    const symbol = this.symbol(name)
    symbol.size = { value: BigInt(size), plus: [], minus: [] }
    symbol.type = 'object'
    symbol.binding = local ? 'local' : (symbol.binding ?? 'global')
  }

  private alignment(cursor: AsmCursor, power: boolean, at: number): void {
    const number = Number(cursor.integer('an alignment'))
    const align = power ? 2 ** number : number
    let byte = 0
    if (cursor.takePunct(',') && !cursor.isPunct(',')) byte = Number(cursor.integer('a fill byte')) & 255
    skip(cursor)
    if (!Number.isInteger(align) || align < 0 || align > 1 << 20 || (align & (align - 1)) !== 0)
      throw new AsmSyntaxError(`alignment ${align} is no power of two up to 1 MB`, at)
    if (align <= 1) return
    this.current.align = Math.max(this.current.align, align)
    const over = this.current.length % align
    if (over) this.fill(align - over, byte, at)
  }

  private strings(cursor: AsmCursor, terminated: boolean, at: number): void {
    if (cursor.atEnd) return
    do {
      const token = cursor.token
      if (token.kind !== 'string') cursor.fail('expected a string')
      cursor.index++
      this.room(token.bytes.length + (terminated ? 1 : 0), at)
      if (this.current.type === SHT_NOBITS) throw new AsmSyntaxError('a section without contents can only hold zeros', at)
      this.current.out.append(token.bytes)
      if (terminated) this.current.out.u8(0)
    } while (cursor.takePunct(','))
  }

  private leb(cursor: AsmCursor, signed: boolean, at: number): void {
    do {
      const expression = cursor.expression()
      let value = this.evaluate(expression)
      if (value === undefined) throw new AsmSyntaxError('this length must be known when it is written', at)
      for (;;) {
        const byte = Number(value & 0x7fn)
        value >>= 7n
        const done = signed ? (value === 0n && !(byte & 64)) || (value === -1n && (byte & 64) !== 0) : value === 0n
        this.data({ value: BigInt(done ? byte : byte | 128), plus: [], minus: [] }, 1, at)
        if (done) break
      }
    } while (cursor.takePunct(','))
  }

  /** A symbol with its aliases followed: where it is, as section and offset; undefined sections stay symbols. */
  private place(name: string, depth = 0): { readonly symbol: Symbol; readonly addend: bigint } {
    const symbol = this.symbol(name)
    if (!symbol.alias || isConstant(symbol.alias) || depth > 32) return { symbol, addend: 0n }
    const single = singleSymbol(symbol.alias)
    if (!single) return { symbol, addend: 0n }
    const inner = this.place(single.name, depth + 1)
    return { symbol: inner.symbol, addend: inner.addend + BigInt(single.addend) }
  }

  /** The number a value comes to, when its symbols cancel out; undefined when it stays an address. */
  private evaluate(value: AsmValue): bigint | undefined {
    const reduced = this.reduce(value)
    return reduced.plus.length === 0 ? reduced.value : undefined
  }

  private reduce(value: AsmValue): { readonly value: bigint; readonly plus: readonly Symbol[] } {
    let number = value.value
    const plus: Symbol[] = []
    for (const name of value.plus) {
      const { symbol, addend } = this.place(name)
      number += addend
      if (symbol.section === ABSOLUTE) number += BigInt(symbol.value)
      else plus.push(symbol)
    }
    for (const name of value.minus) {
      const { symbol, addend } = this.place(name)
      number -= addend
      if (symbol.section === ABSOLUTE) {
        number -= BigInt(symbol.value)
        continue
      }
      const partner = plus.findIndex(other => other.section === symbol.section && symbol.section >= 0)
      if (partner < 0) throw new AsmSyntaxError(`'${name}' is subtracted from nothing in its section`, 0)
      number += BigInt(plus[partner]!.value - symbol.value)
      plus.splice(partner, 1)
    }
    for (const { operator, by } of value.steps ?? []) {
      if (plus.length > 0) throw new AsmSyntaxError(`'${operator}' needs the distance of two symbols of one section`, 0)
      number = arithmetic(operator, number, by)!
    }
    return { value: number, plus }
  }

  private fix(section: Section, fixup: Fixup): void {
    const { value, plus } = this.reduce(fixup.value)
    const { out } = section
    const symbol = plus[0]
    if (plus.length > 1) throw new AsmSyntaxError('an address cannot be the sum of several symbols', fixup.at)
    if (fixup.kind === 'branch16' || fixup.kind === 'branch32') {
      if (!symbol) throw new AsmSyntaxError('a jump goes to a label', fixup.at)
      this.branch(section, fixup, symbol, value)
      return
    }
    if (!symbol) {
      if (fixup.kind === 'call') out.patch32(fixup.offset + 4, Number(BigInt.asIntN(32, value)))
      else if (fixup.kind === 'imm64') {
        out.patch32(fixup.offset + 4, Number(BigInt.asIntN(32, value)))
        out.patch32(fixup.offset + 12, Number(BigInt.asIntN(32, value >> 32n)))
      } else this.patchData(out, fixup.offset, fixup.size, value)
      return
    }
    const defined = symbol.section >= 0
    if (symbol.section === UNDEFINED && symbol.name.startsWith('.L'))
      throw new AsmSyntaxError(`label '${symbol.name}' is not defined`, fixup.at)
    const local = defined && (symbol.binding ?? 'local') === 'local'
    const addend = local ? value + BigInt(symbol.value) : value
    const target = local ? symbol.section : symbol.name
    if (fixup.kind === 'call') {
      if (local && symbol.section === section.index) {
        out.patch32(fixup.offset + 4, this.slots(BigInt(symbol.value) + value, fixup))
        return
      }
      out.patch32(fixup.offset + 4, Number(addend) / SLOT_BYTES - 1)
      this.relocations.push({ section: section.index, offset: fixup.offset, type: 10, target })
    } else if (fixup.kind === 'imm64') {
      out.patch32(fixup.offset + 4, Number(BigInt.asIntN(32, addend)))
      out.patch32(fixup.offset + 12, Number(BigInt.asIntN(32, addend >> 32n)))
      this.relocations.push({ section: section.index, offset: fixup.offset, type: 1, target })
    } else {
      if (fixup.size < 4) throw new AsmSyntaxError('an address needs 4 or 8 bytes', fixup.at)
      this.patchData(out, fixup.offset, fixup.size, addend)
      const type = fixup.size === 8 ? 2 : this.nodyld(symbol) ? 4 : 3
      this.relocations.push({ section: section.index, offset: fixup.offset, type, target })
    }
  }

  /** What BPFELFObjectWriter (LLVM 19) decides by: temporary labels in code and variables in writable sections. */
  private nodyld(symbol: Symbol): boolean {
    if (symbol.section < 0) return false
    const { flags } = this.sections[symbol.section]!
    const needed = symbol.name.startsWith('.L') ? SHF_ALLOC | SHF_EXECINSTR : SHF_ALLOC | SHF_WRITE
    return (flags & needed) === needed
  }

  private branch(section: Section, fixup: Fixup, symbol: Symbol, addend: bigint): void {
    if (symbol.section === UNDEFINED) throw new AsmSyntaxError(`label '${symbol.name}' is not defined`, fixup.at)
    if (symbol.section !== section.index)
      throw new AsmSyntaxError(`label '${symbol.name}' is in another section; jumps stay in theirs`, fixup.at)
    const slots = this.slots(BigInt(symbol.value) + addend, fixup)
    if (fixup.kind === 'branch32') {
      section.out.patch32(fixup.offset + 4, slots)
      return
    }
    if (slots < -0x8000 || slots > 0x7fff)
      throw new AsmSyntaxError(`label '${symbol.name}' is ${slots} instructions away; a jump reaches 32767, use gotol`, fixup.at)
    section.out.patch16(fixup.offset + 2, slots)
  }

  private slots(target: bigint, fixup: Fixup): number {
    const distance = Number(target) - fixup.offset - SLOT_BYTES
    if (distance % SLOT_BYTES !== 0) throw new AsmSyntaxError('the target is not at an instruction', fixup.at)
    return distance / SLOT_BYTES
  }

  private patchData(out: ByteWriter, offset: number, size: number, value: bigint): void {
    if (size === 8) {
      const [low, high] = this.little ? [0, 4] : [4, 0]
      out.patch32(offset + low, Number(BigInt.asIntN(32, value)))
      out.patch32(offset + high, Number(BigInt.asIntN(32, value >> 32n)))
    } else if (size === 4) out.patch32(offset, Number(BigInt.asIntN(32, value)))
    else if (size === 2) out.patch16(offset, Number(BigInt.asIntN(16, value)))
    else out.patch8(offset, Number(BigInt.asUintN(8, value)))
  }

  private export(symbol: Symbol, into: AssembledSymbol[]): void {
    if (symbol.name.startsWith('.L')) return
    let { section, value } = symbol
    if (symbol.alias && section === UNDEFINED) {
      const { symbol: target, addend } = this.place(symbol.name)
      section = target.section
      value = target.value + Number(addend)
    }
    const size = symbol.size ? this.evaluate(symbol.size) : 0n
    if (size === undefined) throw new AsmSyntaxError(`the size of '${symbol.name}' is no number`, 0)
    into.push({
      name: symbol.name,
      section,
      value,
      size: Number(size),
      type: symbol.type,
      binding: symbol.binding ?? (section === UNDEFINED ? 'global' : 'local'),
      visibility: symbol.visibility,
    })
  }
}

function skip(cursor: AsmCursor): void {
  while (!cursor.atEnd) cursor.index++
}

function names(cursor: AsmCursor, each: (name: string) => void): void {
  do each(cursor.word('a symbol'))
  while (cursor.takePunct(','))
}

/** A section's name: in quotes, or words, numbers and the signs that program sections hold (`tp/raw_syscalls:x`, `?tc`). */
function sectionName(cursor: AsmCursor): string {
  const token = cursor.token
  if (token.kind === 'string') {
    cursor.index++
    return new TextDecoder().decode(token.bytes)
  }
  let name = ''
  while (!cursor.atEnd && !cursor.isPunct(',')) {
    const part = cursor.token
    if (part.kind === 'word' || part.kind === 'punct') name += part.text
    else if (part.kind === 'number') name += part.value.toString()
    else if (part.kind === 'directional') name += `${part.label}${part.forward ? 'f' : 'b'}`
    cursor.index++
  }
  if (!name) cursor.fail('expected the name of a section')
  return name
}

/** Assembles a file's text. Faults are in `diagnostics`; the rest is of use only when there are none. */
export function assemble(text: string, options: AssembleOptions = {}): Assembly {
  return new Assembler(options).run(text)
}
