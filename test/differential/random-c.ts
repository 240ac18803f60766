/**
 * Random C without undefined behaviour that other compilers would use (wrapping arithmetic is meant: the reference is compiled with
 * -fwrapv -fno-strict-aliasing). One statement a line, blocks in braces of their own lines, so that a failing program can be reduced line
 * by line. Expressions have no side effects that anything outside of them sees, so the order of evaluation does not matter.
 */
import { type Aggregate, integers, type Leaf, randomAggregate, type Scalar, scalars, under } from './c-types.js'
import { type ArrayInScope, atomicStatement, idiom, type Scope } from './idioms.js'
import { Random } from './random.js'

export interface Features {
  /** `/` and `%` on signed operands: clang has them only for -mcpu=v4. */
  readonly signedDivision: boolean
  /** Atomics that give the old value: -mcpu=v3. */
  readonly atomics: boolean
}

/** An object in scope. `prefix` stands before a leaf's path: a name, or `p->` without the dot. */
interface Variable {
  readonly name: string
  readonly leaves: readonly Leaf[]
  readonly aggregate?: Aggregate
  /** A pointer: its leaves are those of what it points to. */
  readonly pointer?: boolean
  /** An array of numbers. */
  readonly array?: { readonly type: Scalar; readonly length: number }
  /** An array of records. */
  readonly records?: { readonly aggregate: Aggregate; readonly length: number }
  readonly readonly?: boolean
}

type Param =
  | Scalar
  | { readonly aggregate: Aggregate; readonly pointer: boolean }
  /** A pointer to the first of so many numbers. */
  | { readonly numbers: Scalar; readonly length: number }

interface Helper {
  readonly name: string
  readonly params: readonly Param[]
  readonly result: Scalar | Aggregate
  /** Changes what it points to, or globals: called only where a statement is nothing but the call. */
  readonly effects: boolean
}

const constants = [
  '0',
  '1',
  '2',
  '3',
  '5',
  '7',
  '8',
  '10',
  '16',
  '31',
  '32',
  '63',
  '64',
  '100',
  '127',
  '128',
  '255',
  '256',
  '1000',
  '32767',
  '32768',
  '65535',
  '65536',
  '-1',
  '-2',
  '-7',
  '-128',
  '-32768',
  '0x7fffffff',
  '(-0x7fffffff - 1)',
  '0x80000000u',
  '0xffffffffu',
  '0xfffffffeu',
  '0x100000000ll',
  '-5ll',
  '-0x80000000ll',
  '-0x80000001ll',
  '0x7fffffffffffffffll',
  '0x8000000000000000ull',
  '0xffffffffffffffffull',
  '0x123456789abcdefll',
  "'a'",
]

export class ProgramWriter implements Scope {
  readonly random: Random
  private depth = 0
  private names = 0
  /** How often the innermost statement runs. */
  private weight = 1
  private readonly globals: Variable[] = []
  private locals: Variable[] = []
  private readonly aggregates: Aggregate[] = []
  private readonly helpers: Helper[] = []
  private stack = 0
  /** In a helper without effects. */
  pure = false
  private readonly enums: Scalar[] = []
  /** A `return` of the function at hand; undefined where there is none to write. */
  private leave: (() => string) | undefined

  constructor(
    seed: number,
    private readonly id: string,
    readonly features: Features,
  ) {
    this.random = new Random(seed)
  }

  fresh(stem: string): string {
    return `${stem}${this.names++}`
  }

  /** The whole program; its entry is `test_ID(u64 a, u64 b)`. */
  write(): string {
    const { random, id } = this
    let text = ''
    for (let i = random.next(4); i > 0; i--) {
      const aggregate = randomAggregate(random, `struct T${id}_${this.aggregates.length}`, this.aggregates)
      const kind = aggregate.union ? 'union' : 'struct'
      const named: Aggregate = {
        ...aggregate,
        name: aggregate.name.replace('struct', kind),
        definition: aggregate.definition.replace('struct', kind),
      }
      this.aggregates.push(named)
      text += named.definition
    }
    if (random.chance(20)) text += this.enumeration()
    for (let i = random.next(3); i > 0; i--) text += this.global()
    for (let i = random.next(3); i > 0; i--) text += this.helper()
    text += this.test()
    return `${text}PROGRAM(${id})\n`
  }

  private enumeration(): string {
    const { random, id } = this
    const name = `enum E${id}`
    const signed = random.chance(50)
    this.enums.push({ name, bits: 32, signed })
    return `${name} { E${id}_a, E${id}_b${signed ? ' = -3' : ''}, E${id}_c = ${random.pick([5, 255, 70000])}, E${id}_d };\n`
  }

