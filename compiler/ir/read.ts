/**
 * Reads the text form of the intermediate representation (docs/ir.md). Value and block numbers are kept. What the text cannot
 * carry (C declarations for BTF, complete types of CO-RE values) is absent from the result.
 */
import { FormatError } from '../../base/outcome.js'
import type { Atom } from '../preprocessor/tokens.js'
import { type CType, unsignedIntType } from '../typecheck/types.js'
import {
  type AsmInfo,
  Block,
  type Edge,
  Func,
  Global,
  type IrType,
  jump,
  Module,
  type Op,
  type Predicate,
  type Terminator,
  Value,
  wrap,
} from './ir.js'

export interface ReadModule {
  readonly module: Module
  /** Spelling of the atoms in the types of CO-RE values. */
  readonly text: (atom: Atom) => string
}

interface Token {
  readonly kind: 'word' | 'number' | 'string' | 'value' | 'block' | 'symbol' | 'place' | 'punct' | 'end'
  readonly text: string
  readonly at: number
}

const TOKEN =
  /\s+|;[^\n]*|%(\d+)|!(\d+)|@([\w.$]+)|@("(?:[^"\\]|\\.)*")|"((?:[^"\\]|\\.)*)"|(-?\d+)|b(\d+)(?![\w.])|([A-Za-z_][\w.]*)|(->|[(){}[\]:,=+&*])/y

const KINDS = ['value', 'place', 'symbol', 'symbol', 'string', 'number', 'block', 'word', 'punct'] as const

function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < text.length) {
    TOKEN.lastIndex = at
    const match = TOKEN.exec(text)
    if (!match) throw new FormatError('F0450', `IR text: unexpected character ${JSON.stringify(text[at])}`, at)
    const group = KINDS.findIndex((_, i) => match[i + 1] !== undefined)
    if (group >= 0) {
      const found = match[group + 1]!
      const quoted = group === 3 ? found.slice(1, -1) : found
      tokens.push({ kind: KINDS[group]!, text: group === 3 || group === 4 ? unquote(quoted) : found, at })
    }
    at = TOKEN.lastIndex
  }
  tokens.push({ kind: 'end', text: 'end of text', at: text.length })
  return tokens
}

function unquote(text: string): string {
  return text.replace(/\\(?:x([0-9a-fA-F]{2})|(.))/gs, (_, code: string | undefined, char: string) =>
    code ? String.fromCharCode(Number.parseInt(code, 16)) : char === 'n' ? '\n' : char === 't' ? '\t' : char,
  )
}

const TYPES = new Set<string>(['void', 'i1', 'i8', 'i16', 'i32', 'i64', 'ptr'])
const PREDICATES = new Set<string>(['eq', 'ne', 'ult', 'ule', 'ugt', 'uge', 'slt', 'sle', 'sgt', 'sge'])
/** Instructions written as the operation and a list of operands. */
const PLAIN = new Set<string>(
  (
    'alloca begin load store ptradd add sub mul udiv sdiv urem srem and or xor shl lshr ashr zext sext trunc ptrtoint inttoptr addrspacecast ' +
    'bswap select cmpxchg fence memcpy memmove memset memcmp strlen strcmp loadskb opaque isconst trap'
  ).split(' '),
)

class Reader {
  private readonly tokens: Token[]
  private at = 0
  private readonly module = new Module()
  private readonly symbols = new Map<string, Global | Func>()
  private readonly names: string[] = []
  private readonly atoms = new Map<string, Atom>()
  private readonly types = new Map<string, CType>()
  private func!: Func
  private values = new Map<number, Value>()
  private blocks = new Map<number, Block>()

  constructor(text: string) {
    this.tokens = tokenize(text)
  }

  read(): ReadModule {
    this.declare()
    this.at = 0
    while (this.token.kind !== 'end') {
      if (this.take('asm')) this.module.fileAsm.push(this.expect('string'))
      else if (this.take('global')) this.global()
      else if (this.take('func')) this.function()
      else this.fail('a global, a function or asm')
    }
    return { module: this.module, text: atom => this.names[atom] ?? `#${atom}` }
  }

  private get token(): Token {
    return this.tokens[this.at]!
  }

  private fail(wanted: string): never {
    throw new FormatError('F0450', `IR text: ${wanted} expected, found '${this.token.text}'`, this.token.at)
  }

  private take(text: string): boolean {
    const token = this.token
    if (token.text !== text || (token.kind !== 'word' && token.kind !== 'punct')) return false
    this.at++
    return true
  }

  private need(text: string): void {
    if (!this.take(text)) this.fail(`'${text}'`)
  }

  private expect(kind: Token['kind']): string {
    if (this.token.kind !== kind) this.fail(`a ${kind}`)
    return this.tokens[this.at++]!.text
  }

  private maybe(kind: Token['kind']): string | undefined {
    return this.token.kind === kind ? this.tokens[this.at++]!.text : undefined
  }

  private number(): number {
    return Number(this.expect('number'))
  }

  /** First walk: symbols can be used before they come. */
  private declare(): void {
    for (let i = 0; i + 1 < this.tokens.length; i++) {
      const kind = this.tokens[i]!
      const name = this.tokens[i + 1]!
      if (kind.kind !== 'word' || name.kind !== 'symbol') continue
      if (kind.text === 'global') this.symbols.set(name.text, new Global(name.text, 'global', '', 0, 1))
      else if (kind.text === 'func') this.symbols.set(name.text, new Func(name.text, 'global', 'void'))
    }
  }

  private symbol(): Global | Func {
    const token = this.token
    const found = this.symbols.get(this.expect('symbol'))
    if (!found) throw new FormatError('F0450', `IR text: nothing is named '${token.text}'`, token.at)
    return found
  }

  private global(): void {
    const global = this.symbol() as Global
    this.module.globals.push(global)
    for (;;) {
      if (this.take('local')) global.binding = 'local'
      else if (this.take('weak')) global.binding = 'weak'
      else if (this.take('hidden')) global.hidden = true
      else if (this.take('extern')) global.isExtern = true
      else if (this.take('readonly')) global.readonly = true
      else if (this.take('used')) global.used = true
      else if (this.take('section')) global.section = this.expect('string')
      else if (this.take('size')) global.size = this.number()
      else if (this.take('align')) global.align = this.number()
      else if (this.take('bytes'))
        global.bytes = Uint8Array.from(this.expect('string').match(/../g) ?? [], digits => Number.parseInt(digits, 16))
      else if (this.take('reloc')) global.relocs.push({ offset: this.number(), target: this.symbol(), addend: this.number() })
      else return
    }
  }

  private function(): void {
    const func = this.symbol() as Func
    this.func = func
    this.values = new Map()
    this.blocks = new Map()
    this.module.funcs.push(func)
    this.need('(')
    while (!this.take(')')) {
      const param = this.definition('param')
      param.offset = func.params.length
      func.params.push(param)
      this.take(',')
    }
    this.need('->')
    func.result = this.type()
    for (;;) {
      const place = this.maybe('place')
      if (place !== undefined) func.endLoc = Number(place)
      else if (this.take('local')) func.binding = 'local'
      else if (this.take('weak')) func.binding = 'weak'
      else if (this.take('hidden')) func.hidden = true
      else if (this.take('alwaysinline')) func.alwaysInline = true
      else if (this.take('noinline')) func.noInline = true
      else if (this.take('naked')) func.naked = true
      else if (this.take('noreturn')) func.noReturn = true
      else if (this.take('optnone')) func.optnone = true
      else if (this.take('used')) func.used = true
      else if (this.take('section')) func.section = this.expect('string')
      else break
    }
    if (!this.take('{')) return
    const start = this.token.at
    this.reserveNumbers()
    while (!this.take('}')) this.block()
    for (const [id, value] of this.values)
      if (value.op === 'undef') throw new FormatError('F0450', `IR text: @${func.name}: %${id} is never defined`, start)
    const defined = new Set(func.blocks)
    for (const [id, block] of this.blocks)
      if (!defined.has(block)) throw new FormatError('F0450', `IR text: @${func.name}: b${id} is never defined`, start)
  }

  /** Keeps the numbers that the body names from being given to leaves. */
  private reserveNumbers(): void {
    for (let i = this.at; i < this.tokens.length; i++) {
      const { kind, text } = this.tokens[i]!
      if (kind === 'value') this.func.reserve(Number(text))
      else if (kind === 'word' && text === 'func') return
    }
  }

  private type(): IrType {
    if (this.token.kind !== 'word' || !TYPES.has(this.token.text)) this.fail('a type')
    return this.tokens[this.at++]!.text as IrType
  }

  /** The value of a number; made when first mentioned, filled in where it is defined. */
  private value(id: number): Value {
    let value = this.values.get(id)
    if (!value) {
      this.func.reserve(id)
      value = new Value(id, 'undef', 'void')
      this.values.set(id, value)
    }
    return value
  }

  private definition(op: Op): Value {
    const value = this.value(Number(this.expect('value')))
    this.need(':')
    value.op = op
    value.type = this.type()
    const name = this.maybe('string')
    if (name !== undefined) value.name = name
    return value
  }

  private blockOf(id: number): Block {
    let block = this.blocks.get(id)
    if (!block) {
      this.func.reserveBlock(id)
      block = new Block(id)
      this.blocks.set(id, block)
    }
    return block
  }

  private block(): void {
    const block = this.blockOf(Number(this.expect('block')))
    this.func.blocks.push(block)
    if (this.take('('))
      while (!this.take(')')) {
        block.params.push(this.definition('blockparam'))
        this.take(',')
      }
    block.name = this.maybe('string')
    this.need(':')
    for (;;) {
      const terminator = this.terminator()
      if (terminator) {
        block.terminator = terminator
        return
      }
      block.insts.push(this.inst())
    }
  }

  private operand(): Value {
    const id = this.maybe('value')
    if (id !== undefined) return this.value(Number(id))
    if (this.token.kind === 'symbol') {
      const target = this.symbol()
      const leaf = this.leaf(target instanceof Func ? 'func' : 'global', 'ptr')
      if (target instanceof Func) leaf.func = target
      else {
        leaf.global = target
        if (this.take('+')) leaf.offset = this.number()
      }
      return leaf
    }
    const type = this.type()
    if (this.take('undef')) return this.leaf('undef', type)
    const leaf = this.leaf('const', type)
    leaf.value = wrap(type, BigInt(this.expect('number')))
    return leaf
  }

  /** Leaves get numbers above all that the text names; they are not printed. */
  private leaf(op: Op, type: IrType): Value {
    return this.func.value(op, type)
  }

  private operands(end: string): Value[] {
    const values: Value[] = []
    while (!this.take(end)) {
      values.push(this.operand())
      if (!this.take(',')) {
        this.need(end)
        break
      }
    }
    return values
  }

  private inst(): Value {
    const inst = this.token.kind === 'value' ? this.definition('undef') : this.func.value('store', 'void')
    if (inst.type !== 'void') this.need('=')
    const op = this.expect('word')
    inst.op = op as Op
    switch (op) {
      case 'icmp':
        if (!PREDICATES.has(this.token.text)) this.fail('a predicate')
        inst.predicate = this.expect('word') as Predicate
        inst.args = this.commaList()
        break
      case 'call':
        inst.func = this.symbol() as Func
        this.need('(')
        inst.args = this.operands(')')
        break
      case 'callhelper':
        inst.helper = this.number()
        this.need('(')
        inst.args = this.operands(')')
        break
      case 'callindirect': {
        const target = this.operand()
        this.need('(')
        inst.args = [target, ...this.operands(')')]
        break
      }
      case 'atomicrmw':
        inst.atomic = this.expect('word') as NonNullable<Value['atomic']>
        inst.fetch = this.take('fetch')
        inst.args = this.commaList()
        break
      case 'core': {
        const kind = this.number()
        const type = this.coreType()
        inst.core = { kind, type, access: this.expect('string') }
        this.need('value')
        inst.value = wrap(inst.type, BigInt(this.expect('number')))
        break
      }
      case 'asm':
        inst.asm = this.asm(inst.args)
        break
      case 'asmresult':
        inst.offset = this.number()
        inst.args = this.commaList()
        break
      default:
        if (!PLAIN.has(op)) {
          this.at--
          this.fail('an instruction')
        }
        inst.args = this.startsOperand() ? this.commaList() : []
    }
    this.attributes(inst)
    return inst
  }

  private startsOperand(): boolean {
    const { kind, text } = this.token
    return kind === 'value' || kind === 'symbol' || (kind === 'word' && TYPES.has(text))
  }

  private commaList(): Value[] {
    const values = [this.operand()]
    while (this.take(',')) values.push(this.operand())
    return values
  }

  private attributes(inst: Value): void {
    for (;;) {
      const place = this.maybe('place')
      if (place !== undefined) inst.loc = Number(place)
      else if (this.take('offset')) inst.offset = this.number()
      else if (this.take('size')) inst.size = this.number()
      else if (this.take('align')) inst.align = this.number()
      else if (this.take('volatile')) inst.volatile = true
      else if (this.take('signed')) inst.signed = true
      else if (this.take('as')) inst.accessedAs = this.expect('string').split('/')
      else if (this.take('order')) inst.order = this.number()
      else return
    }
  }

  private asm(args: Value[]): AsmInfo {
    const template = this.expect('string')
    const volatile = this.take('volatile')
    const outputs: AsmInfo['outputs'][number][] = []
    const inputs: AsmInfo['inputs'][number][] = []
    const clobbers: number[] = []
    let clobbersMemory = false
    this.need('(')
    while (!this.take(')')) {
      const earlyClobber = this.take('&')
      const memory = this.take('*')
      outputs.push({ type: this.type(), earlyClobber, memory })
      this.take(',')
    }
    this.need('(')
    while (!this.take(')')) {
      const constraint = this.expect('word') as AsmInfo['inputs'][number]['constraint']
      const tiedTo = this.take('tied') ? this.number() : undefined
      inputs.push({ constraint, tiedTo })
      args.push(this.operand())
      this.take(',')
    }
    this.need('(')
    while (!this.take(')')) {
      if (this.take('memory')) clobbersMemory = true
      else clobbers.push(Number(this.expect('word').slice(1)))
      this.take(',')
    }
    return { template, volatile, outputs, inputs, clobbers, clobbersMemory }
  }

  private atom(name: string): Atom {
    let atom = this.atoms.get(name)
    if (atom === undefined) {
      atom = this.names.length
      this.names.push(name)
      this.atoms.set(name, atom)
    }
    return atom
  }

  /** Types of one spelling are one object, so that records keep their identity. */
  private coreType(): CType {
    const kind = this.expect('word')
    const name = this.expect('string')
    const key = `${kind} ${name}`
    let type = this.types.get(key)
    if (!type) {
      type = this.makeType(kind, name)
      this.types.set(key, type)
    }
    return type
  }

  private makeType(kind: string, name: string): CType {
    const tag = name === '' ? undefined : this.atom(name)
    switch (kind) {
      case 'typedef':
        return { kind: 'typedef', name: this.atom(name), to: unsignedIntType, declTags: [] }
      case 'int':
        return { ...unsignedIntType, name }
      case 'enum':
        return {
          kind: 'enum',
          tag,
          complete: true,
          underlying: unsignedIntType,
          constants: [],
          preserveAccessIndex: true,
          token: 0,
        }
      default:
        return {
          kind: 'record',
          union: kind === 'union',
          tag,
          complete: true,
          fields: [],
          size: 0,
          align: 1,
          packed: false,
          preserveAccessIndex: true,
          preserveStaticOffset: false,
          mayAlias: false,
          declTags: [],
          token: 0,
        }
    }
  }

  private edge(): Edge {
    const block = this.blockOf(Number(this.expect('block')))
    return { block, args: this.take('(') ? this.operands(')') : [] }
  }

  private place(): number {
    return Number(this.maybe('place') ?? 0)
  }

  private terminator(): Terminator | undefined {
    if (this.take('br')) {
      const to = this.edge()
      if (!this.take('unroll')) return jump(to, this.place())
      const count = this.maybe('number')
      const unroll = count === undefined ? (this.expect('word') as 'full' | 'enable' | 'disable') : Number(count)
      return jump(to, this.place(), unroll)
    }
    if (this.take('condbr')) {
      const condition = this.operand()
      this.need(',')
      const then = this.edge()
      this.need(',')
      const otherwise = this.edge()
      const likely = this.take('likely') ? true : this.take('unlikely') ? false : undefined
      const first = this.take('first') ? (this.take('then') ? 'then' : (this.need('otherwise'), 'otherwise')) : undefined
      return { kind: 'condbr', condition, then, otherwise, loc: this.place(), likely, first }
    }
    if (this.take('switch')) return this.switch()
    if (this.take('ret')) {
      const value = this.startsOperand() ? this.operand() : undefined
      return { kind: 'ret', value, loc: this.place() }
    }
    if (this.take('unreachable')) return { kind: 'unreachable', loc: this.place() }
    if (this.take('asmgoto')) {
      const args: Value[] = []
      const asm = this.asm(args)
      const results: Value[] = []
      this.need('(')
      while (!this.take(')')) {
        results.push(this.definition('asmresult'))
        this.take(',')
      }
      this.need('[')
      const next = this.edge()
      const labels: Edge[] = []
      while (this.take(',')) if (this.token.kind === 'block') labels.push(this.edge())
      this.need(']')
      return { kind: 'asmgoto', asm, args, results, next, labels, loc: this.place() }
    }
    return undefined
  }

  private switch(): Terminator {
    const value = this.operand()
    const cases: { low: bigint; high: bigint; to: Edge }[] = []
    this.need('[')
    for (;;) {
      if (this.take('default')) {
        this.need(':')
        const otherwise = this.edge()
        this.need(']')
        return { kind: 'switch', value, cases, otherwise, loc: this.place() }
      }
      const low = BigInt(this.expect('number'))
      const high = this.take('to') ? BigInt(this.expect('number')) : low
      this.need(':')
      cases.push({ low, high, to: this.edge() })
      this.need(',')
    }
  }
}

/** Reads a module; throws a `FormatError` (F0450) with the character offset of what it cannot read. */
export function readModule(text: string): ReadModule {
  return new Reader(text).read()
}
