/**
 * Statements of the forms that compilers look for: loads put together from bytes, ranges, clamps, rotations, loops that fill, copy or search,
 * pointers of which one of two is chosen. Each is a text of whole lines for the random program it is asked for.
 */
import { integers, type Scalar } from './c-types.js'
import type { Random } from './random.js'

/** An array of numbers in scope. */
export interface ArrayInScope {
  readonly name: string
  readonly type: Scalar
  readonly length: number
  readonly readonly: boolean
}

/** What an idiom may ask the program that it becomes part of. */
export interface Scope {
  readonly random: Random
  readonly features: { readonly signedDivision: boolean }
  /** In a function whose calls must change nothing. */
  readonly pure: boolean
  /** A C expression without side effects. */
  expression(budget: number): string
  /** Something that may be assigned to. */
  target(): string
  fresh(stem: string): string
  arrays(): readonly ArrayInScope[]
  /** Something of that type whose address may be taken. */
  addressed(bits: readonly number[]): { readonly text: string; readonly type: Scalar } | undefined
}

type Idiom = (scope: Scope) => string | undefined

const byteArray = (scope: Scope, length: number, write = false): ArrayInScope | undefined => {
  const fit = scope.arrays().filter(each => each.type.bits === 8 && each.length >= length && !(write && each.readonly))
  return fit.length ? scope.random.pick(fit) : undefined
}

const anyArray = (scope: Scope, write: boolean): ArrayInScope | undefined => {
  const fit = scope.arrays().filter(each => each.type.bits >= 8 && !(write && each.readonly))
  return fit.length ? scope.random.pick(fit) : undefined
}

/** Positions of the bytes of a number, in either order. */
function bytePlaces(scope: Scope, array: ArrayInScope, count: number): number[] {
  const start = scope.random.next(array.length - count + 1)
  const places = Array.from({ length: count }, (_, i) => start + i)
  return scope.random.chance(50) ? places.reverse() : places
}

const joinBytes: Idiom = scope => {
  const count = scope.random.pick([2, 3, 4, 8])
  const array = byteArray(scope, count)
  if (!array) return undefined
  const wide = count > 4 ? 'u64' : scope.random.pick(['u32', 'u64'])
  const bytes = bytePlaces(scope, array, count).map((at, i) => `(${wide})(u8)${array.name}[${at}] << ${8 * i}`)
  return `${scope.target()} = ${bytes.map(each => `(${each})`).join(scope.random.pick([' | ', ' | ', ' + ']))};`
}

const splitBytes: Idiom = scope => {
  const count = scope.random.pick([2, 4, 8])
  const array = byteArray(scope, count, true)
  if (!array) return undefined
  const value = scope.fresh('s')
  const stores = bytePlaces(scope, array, count).map((at, i) => `${array.name}[${at}] = ${value} >> ${8 * i};`)
  return `{ ${scope.random.pick(['u64', 'u32', 'i64'].slice(count > 4 ? 2 : 0))} ${value} = ${scope.expression(3)}; ${stores.join(' ')} }`
}

/** An access of a width that the place may not be aligned to. */
const unaligned: Idiom = scope => {
  const type = scope.random.pick(integers)
  const array = byteArray(scope, type.bits >> 3, true)
  if (!array) return undefined
  const at = scope.random.next(array.length - (type.bits >> 3) + 1)
  const place = `((struct { ${type.name} v; } __attribute__((packed)) *)(${array.name} + ${at}))->v`
  return scope.random.chance(50) ? `${place} = ${scope.expression(3)};` : `${scope.target()} = ${place};`
}

const clamp: Idiom = scope => {
  const { random } = scope
  const type = random.pick(integers).name
  const [x, y] = [scope.fresh('x'), scope.fresh('y')]
  const form = random.pick([
    `${x} < ${y} ? ${x} : ${y}`,
    `${x} > ${y} ? ${x} : ${y}`,
    `${x} < 0 ? -${x} : ${x}`,
    `${x} > 100 ? 100 : ${x} < 10 ? 10 : ${x}`,
    `(${x} > ${y}) - (${x} < ${y})`,
    `${x} == ${y} ? 0 : ${x} < ${y} ? -1 : 1`,
    `!!(${x} & ${y})`,
    `(${x} & 8) ? ${y} | 8 : ${y} & ~8`,
  ])
  return `{ ${type} ${x} = ${scope.expression(3)}, ${y} = ${scope.expression(3)}; ${scope.target()} = ${form}; }`
}