  /** A type for a variable. */
  private scalar(): Scalar {
    return this.enums.length && this.random.chance(10) ? this.random.pick(this.enums) : this.random.pick(scalars)
  }

  private global(): string {
    const { random, id } = this
    const name = `g${id}_${this.globals.length}`
    const storage = random.pick(['static ', '', 'static volatile ', 'static '])
    if (random.chance(20)) {
      const type = random.pick(integers)
      this.globals.push({ name, leaves: [this.element(type, 8)], array: { type, length: 8 }, readonly: true })
      return `static const ${type.name} ${name}[8] = { ${Array.from({ length: 8 }, () => random.pick(constants)).join(', ')} };\n`
    }
    if (this.aggregates.length && random.chance(45)) {
      const aggregate = random.pick(this.aggregates)
      if (random.chance(30)) {
        this.globals.push(this.recordArray(name, aggregate, 4))
        const value = `{ [1] = ${this.initializer(aggregate, true)}, ${this.initializer(aggregate, true)} }`
        return `${storage}${aggregate.name} ${name}[4]${aggregate.loose ? '' : ` = ${value}`};\n`
      }
      this.globals.push({ name, leaves: aggregate.leaves, aggregate: storage.includes('volatile') ? undefined : aggregate })
      return `${storage}${aggregate.name} ${name}${aggregate.loose ? '' : ` = ${this.initializer(aggregate, true)}`};\n`
    }
    if (random.chance(30)) {
      const type = random.pick(scalars)
      const length = random.pick([2, 4, 8])
      this.globals.push({
        name,
        leaves: [this.element(type, length)],
        array: storage.includes('volatile') ? undefined : { type, length },
      })
      return `${storage}${type.name} ${name}[${length}] = { ${random.pick(constants)}, [1] = ${random.pick(constants)} };\n`
    }
    const type = random.pick(scalars)
    this.globals.push({ name, leaves: [{ path: () => '', type, addressable: !storage.includes('volatile') }] })
    return `${storage}${type.name} ${name} = ${random.pick(constants)};\n`
  }

  /** A member of an array whose length is a power of two, by a constant or a masked index. */
  private element(type: Scalar, length: number): Leaf {
    return {
      path: random => (random.chance(50) ? `[${random.next(length)}]` : `[${this.index(length)}]`),
      type,
      addressable: true,
    }
  }

  /** An index that is no constant, and that a verifier knows the limits of, as it does not after `%`. */
  private index(length: number): string {
    return length & (length - 1) ? `((${this.expression(3)}) & 255) * ${length} >> 8` : `(${this.expression(3)}) & ${length - 1}`
  }

  private recordArray(name: string, aggregate: Aggregate, length: number): Variable {
    const at: Leaf['path'] = random => (random.chance(50) ? `[${random.next(length)}]` : `[${this.index(length)}]`)
    return { name, leaves: aggregate.leaves.map(leaf => under(at, leaf, true)), records: { aggregate, length } }
  }

  /** The declaration of an object, with values for members. */
  private record(indent: string, aggregate: Aggregate, name: string): string {
    if (!aggregate.loose) return `${indent}${aggregate.name} ${name} = ${this.initializer(aggregate, false)};\n`
    let text = `${indent}${aggregate.name} ${name};\n${indent}__builtin_memset(&${name}, 0, sizeof ${name});\n`
    for (const leaf of aggregate.leaves)
      if (this.random.chance(60)) text += `${indent}${name}${leaf.path(this.random)} = ${this.expression(3)};\n`
    return text
  }

  /** An initializer of some members; not for loose types. */
  private initializer(aggregate: Aggregate, constant: boolean): string {
    const { random } = this
    const parts: string[] = []
    const seen = new Set<string>()
    for (const leaf of aggregate.leaves) {
      const path = leaf.path(random)
      if (random.chance(25) || seen.has(path)) continue
      seen.add(path)
      parts.push(`${path} = ${constant ? random.pick(constants) : this.expression()}`)
    }
    return `{ ${parts.join(', ') || '0'} }`
  }