const range: Idiom = scope => {
  const { random } = scope
  const x = scope.fresh('x')
  const low = random.pick([0, 1, 10, 48, 97, -5, 200])
  const high = low + random.pick([1, 9, 25, 100])
  const test = random.pick([
    `${x} >= ${low} && ${x} <= ${high}`,
    `${x} < ${low} || ${x} > ${high}`,
    `${x} == ${low} || ${x} == ${low + 1} || ${x} == ${low + 2}`,
    `${x} - ${low} < 10u`,
    `${x} == ${low} || ${x} == ${high}`,
    `(u8)${x} > 9 && (u8)${x} != ${high & 255}`,
    `${x} != ${low} && ${x} != ${high} && ${x} != 3`,
  ])
  const outcome = random.chance(50)
    ? `${scope.target()} = ${test};`
    : `if (${test}) ${scope.target()} = ${scope.expression(2)}; else ${scope.target()} += 1;`
  return `{ ${random.pick(integers).name} ${x} = ${scope.expression(3)}; ${outcome} }`
}

const signs: Idiom = scope => {
  const { random } = scope
  const e = () => scope.expression(3)
  const form = random.pick([
    () => `(i64)((u64)(${e()}) << ${random.pick([32, 48, 56, 33, 1])}) >> ${random.pick([32, 48, 56, 33, 1])}`,
    () => `(i32)((u32)(${e()}) << ${random.pick([16, 24, 31, 5])}) >> ${random.pick([16, 24, 31, 5])}`,
    () => `(i32)(i8)(${e()})`,
    () => `(u64)(i32)(u16)(i8)(${e()})`,
    () => `(((${e()}) & 0xff) ^ 0x80) - 0x80`,
    () => `(i64)(i32)(${e()}) + (u32)(${e()})`,
    () => `(u32)(${e()}) * (u64)(u32)(${e()})`,
    () => `(i64)(i32)(${e()}) * (i32)(${e()}) >> 32`,
    () => `(u16)((u16)(${e()}) << 8 | (u16)(${e()}) >> 8)`,
    () => `((u64)(u32)(${e()}) << 32) | (u32)(${e()})`,
    () => `(u8)(${e()}) + (u8)(${e()}) > (u8)255`,
    () => `(i16)(u16)(${e()}) >> 15`,
    () => `(u32)(${e()}) >> 31 ? (i32)(${e()}) : (u8)(${e()})`,
  ])()
  return `${scope.target()} = ${form};`
}

const division: Idiom = scope => {
  const { random } = scope
  const type = random.pick(integers.filter(each => each.bits >= 32 && (!each.signed || scope.features.signedDivision))).name
  const x = scope.fresh('x')
  const by = random.pick([
    () => String(1 + random.next(65536)),
    () => String(1 << random.next(20)),
    () => `${2 + random.next(1_000_000_000)}`,
    () => '0x100000001ll',
    () => '1000000000ll',
    () => '0x7fffffff',
  ])()
  const divisor = `(${type})${by}`
  const y = scope.fresh('y')
  const forms = [
    `${x} / ${divisor}`,
    `${x} % ${divisor}`,
    `${x} / ${divisor} * ${divisor} + ${x} % ${divisor}`,
    `(${x} + ${divisor} - 1) / ${divisor}`,
    `${x} % ${divisor} == 0`,
  ]
  // What eBPF makes of a division by zero, said in C.
  if (type.startsWith('u')) forms.push(`${y} ? ${x} / ${y} : 0`, `${y} ? ${x} % ${y} : ${x}`, `${y} == 0 ? ${x} : ${x} % ${y}`)
  return `{ ${type} ${x} = ${scope.expression(3)}, ${y} = ${scope.expression(3)}; ${scope.target()} = ${random.pick(forms)}; }`
}

const arrayLoop: Idiom = scope => {
  const { random } = scope
  const to = anyArray(scope, true)
  if (!to) return undefined
  const from = random.pick(scope.arrays())
  const i = scope.fresh('at')
  const n = Math.min(to.length, from.length)
  const counter = random.pick(['int', 'u32', 'u64', 'u8', 'i64'])
  const head = (start: number, end: number) => `for (${counter} ${i} = ${start}; ${i} < ${end}; ${i}++)`
  const sum = scope.fresh('t')
  return random.pick([
    () => `${head(0, to.length)} ${to.name}[${i}] = ${random.pick(['0', '1', `(${scope.expression(2)}) & 1`, i])};`,
    () => `${head(0, n)} ${to.name}[${i}] = ${from.name}[${i}];`,
    () => `${head(0, n)} ${to.name}[${i}] = ${from.name}[${n - 1} - ${i}];`,
    () => `${head(1, to.length)} ${to.name}[${i}] ${random.pick(['+=', '^=', '='])} ${to.name}[${i} - 1];`,
    () => `{ u32 ${sum} = 0; ${head(0, n)} ${sum} = ${sum} * 33 + ${from.name}[${i}]; ${scope.target()} = ${sum}; }`,
    () => `{ u64 ${sum} = 0; ${head(0, n)} ${sum} += ${from.name}[${i}] ^ ${to.name}[${i}]; ${scope.target()} ^= ${sum}; }`,
    () =>
      `{ u32 ${sum} = 0; ${head(0, n)} { if (${from.name}[${i}] == ${to.name}[${i}]) break; ${sum}++; } ${scope.target()} = ${sum}; }`,
    () => `{ u32 ${sum} = 0; while (${sum} < ${n} && ${from.name}[${sum}]) ${sum}++; ${scope.target()} = ${sum}; }`,
    () =>
      `{ i32 ${sum} = -1; ${head(0, n)} if (${from.name}[${i}] == (u8)(${scope.expression(2)})) ${sum} = ${i}; ${scope.target()} = ${sum}; }`,
    () =>
      `${head(0, n)} { if (${from.name}[${i}] & 1) continue; ${to.name}[${i}] = ${to.name}[${n - 1} - ${i}]; if (${scope.expression(2)}) break; }`,
  ])()
}

const fold: Idiom = scope => {
  const array = byteArray(scope, 4)
  if (!array) return undefined
  const [sum, i] = [scope.fresh('t'), scope.fresh('at')]
  const word = `((struct { u16 v; } __attribute__((packed)) *)(${array.name} + ${i}))->v`
  return `{ u32 ${sum} = ${scope.expression(2)}; for (u32 ${i} = 0; ${i} + 2 <= ${array.length}; ${i} += 2) ${sum} += ${word}; ${sum} = (${sum} & 0xffff) + (${sum} >> 16); ${scope.target()} = (u16)~(${sum} + (${sum} >> 16)); }`
}