  private helper(): string {
    const { random, id } = this
    const name = `f${id}_${this.helpers.length}`
    const params: Param[] = []
    const effects = random.chance(40)
    /** Not static: verified on its own. */
    const own = random.chance(20)
    const small = this.aggregates.filter(each => each.size <= 16)
    for (let i = random.next(6); i > 0; i--) {
      if (effects && this.aggregates.length && random.chance(30))
        params.push({ aggregate: random.pick(this.aggregates), pointer: true })
      else if (!own && random.chance(12)) params.push({ numbers: random.pick(integers), length: random.pick([1, 2, 4, 4]) })
      else params.push(this.scalar())
    }
    if (!own && small.length && params.length < 4 && random.chance(25))
      params.unshift({ aggregate: random.pick(small), pointer: false })
    const returnsAggregate = !own && this.aggregates.length > 0 && random.chance(12)
    const inline = own
      ? '__attribute__((noinline)) '
      : returnsAggregate
        ? 'static inline __attribute__((always_inline)) '
        : random.pick([
            'static ',
            'static ',
            'static inline ',
            'static __attribute__((noinline)) ',
            'static __attribute__((noinline)) ',
            'static inline __attribute__((always_inline)) ',
          ])
    const result = returnsAggregate ? random.pick(this.aggregates) : this.scalar()
    const saved = { locals: this.locals, weight: this.weight }
    this.locals = []
    this.weight = 8
    let body = ''
    const list = params.map((param, i) => {
      if ('numbers' in param) {
        const { numbers: type, length } = param
        this.locals.push({
          name: `p${i}`,
          leaves: [this.element(type, length)],
          array: { type, length },
          readonly: !effects,
        })
        return `${effects ? '' : 'const '}${type.name} *p${i}`
      }
      if (!('aggregate' in param)) {
        this.locals.push({ name: `p${i}`, leaves: [{ path: () => '', type: param, addressable: true }] })
        return `${param.name} p${i}`
      }
      // The caller of a function that stands on its own may pass a null pointer, for all that a verifier knows.
      if (own) body += `  if (!p${i})\n    return 0;\n`
      this.locals.push(
        param.pointer
          ? { name: `p${i}`, leaves: param.aggregate.leaves, pointer: true }
          : { name: `p${i}`, leaves: param.aggregate.leaves, aggregate: param.aggregate },
      )
      return `${param.aggregate.name} ${param.pointer ? '*' : ''}p${i}`
    })
    const globals = this.globals.slice()
    if (!effects) for (let i = 0; i < this.globals.length; i++) this.globals[i] = { ...this.globals[i]!, readonly: true }
    this.pure = !effects
    this.leave = 'definition' in result ? undefined : () => `return ${this.expression(3)};`
    body += this.declareScalar('  ')
    for (let i = random.next(4); i > 0; i--) body += this.statement(1)
    if ('definition' in result) body += `${this.record('  ', result, 'r')}  return r;\n`
    else body += `  return ${this.expression()};\n`
    this.globals.splice(0, this.globals.length, ...globals)
    this.pure = false
    this.leave = undefined
    this.locals = saved.locals
    this.weight = saved.weight
    this.helpers.push({ name, params, result, effects })
    return `${inline}${result.name} ${name}(${list.join(', ') || 'void'})\n{\n${body}}\n`
  }

  private test(): string {
    const { random, id } = this
    this.locals = [
      { name: 'a', leaves: [{ path: () => '', type: integers[6]!, addressable: true }] },
      { name: 'b', leaves: [{ path: () => '', type: integers[6]!, addressable: true }] },
    ]
    let body = '  u64 h = 0;\n'
    for (let i = 1 + random.next(3); i > 0; i--) body += this.declareScalar('  ')
    this.leave = () => `return h + (${this.expression(3)});`
    for (let i = random.next(3); i > 0; i--) body += this.declare('  ')
    const first = this.locals.length
    for (let i = random.pick([1, 2, 2, 3, 4, 8]); i > 0; i--) body += this.statement(1)
    this.locals.length = first
    for (const variable of [...this.locals, ...this.globals]) {
      if (variable.pointer || variable.readonly) continue
      for (const leaf of variable.leaves) body += `  h = h * 31 + ${variable.name}${leaf.path(random)};\n`
    }
    return `static ${random.pick(['', '__attribute__((noinline)) '])}u64 test_${id}(u64 a, u64 b)\n{\n${body}  return h;\n}\n`
  }

  private declareScalar(indent: string): string {
    const { random } = this
    const name = this.fresh('v')
    const type = this.scalar()
    this.stack += 8
    const value = this.expression(3)
    const volatile = random.chance(6)
    this.locals.push({ name, leaves: [{ path: () => '', type, addressable: !volatile }] })
    return `${indent}${volatile ? 'volatile ' : ''}${type.name} ${name} = ${value};\n`
  }

  private declare(indent: string): string {
    const { random } = this
    const name = this.fresh('v')
    if (this.stack > 180) return ''
    const records = this.locals.filter(each => each.aggregate && !each.pointer)
    if (records.length && random.chance(25)) {
      const target = random.pick(records)
      this.locals.push({ name, leaves: target.aggregate!.leaves, pointer: true, aggregate: target.aggregate })
      return `${indent}${target.aggregate!.name} *${name} = &${target.name};\n`
    }
    if (this.aggregates.length && random.chance(60)) {
      const aggregate = random.pick(this.aggregates)
      const length = random.pick([2, 4])
      if (aggregate.size * length <= 80 && random.chance(30)) {
        this.stack += aggregate.size * length
        const value = `{ ${this.initializer(aggregate, false)}, [${length - 1}] = ${this.initializer(aggregate, false)} }`
        const start = aggregate.loose ? `;\n${indent}__builtin_memset(${name}, 0, sizeof ${name})` : ` = ${value}`
        this.locals.push(this.recordArray(name, aggregate, length))
        return `${indent}${aggregate.name} ${name}[${length}]${start};\n`
      }
      this.stack += aggregate.size
      const text = this.record(indent, aggregate, name)
      this.locals.push({ name, leaves: aggregate.leaves, aggregate })
      return text
    }
    const type = random.pick(random.chance(40) ? integers.slice(0, 2) : scalars)
    const length = random.pick(type.bits === 8 ? [3, 4, 7, 8, 13, 16, 24, 33] : [2, 3, 4])
    this.stack += type.bits === 8 ? length + 8 : length * 8
    const value = `{ ${this.expression(2)}, [${length - 1}] = ${this.expression(2)} }`
    this.locals.push({ name, leaves: [this.element(type, length)], array: { type, length } })
    return `${indent}${type.name} ${name}[${length}] = ${value};\n`
  }

  private reach(variable: Variable, leaf: Leaf): string {
    const path = leaf.path(this.random, length =>
      this.random.chance(40) ? this.index(length) : String(this.random.next(length)),
    )
    return variable.pointer ? `${variable.name}->${path.slice(1)}` : `${variable.name}${path}`
  }

  private variable(write: boolean): Variable {
    const { random } = this
    for (let tries = 0; tries < 5; tries++) {
      const list = this.globals.length && random.chance(25) ? this.globals : this.locals
      if (list.length === 0) continue
      const variable = random.pick(list)
      if (!write || !variable.readonly) return variable
    }
    return this.locals.find(each => !each.readonly) ?? this.locals[0]!
  }

  private place(write: boolean): { text: string; leaf: Leaf } {
    const variable = this.variable(write)
    const leaf = this.random.pick(variable.leaves)
    return { text: this.reach(variable, leaf), leaf }
  }

  target(): string {
    return this.place(true).text
  }

  arrays(): readonly ArrayInScope[] {
    return [...this.locals, ...this.globals].flatMap(({ name, array, readonly }) =>
      array ? [{ name, ...array, readonly: readonly === true }] : [],
    )
  }

  /** An lvalue whose address may be taken and whose type has one of the widths. */
  addressed(bits: readonly number[]): { text: string; type: Scalar } | undefined {
    for (let tries = 0; tries < 6; tries++) {
      const { text, leaf } = this.place(true)
      if (leaf.addressable && bits.includes(leaf.type.bits)) return { text, type: leaf.type }
    }
    return undefined
  }

  expression(budget = 4): string {
    const { random } = this
    if (this.depth >= budget || this.locals.length === 0)
      return random.chance(50) || this.locals.length === 0 ? random.pick(constants) : this.place(false).text
    this.depth++
    try {
      return this.compound(budget)
    } finally {
      this.depth--
    }
  }