const chosenPointer: Idiom = scope => {
  const { random } = scope
  const bits = random.pick([8, 16, 32, 64])
  const one = scope.addressed([bits])
  const two = scope.addressed([bits])
  if (!one || !two || one.type.name !== two.type.name || /^[^.[]*volatile/.test(one.text)) return undefined
  const pointer = scope.fresh('z')
  return `{ ${one.type.name} *${pointer} = (${scope.expression(3)}) ? &${one.text} : &${two.text}; *${pointer} ${random.pick(['=', '+=', '^='])} ${scope.expression(3)}; ${scope.target()} = *${pointer}; }`
}

const chosenArray: Idiom = scope => {
  const { random } = scope
  const one = anyArray(scope, true)
  const two = anyArray(scope, true)
  if (!one || !two || one.type.name !== two.type.name) return undefined
  const pointer = scope.fresh('z')
  const mask = [8, 4, 2].find(each => each <= Math.min(one.length, two.length))
  if (!mask) return undefined
  const at = () => `${pointer}[(${scope.expression(3)}) & ${mask - 1}]`
  return `{ ${one.type.name} *${pointer} = (${scope.expression(3)}) ? ${one.name} : ${two.name}; ${at()} ${random.pick(['=', '+=', '-='])} ${scope.expression(2)}; ${scope.target()} = ${at()}; }`
}

const table: Idiom = scope => {
  const { random } = scope
  const name = scope.fresh('k')
  if (random.chance(30))
    return `${scope.target()} += "${random.pick(['abcdefg', 'x\\0y\\377z', '0123456'])}"[(${scope.expression(3)}) & ${random.pick([1, 3])}];`
  const type = random.pick(integers).name
  const values = Array.from({ length: 4 }, () => random.pick(['0', '1', '-1', '77', '0x1234', '200']))
  return `{ static const ${type} ${name}[4] = { ${values.join(', ')} }; ${scope.target()} = ${name}[(${scope.expression(3)}) & 3]; }`
}

const kept: Idiom = scope => {
  if (scope.pure) return undefined
  const name = scope.fresh('k')
  const type = scope.random.pick(integers).name
  return `{ static ${type} ${name}${scope.random.pick(['', ' = 5', ' = -1'])}; ${name} ${scope.random.pick(['+=', '^=', '='])} ${scope.expression(3)}; ${scope.target()} += ${name}; }`
}

const wide: Idiom = scope => {
  const { random } = scope
  const name = scope.fresh('w')
  const type = random.pick(['__int128', 'unsigned __int128'])
  const e = () => scope.expression(2)
  const steps = Array.from({ length: 1 + random.next(3) }, () =>
    random.pick([
      () => `${name} ${random.pick(['+=', '-=', '^=', '|=', '&=', '*='])} ${e()};`,
      () => `${name} ${random.pick(['<<=', '>>='])} (${e()}) & ${random.pick([127, 63, 7])};`,
      () => `${name} = -${name};`,
      () =>
        `if (${name} ${random.pick(['<', '>', '<=', '>=', '==', '!='])} (${type})(${e()})) ${name} += (${type})(${e()}) << 64;`,
      () => `${name}${random.pick(['++', '--'])};`,
      () => `${name} = ~${name} * (u64)(${e()});`,
    ])(),
  )
  return `{ ${type} ${name} = ((${type})(u64)(${e()}) << 64) | (u64)(${e()}); ${steps.join(' ')} ${scope.target()} = (u64)(${name} >> ${random.pick([0, 64, 32, 100])}) + (u64)${name}; }`
}

/** Every idiom; some stand more than once for being more likely. */
const idioms: readonly Idiom[] = [
  joinBytes,
  splitBytes,
  unaligned,
  unaligned,
  clamp,
  clamp,
  range,
  range,
  signs,
  signs,
  division,
  arrayLoop,
  arrayLoop,
  arrayLoop,
  fold,
  chosenPointer,
  chosenPointer,
  chosenArray,
  table,
  kept,
  wide,
]

/** One line, or undefined where the scope has not what the idiom needs. */
export function idiom(scope: Scope): string | undefined {
  return scope.random.pick(idioms)(scope)
}

/** Operations on a 32 or 64-bit place in memory that others may change at the same time. */
export function atomicStatement(scope: Scope, at: { readonly text: string; readonly type: Scalar }): string {
  const { random } = scope
  const e = () => scope.expression(3)
  const type = at.type.name
  const order = () =>
    random.pick(['__ATOMIC_RELAXED', '__ATOMIC_ACQUIRE', '__ATOMIC_RELEASE', '__ATOMIC_ACQ_REL', '__ATOMIC_SEQ_CST'])
  const name = () => random.pick(['add', 'sub', 'and', 'or', 'xor'])
  const old = (value: string) => `{ ${type} o = ${value}; ${scope.target()} ${random.pick(['=', '^=', '+='])} o; }`
  return random.pick([
    () => `__sync_fetch_and_${name()}(&${at.text}, ${e()});`,
    () => old(`__sync_fetch_and_${name()}(&${at.text}, ${e()})`),
    () => old(`__sync_${name()}_and_fetch(&${at.text}, ${e()})`),
    () => `__atomic_fetch_${name()}(&${at.text}, ${e()}, ${order()});`,
    () => old(`__atomic_fetch_${name()}(&${at.text}, ${e()}, ${order()})`),
    () => old(`__atomic_${name()}_fetch(&${at.text}, ${e()}, ${order()})`),
    () => old(`__sync_val_compare_and_swap(&${at.text}, ${e()}, ${e()})`),
    () => old(`__sync_val_compare_and_swap(&${at.text}, ${at.text}, ${e()})`),
    () => old(`__sync_bool_compare_and_swap(&${at.text}, ${random.chance(50) ? at.text : e()}, ${e()})`),
    () => old(`__sync_lock_test_and_set(&${at.text}, ${e()})`),
    () => old(`__atomic_exchange_n(&${at.text}, ${e()}, ${order()})`),
    () =>
      `{ ${type} x = ${random.chance(50) ? at.text : e()}; _Bool o = __atomic_compare_exchange_n(&${at.text}, &x, ${e()}, ${random.next(2)}, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED); ${scope.target()} += x + o; }`,
    () =>
      `{ ${type} x = ${random.chance(50) ? at.text : e()}, y = ${e()}; _Bool o = __atomic_compare_exchange(&${at.text}, &x, &y, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); ${scope.target()} ^= x * 2 + o; }`,
    () => `{ ${type} x = ${e()}, y; __atomic_exchange(&${at.text}, &x, &y, __ATOMIC_SEQ_CST); ${scope.target()} += y; }`,
    () => old(`__atomic_load_n(&${at.text}, ${random.pick(['__ATOMIC_RELAXED', '__ATOMIC_ACQUIRE', '__ATOMIC_SEQ_CST'])})`),
    () => `__atomic_store_n(&${at.text}, ${e()}, ${random.pick(['__ATOMIC_RELAXED', '__ATOMIC_RELEASE', '__ATOMIC_SEQ_CST'])});`,
    () => `{ _Atomic(${type}) o = ${at.text}; o ${random.pick(['+=', '-=', '|=', '&=', '^='])} ${e()}; ${scope.target()} = o; }`,
  ])()
}