  private compound(budget: number): string {
    const { random } = this
    const e = () => this.expression(budget)
    const integer = () => random.pick(integers).name
    switch (random.next(30)) {
      case 0:
      case 1:
        return random.pick(constants)
      case 2:
      case 3:
      case 4:
      case 5:
        return this.place(false).text
      case 6:
      case 7:
      case 8:
        return `((${e()}) ${random.pick(['+', '-', '*'])} (${e()}))`
      case 9:
      case 10:
        return `((${e()}) ${random.pick(['&', '|', '^'])} (${e()}))`
      case 11:
      case 12: {
        const type = random.pick(integers)
        const width = Math.max(32, type.bits)
        const count = random.chance(50) ? String(random.next(width)) : `((${e()}) & ${width - 1})`
        return `((${type.name})(${e()}) ${random.pick(['<<', '>>'])} ${count})`
      }
      case 13:
      case 14:
        return `((${e()}) ${random.pick(['<', '>', '<=', '>=', '==', '!='])} (${e()}))`
      case 15:
        return `((${e()}) ${random.pick(['&&', '||'])} (${e()}))`
      case 16:
        return `((${e()}) ? (${e()}) : (${e()}))`
      case 17:
      case 18:
        return `((${random.pick(scalars).name})(${e()}))`
      case 19:
        return `(${random.pick(['-', '~', '!'])}(${e()}))`
      case 20: {
        const type = random.pick(integers.filter(each => !each.signed))
        const by = random.chance(50)
          ? random.pick(['3', '7', '8', '10', '100', '255', '1000', '4096', '1'])
          : `((${type.name})(${e()}) | 1)`
        // Narrow types would be divided as int, with a sign.
        const wide = type.bits < 32 ? 'u32' : type.name
        return `((${wide})(${e()}) ${random.pick(['/', '%'])} (${wide})${by})`
      }
      case 21: {
        if (!this.features.signedDivision) return e()
        const type = random.pick(['i32', 'i64'])
        if (random.chance(50))
          return `((${type})(${e()}) ${random.pick(['/', '%'])} ${random.pick(['3', '-3', '7', '-7', '8', '-8', '10', '64', '1000', '2', '-2'])})`
        return `((${type})(${e()}) ${random.pick(['/', '%'])} ((${type})((${e()}) & 1023) + 1))`
      }
      case 22: {
        const pure = this.helpers.filter(each => !each.effects && !('definition' in each.result))
        return pure.length ? this.call(random.pick(pure), budget) : e()
      }
      case 23:
        return random.pick([
          () => `__builtin_bswap16(${e()})`,
          () => `__builtin_bswap32(${e()})`,
          () => `__builtin_bswap64(${e()})`,
          () => `__builtin_popcount(${e()})`,
          () => `__builtin_popcountll(${e()})`,
          () => `__builtin_clz((u32)(${e()}) | 1)`,
          () => `__builtin_clzll((${e()}) | 1)`,
          () => `__builtin_ctz((${e()}) | 0x80000000u)`,
          () => `__builtin_ctzll((${e()}) | 0x8000000000000000ull)`,
          () => `__builtin_ffs(${e()})`,
          () => `__builtin_ffsll(${e()})`,
          () => `__builtin_parity(${e()})`,
        ])()
      case 24: {
        const name = this.fresh('q')
        const type = random.chance(30) ? `__typeof__((${e()}) + 0)` : integer()
        const value = e()
        this.locals.push({ name, leaves: [{ path: () => '', type: integers[5]!, addressable: false }], readonly: true })
        const after = e()
        this.locals.pop()
        return `({ ${type} ${name} = ${value}; ${random.chance(50) ? `${name} ${random.pick(['+=', '^=', '*=', '>>='])} 3; ` : ''}${after}; })`
      }
      case 25:
        return `_Generic((${e()}), int: 1, unsigned: 2, long: 3, unsigned long: 4, long long: 5, unsigned long long: 6, default: 7)`
      case 26:
        return random.pick([
          () => `sizeof((${e()}) + 0)`,
          () => `__builtin_expect(${e()}, ${random.next(2)})`,
          () => `(${e()}, ${e()})`,
          () => `((${e()}) ?: (${e()}))`,
        ])()
      case 27: {
        const records = this.locals.filter(each => each.aggregate?.solid && !each.pointer)
        const [one, two] = [records[0], records.at(-1)]
        if (!one || !two || one.aggregate !== two.aggregate) return e()
        return `(__builtin_memcmp(&${one.name}, &${two.name}, sizeof ${one.name}) ${random.pick(['==', '!=', '<', '>'])} 0)`
      }
      case 28: {
        const type = random.pick(integers)
        return `(((${type.name})(${e()}) << ${1 + random.next(Math.max(32, type.bits) - 1)}) | ((${type.name})(${e()}) >> ${random.next(type.bits)}))`
      }
      default:
        return this.place(false).text
    }
  }

  private call(helper: Helper, budget = 4): string {
    const { random } = this
    const args = helper.params.map(param => {
      if ('numbers' in param) {
        const fit = this.locals.filter(
          each =>
            each.array?.type.name === param.numbers.name &&
            each.array.length >= param.length &&
            !(helper.effects && each.readonly),
        )
        if (fit.length) return random.pick(fit).name
        const single = param.length === 1 ? this.addressed([param.numbers.bits]) : undefined
        return single?.type.name === param.numbers.name ? `&${single.text}` : undefined
      }
      if (!('aggregate' in param)) return this.expression(budget)
      const fit = this.locals.filter(each => each.aggregate === param.aggregate)
      if (param.pointer) {
        if (!fit.length) return undefined
        const variable = random.pick(fit)
        return variable.pointer ? variable.name : `&${variable.name}`
      }
      const values = fit.filter(each => !each.pointer)
      if (param.aggregate.loose && !values.length) return undefined
      return values.length ? random.pick(values).name : `(${param.aggregate.name})${this.initializer(param.aggregate, false)}`
    })
    if (args.includes(undefined)) return '1'
    return `${helper.name}(${args.join(', ')})`
  }

  private block(level: number, count = 1 + this.random.next(2)): string {
    const { length } = this.locals
    let text = ''
    for (let i = 0; i < count; i++) text += this.statement(level)
    this.locals.length = length
    return text
  }

  private statement(level: number): string {
    const { random } = this
    const indent = '  '.repeat(level)
    const kind = random.next(level > 2 ? 20 : 34)
    switch (kind) {
      case 0:
      case 1:
      case 2:
      case 3:
        return `${indent}${this.place(true).text} = ${this.expression()};\n`
      case 4:
      case 5:
      case 6:
        return `${indent}${this.place(true).text} ${random.pick(['+=', '-=', '^=', '|=', '&=', '*='])} ${this.expression()};\n`
      case 7: {
        const { text, leaf } = this.place(true)
        if (leaf.type.bits === 1) return `${indent}${text} = ${this.expression()};\n`
        return `${indent}${text} ${random.pick(['<<=', '>>='])} (${this.expression()}) & ${random.chance(50) ? 7 : Math.min(31, leaf.type.bits - 1)};\n`
      }
      case 8: {
        const { text } = this.place(true)
        return `${indent}${random.chance(50) ? `${random.pick(['++', '--'])}${text}` : `${text}${random.pick(['++', '--'])}`};\n`
      }
      case 9:
        return this.copy(indent)
      case 10:
        return this.memory(indent)
      case 11:
        return this.overflow(indent)
      case 12:
        return this.atomic(indent)
      case 13: {
        const callable = this.helpers.filter(each => !('definition' in each.result) && !(this.pure && each.effects))
        if (!callable.length) return `${indent}${this.place(true).text} = ${this.expression()};\n`
        return `${indent}${this.locals[0]!.name === 'a' ? 'h ^= ' : '(void)'}${this.call(random.pick(callable))};\n`
      }
      case 14: {
        const { text } = this.place(true)
        const name = this.fresh('e')
        return `${indent}{ __auto_type ${name} = (${this.expression()}) + 0; ${text} = ${name}; }\n`
      }
      case 15:
        return `${indent}${this.place(true).text} = ${random.chance(60) ? `(${random.pick(scalars).name})` : ''}(${this.place(false).text});\n`
      case 16:
      case 17:
      case 18:
        return `${indent}${idiom(this) ?? `${this.target()} = ${this.expression()};`}\n`
      case 19:
        if (!this.leave || random.chance(50)) return `${indent}${this.place(true).text} = ${this.expression()};\n`
        return `${indent}if (${this.expression(3)})\n${indent}  ${this.leave()}\n`
      case 20:
      case 21:
      case 22: {
        const condition = this.expression()
        const then = this.block(level + 1)
        const otherwise = random.chance(50) ? `${indent}else {\n${this.block(level + 1)}${indent}}\n` : ''
        return `${indent}if (${condition}) {\n${then}${indent}}\n${otherwise}`
      }
      case 23:
      case 24:
      case 25:
        return this.loop(level)
      case 26:
      case 27:
        return this.switch(level)
      case 28: {
        const label = this.fresh('l')
        return `${indent}if (${this.expression()})\n${indent}  goto ${label}_${this.id};\n${this.block(level)}${indent}${label}_${this.id}:;\n`
      }
      case 29: {
        const { length } = this.locals
        const text = `${indent}{\n${this.declareScalar(`${indent}  `)}${this.block(level + 1)}${indent}}\n`
        this.locals.length = length
        return text
      }
      case 30:
        return this.walk(indent)
      case 31:
      case 32:
        return `${indent}${idiom(this) ?? `${this.target()} = ${this.expression()};`}\n`
      default:
        return level === 1
          ? this.declare(indent) || `${indent};\n`
          : `${indent}${this.place(true).text} = ${this.expression()};\n`
    }
  }

  private copy(indent: string): string {
    const { random } = this
    const records = [...this.locals, ...this.globals].filter(each => each.aggregate && !each.readonly)
    if (!records.length) return `${indent}${this.place(true).text} = ${this.expression()};\n`
    const to = random.pick(records)
    const target = to.pointer ? `*${to.name}` : to.name
    const makers = this.helpers.filter(each => each.result === to.aggregate && !(this.pure && each.effects))
    if (makers.length && random.chance(60)) {
      const call = this.call(random.pick(makers))
      if (call.endsWith(')')) return `${indent}${target} = ${call};\n`
    }
    const rows = [...this.locals, ...this.globals].filter(each => each.records?.aggregate === to.aggregate)
    if (rows.length && random.chance(40)) {
      const row = random.pick(rows)
      const element = `${row.name}[${this.index(row.records!.length)}]`
      return random.chance(50) && !row.readonly ? `${indent}${element} = ${target};\n` : `${indent}${target} = ${element};\n`
    }
    const same = records.filter(each => each.aggregate === to.aggregate)
    const from = random.pick(same)
    if (random.chance(12)) {
      const other = random.pick(same)
      const value = (each: Variable) => `${each.pointer ? '*' : ''}${each.name}`
      return `${indent}${target} = (${this.expression(3)}) ? ${value(from)} : ${value(other)};\n`
    }
    switch (random.next(4)) {
      case 0:
        if (to.aggregate!.loose) return `${indent}${target} = ${from.pointer ? '*' : ''}${from.name};\n`
        return `${indent}${target} = (${to.aggregate!.name})${this.initializer(to.aggregate!, false)};\n`
      case 1:
        if (to.pointer) {
          const local = this.locals.filter(each => each.aggregate === to.aggregate && !each.pointer)
          if (local.length) return `${indent}${to.name} = &${random.pick(local).name};\n`
        }
        return `${indent}__builtin_memmove(&${target}, &${from.pointer ? '*' : ''}${from.name}, sizeof(${to.aggregate!.name}));\n`
      case 2:
        // Bytes other than 0 and 1 are no value of a _Bool.
        return `${indent}__builtin_memset(&${target}, ${random.pick([0, 0, 1])}, sizeof(${to.aggregate!.name}));\n`
      default:
        return `${indent}${target} = ${from.pointer ? '*' : ''}${from.name};\n`
    }
  }

  /** The memory builtins on arrays of bytes. */
  private memory(indent: string): string {
    const { random } = this
    const arrays = this.locals.filter(each => each.array?.type.bits === 8 && !each.readonly)
    if (!arrays.length) return this.copy(indent)
    const one = random.pick(arrays)
    const two = random.pick(arrays)
    const length = Math.min(one.array!.length, two.array!.length)
    const count = 1 + random.next(length)
    const [x, y] = [random.next(length - count + 1), random.next(length - count + 1)]
    switch (random.next(5)) {
      case 0:
        return `${indent}__builtin_memset(${one.name} + ${x}, ${this.expression(2)}, ${count});\n`
      case 1:
        // Two parameters may point to the same bytes.
        if (one !== two && !/^p/.test(one.name + two.name))
          return `${indent}__builtin_memcpy(${one.name} + ${x}, ${two.name} + ${y}, ${count});\n`
        return `${indent}__builtin_memmove(${one.name} + ${x}, ${two.name} + ${y}, ${count});\n`
      case 2:
        return `${indent}__builtin_memmove(${one.name} + ${x}, ${two.name} + ${y}, ${count});\n`
      default: {
        const sign = random.pick(['== 0', '!= 0', '< 0', '> 0', '<= 0'])
        return `${indent}${this.place(true).text} += __builtin_memcmp(${one.name} + ${x}, ${two.name} + ${y}, ${count}) ${sign};\n`
      }
    }
  }

  private overflow(indent: string): string {
    const { random } = this
    const to = this.addressed([8, 16, 32, 64])
    if (!to) return `${indent}${this.place(true).text} = ${this.expression()};\n`
    const operation = random.pick(['add', 'sub', 'mul'])
    const operand = () => `(${random.pick(integers).name})(${this.expression(4)})`
    return `${indent}if (__builtin_${operation}_overflow(${operand()}, ${operand()}, &${to.text}))\n${indent}  ${this.place(true).text} += 3;\n`
  }

  private atomic(indent: string): string {
    const at = this.addressed([32, 64])
    if (!at) return `${indent}${this.place(true).text} = ${this.expression()};\n`
    if (!this.features.atomics) return `${indent}__sync_fetch_and_add(&${at.text}, ${this.expression(3)});\n`
    return `${indent}${atomicStatement(this, at)}\n`
  }

  /** A pointer that goes over an array. */
  private walk(indent: string): string {
    const { random } = this
    const arrays = this.locals.filter(each => each.array?.type.bits === 8)
    if (!arrays.length || this.weight > 32) return `${indent}${this.place(true).text} = ${this.expression()};\n`
    const array = random.pick(arrays)
    const name = this.fresh('w')
    const { text } = this.place(true)
    return `${indent}for (__typeof__(&${array.name}[0]) ${name} = ${array.name}; ${name} < ${array.name} + ${array.array!.length}; ${name}++)\n${indent}  ${text} ${random.pick(['+=', '^=', '='])} *${name};\n`
  }

  private loop(level: number): string {
    const { random } = this
    const indent = '  '.repeat(level)
    if (this.weight > 64) return `${indent}${this.place(true).text} = ${this.expression()};\n`
    const count = 1 + random.next(8)
    const outer = this.weight
    this.weight *= count
    const name = this.fresh('n')
    const type = random.pick(['int', 'u32', 'u8', 'u64', 'i64', 'i16'])
    const { length } = this.locals
    this.locals.push({ name, leaves: [{ path: () => '', type: integers[5]!, addressable: false }], readonly: true })
    let body = this.block(level + 1)
    if (random.chance(35)) body += `${indent}  if (${this.expression(3)})\n${indent}    ${random.pick(['break', 'continue'])};\n`
    this.locals.length = length
    this.weight = outer
    const pragma = random.pick([
      '',
      '',
      '',
      `${indent}#pragma unroll\n`,
      `${indent}#pragma clang loop unroll(disable)\n`,
      `${indent}#pragma clang loop unroll_count(2)\n`,
    ])
    switch (random.next(5)) {
      case 0:
        return `${pragma}${indent}for (${type} ${name} = 0; ${name} < ((${this.expression(2)}) & 7); ${name}++) {\n${body}${indent}}\n`
      case 1: {
        const rest = body.replace(/^\s*continue;\n/m, `${indent}    ;\n`)
        return `${indent}{\n${indent}  ${type} ${name} = ${count};\n${indent}  while (${name}-- > 0) {\n${rest}${indent}  }\n${indent}}\n`
      }
      case 2:
        return `${indent}{\n${indent}  int ${name} = ${count};\n${indent}  do {\n${body}${indent}  } while (--${name} > 0);\n${indent}}\n`
      case 3:
        return `${pragma}${indent}for (int ${name} = ${count}; ${name} >= 0; ${name} -= ${1 + random.next(3)}) {\n${body}${indent}}\n`
      default:
        return `${pragma}${indent}for (${type} ${name} = 0; ${name} < ${count}; ${name}++) {\n${body}${indent}}\n`
    }
  }

  /** Many cases of which each does little: a table, a bit set or a tree for a compiler. */
  private denseSwitch(indent: string): string {
    const { random } = this
    const first = random.pick([0, 0, 1, 5, -3, 250, 65530])
    const step = random.pick([1, 1, 1, 2, 3])
    const count = 6 + random.next(12)
    const { text } = this.place(true)
    const same = random.chance(30)
    const linear = random.chance(25)
    const cases = Array.from({ length: count }, (_, i) => {
      const value = linear ? String(i * 3 + 7) : random.pick(constants)
      const end = random.chance(same ? 70 : 8) ? '' : ` ${text} = ${value}; break;`
      return `${indent}case ${first + i * step}:${end}\n`
    })
    const last = random.chance(60) ? `${indent}default: ${text} ${random.pick(['=', '+='])} 3; break;\n` : `${indent}  ;\n`
    const subject = random.chance(50)
      ? `((${this.expression(3)}) & 31) + ${first}`
      : `(${this.scalar().name})(${this.expression(3)})`
    return `${indent}switch (${subject}) {\n${cases.join('')}${last}${indent}}\n`
  }

  private switch(level: number): string {
    const { random } = this
    const indent = '  '.repeat(level)
    if (random.chance(25)) return this.denseSwitch(indent)
    const subject = random.chance(60)
      ? `(${this.expression(3)}) & ${random.pick([3, 7, 15])}`
      : random.chance(50)
        ? `(${random.pick(integers).name})(${this.expression(3)})`
        : this.expression(3)
    const values = random.chance(70) ? [0, 1, 2, 3, 4, 5, 6, 7, 9, 12] : [-1, 0, 1, 127, 128, 255, 256, 65535, 65536, 1000000]
    const used: string[] = []
    let rest = values.slice()
    const fallback = random.next(6)
    for (let i = 0; i < 5; i++) {
      if (i === fallback) used.push('default:')
      else if (rest.length > 2 && random.chance(75)) {
        const at = random.next(Math.min(3, rest.length))
        const low = rest[at]!
        const upTo = rest[at + 1]
        if (upTo !== undefined && random.chance(30)) {
          used.push(`case ${low} ... ${upTo}:`)
          rest = rest.slice(at + 2)
        } else {
          used.push(`case ${low}:`)
          rest = rest.slice(at + 1)
        }
      }
    }
    if (!used.length) used.push('default:')
    const arms = used.map(
      label => `${indent}${label}\n${this.block(level + 1, 1)}${random.chance(75) ? `${indent}  break;\n` : `${indent}  ;\n`}`,
    )
    return `${indent}switch (${subject}) {\n${arms.join('')}${indent}}\n`
  }
}
