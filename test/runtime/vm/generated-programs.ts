/**
 * Random programs of traffic control, written as instructions: all operations of 32 and 64 bits, all jumps, loads and stores of every size, atomics,
 * byte swaps and sign extensions of -mcpu=v4, counted loops and may_goto, subprograms large and small, packets, and eight maps. The same random numbers give the same program. Mostly what a verifier accepts.
 */
import { mapDef } from '../../../linker/object/bpf-object.js'
import { MapType } from '../../../runtime/vm/maps/map.js'

export const VALUE_SIZE = 64

/** Helpers go by the maps' names. */
export const generatedMaps = [
  mapDef({ name: 'array', type: MapType.ARRAY, keySize: 4, valueSize: VALUE_SIZE, maxEntries: 4 }),
  mapDef({ name: 'percpu_array', type: MapType.PERCPU_ARRAY, keySize: 4, valueSize: VALUE_SIZE, maxEntries: 4 }),
  mapDef({ name: 'hash', type: MapType.HASH, keySize: 4, valueSize: VALUE_SIZE, maxEntries: 5 }),
  mapDef({ name: 'wide', type: MapType.HASH, keySize: 12, valueSize: 12, maxEntries: 8 }),
  mapDef({ name: 'odd', type: MapType.HASH, keySize: 3, valueSize: 8, maxEntries: 8 }),
  mapDef({ name: 'percpu_hash', type: MapType.PERCPU_HASH, keySize: 8, valueSize: 16, maxEntries: 6 }),
  mapDef({ name: 'lru', type: MapType.LRU_HASH, keySize: 4, valueSize: 8, maxEntries: 4 }),
  mapDef({ name: 'queue', type: MapType.QUEUE, keySize: 0, valueSize: 8, maxEntries: 4 }),
]

const CONSTANTS = [
  0, 1, 2, 3, 7, 8, 15, 31, 32, 33, 63, 64, 127, 128, 255, 256, 65535, 65536, 0x7fffffff, -1, -2, -8, -128, -32768, -0x80000000,
]
const BINARY = ['+=', '-=', '*=', '/=', '%=', 's/=', 's%=', '|=', '&=', '^=', '<<=', '>>=', 's>>=', '=']
const COMPARE = ['==', '!=', '>', '>=', '<', '<=', '&', 's>', 's>=', 's<', 's<=']
/** Slots of the stack that hold numbers; below them lie keys, values and loop counters. */
const SLOTS = 12
const SUBPROGRAMS = 4
const KEY = -112
const VALUE = -184
const COUNTERS = -216

export class ProgramText {
  private readonly lines: string[] = []
  private label = 0
  /** Loops that the code being written is in. */
  private loops = 0
  /** Whether registers 6 (context) and 7 (a value of `array`) are there. */
  private main = true
  private readonly called = new Set<number>()
  /** The subprogram being written, 0 for the program itself. */
  private running = 0

  constructor(private readonly random: () => number) {}

  private below(limit: number): number {
    return this.random() % limit
  }

  private pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }

  private constant(): number {
    return this.below(3) ? this.pick(CONSTANTS) : this.random() >> this.below(32)
  }

  private line(...lines: readonly string[]): void {
    this.lines.push(...lines)
  }

  private name(): string {
    return `l${this.label++}`
  }

  /** A register that holds a number. */
  private number(): number {
    return this.pick(this.main ? [0, 1, 2, 3, 4, 5, 8] : [0, 1, 2, 3, 4, 5, 6, 7, 8])
  }

  private slot(): number {
    return -8 * (1 + this.below(SLOTS))
  }

  make(): string {
    this.line('r6 = r1')
    this.clearStack()
    this.line(`*(u32 *)(r10 + ${KEY}) = ${this.below(4)}`, 'r1 = array ll', 'r2 = r10', `r2 += ${KEY}`, 'call 1')
    this.line('if r0 != 0 goto +2', 'r0 = 0', 'exit', 'r7 = r0')
    this.line(`r8 = *(u32 *)(r6 + ${this.pick([8, 32])})`)
    this.refill([0, 1, 2, 3, 4, 5])
    for (let left = 4 + this.below(14); left > 0; left--) this.statement(0)
    for (const register of [1, 2, 3, 4, 5, 8]) this.line('r0 *= 31', `r0 += r${register}`)
    for (let slot = 1; slot <= SLOTS; slot += 3) this.line('r0 *= 31', `r1 = *(u64 *)(r10 - ${8 * slot})`, 'r0 += r1')
    this.line('exit')
    for (let index = 1; index <= SUBPROGRAMS; index++) if (this.called.has(index)) this.subprogram(index)
    return this.lines.join('\n')
  }

  private clearStack(): void {
    for (let slot = 1; slot <= SLOTS; slot++) this.line(`*(u64 *)(r10 - ${8 * slot}) = ${this.constant()}`)
    for (let at = KEY + 8; at >= COUNTERS; at -= 8) this.line(`*(u64 *)(r10 + ${at}) = 0`)
  }

  /** Numbers for registers that hold none any more. */
  private refill(registers: readonly number[]): void {
    for (const register of registers)
      switch (this.below(4)) {
        case 0:
          this.line(`r${register} = ${this.constant()}`)
          break
        case 1:
          this.line(`r${register} = *(${this.pick(['u8', 'u16', 'u32', 'u64', 's8', 's16', 's32'])} *)(r10 + ${this.slot()})`)
          break
        case 2:
          if (this.main) this.line(`r${register} = *(u64 *)(r7 + ${8 * this.below(8)})`)
          else this.line(`r${register} = r8`)
          break
        default:
          this.line(
            `r${register} = 0x${(this.random() >>> 0).toString(16)}${(this.random() >>> 0).toString(16).padStart(8, '0')} ll`,
          )
      }
  }

  private statement(depth: number): void {
    switch (this.below(this.main ? 17 : 12)) {
      case 0:
      case 1:
      case 2:
        for (let left = 1 + this.below(5); left > 0; left--) this.arithmetic()
        return
      case 3:
        this.line(
          `*(u${this.pick([8, 16, 32, 64])} *)(r10 + ${this.slot()}) = ${this.below(2) ? `r${this.number()}` : this.constant()}`,
        )
        return
      case 4:
        this.line(`r${this.number()} = *(${this.pick(['u8', 'u16', 'u32', 'u64', 's8', 's16', 's32'])} *)(r10 + ${this.slot()})`)
        return
      case 5:
        this.atomic(`r10 ${this.slot()}`.replace(' -', ' - '))
        return
      case 6:
      case 7:
        if (depth < 3) this.branch(depth)
        return
      case 8:
        if (depth < 2 && this.loops < 2) this.loop(depth)
        return
      case 9:
        this.variableSlot()
        return
      case 10:
        this.call()
        return
      case 11:
        this.line(`r0 = ${this.constant()}`, `call ${this.pick([5, 7, 8, 125])}`)
        this.refill([1, 2, 3, 4, 5])
        return
      case 12:
        this.atomic(`r7 + ${8 * this.below(8)}`)
        return
      case 13:
        this.variableValue()
        return
      case 14:
      case 15:
        this.map()
        return
      default:
        this.packet()
    }
  }

  private arithmetic(): void {
    const wide = this.below(2) === 0
    const letter = wide ? 'r' : 'w'
    const target = this.number()
    switch (this.below(8)) {
      case 0:
        this.line(`${letter}${target} = -${letter}${target}`)
        return
      case 1:
        this.line(`r${target} = ${this.pick(['be', 'le', 'bswap'])}${this.pick([16, 32, 64])} r${target}`)
        return
      case 2:
        this.line(`${letter}${target} = (s${this.pick(wide ? [8, 16, 32] : [8, 16])})${letter}${this.number()}`)
        return
      default: {
        const operation = this.pick(BINARY)
        const shift = operation.endsWith('<<=') || operation.endsWith('>>=')
        const divides = /[/%]/.test(operation)
        if (this.below(2)) this.line(`${letter}${target} ${operation} ${letter}${this.number()}`)
        else
          this.line(
            `${letter}${target} ${operation} ${shift ? this.below(wide ? 64 : 32) : this.constant() || (divides ? 3 : 0)}`,
          )
      }
    }
  }

  private atomic(at: string): void {
    const wide = this.below(2) === 0
    const letter = wide ? 'r' : 'w'
    const bits = wide ? 64 : 32
    const register = this.number()
    this.line(
      this.pick([
        `lock *(u${bits} *)(${at}) ${this.pick(['+=', '|=', '&=', '^='])} ${letter}${register}`,
        `${letter}${register} = atomic_fetch_${this.pick(['add', 'or', 'and', 'xor'])}((u${bits} *)(${at}), ${letter}${register})`,
        wide ? `r${register} = xchg_64(${at}, r${register})` : `w${register} = xchg32_32(${at}, w${register})`,
        wide ? `r0 = cmpxchg_64(${at}, r0, r${register})` : `w0 = cmpxchg32_32(${at}, w0, w${register})`,
        `${letter}${register} = load_acquire((u${bits} *)(${at}))`,
        `store_release((u${bits} *)(${at}), ${letter}${register})`,
      ]),
    )
  }

  private branch(depth: number): void {
    const wide = this.below(2) === 0
    const letter = wide ? 'r' : 'w'
    const otherwise = this.name()
    const operand = this.below(2) ? `${letter}${this.number()}` : this.constant()
    this.line(`if ${letter}${this.number()} ${this.pick(COMPARE)} ${operand} goto ${otherwise}`)
    for (let left = this.below(4); left >= 0; left--) this.statement(depth + 1)
    if (this.below(3)) {
      this.line(`${otherwise}:`)
      return
    }
    const end = this.name()
    this.line(`${this.pick(['goto', 'gotol'])} ${end}`, `${otherwise}:`)
    for (let left = this.below(3); left >= 0; left--) this.statement(depth + 1)
    this.line(`${end}:`)
  }

  /** Counts on the stack, in register 9, or by may_goto. */
  private loop(depth: number): void {
    const head = this.name()
    const end = this.name()
    const body = () => {
      this.loops++
      for (let left = this.below(3); left >= 0; left--) this.statement(depth + 1)
      this.loops--
    }
    if (this.loops > 0 || this.below(3) === 0) {
      const counter = `*(u64 *)(r10 + ${COUNTERS + 8 * this.loops})`
      const register = this.pick([0, 1, 2])
      this.line(`${counter} = ${1 + this.below(4)}`, `${head}:`)
      body()
      this.line(
        `r${register} = ${counter}`,
        `r${register} += -1`,
        `${counter} = r${register}`,
        `if r${register} s> 0 goto ${head}`,
      )
      return
    }
    this.line(`r9 = ${this.below(6)}`, `${head}:`)
    if (this.below(4) === 0) this.line(`may_goto ${end}`)
    this.line(`if r9 s<= 0 goto ${end}`)
    body()
    this.line('r9 += -1', `goto ${head}`, `${end}:`, 'r9 = 0')
  }

  /** A slot of the stack at a variable offset. */
  private variableSlot(): void {
    const index = this.number()
    const pointer = index === 5 ? 4 : 5
    this.line(
      `r${index} &= ${this.pick([0x38, 0x18, 8])}`,
      `r${pointer} = r10`,
      `r${pointer} += ${-8 * SLOTS}`,
      `r${pointer} += r${index}`,
    )
    this.access(`r${pointer} + 0`, index)
    this.refill([pointer])
  }

  private access(at: string, other: number): void {
    const size = this.pick([8, 16, 32, 64])
    if (this.below(2)) this.line(`*(u${size} *)(${at}) = r${other}`)
    else this.line(`r${other} = *(${this.pick([`u${size}`, size === 64 ? 'u64' : `s${size}`])} *)(${at})`)
  }

  private variableValue(): void {
    const index = this.number()
    const pointer = index === 3 ? 2 : 3
    if (this.below(2)) this.line(`r${index} &= ${this.pick([0x38, 0x1f, 7])}`, `r${pointer} = r7`, `r${pointer} += r${index}`)
    else {
      this.line(`r${pointer} = r7`)
      this.access(`r7 + ${this.below(VALUE_SIZE - 7)}`, index)
    }
    this.access(`r${pointer} + 0`, index)
    this.refill([pointer])
  }

  /** A call of a subprogram; they only call later ones. */
  private call(): void {
    const target = this.running + 1 + this.below(3)
    if (target <= SUBPROGRAMS) {
      this.called.add(target)
      this.line(`r1 = r${this.number()}`, `r2 = ${this.constant()}`, 'r3 = 3', `r4 = r8`, 'r5 = 5', `call f${target}`)
      this.refill([1, 2, 3, 4, 5])
    }
  }

  private subprogram(index: number): void {
    this.running = index
    this.main = false
    this.line(`f${index}:`)
    if (this.below(2)) {
      // A small one, without memory of its own.
      this.line('r0 = r1', 'r0 ^= r2')
      for (const register of [6, 7, 8]) this.line(`r${register} = r${this.pick([1, 2, 3, 4, 5])}`)
      for (let left = 1 + this.below(5); left > 0; left--) this.arithmetic()
      if (this.below(2)) {
        const end = this.name()
        this.line(`if r${this.number()} ${this.pick(COMPARE)} ${this.constant()} goto ${end}`)
        this.arithmetic()
        this.line(`${end}:`)
      }
      this.line('exit')
      return
    }
    this.line('r6 = r1', 'r7 = r2', 'r8 = r4')
    this.clearStack()
    this.refill([0])
    for (let left = 2 + this.below(5); left > 0; left--) this.statement(1)
    for (const register of [1, 6, 7, 8]) this.line('r0 *= 31', `r0 += r${register}`)
    this.line(`r1 = *(u64 *)(r10 + ${this.slot()})`, 'r0 += r1', 'exit')
  }

  /** A lookup, update or removal with a key of few values. */
  private map(): void {
    const map = this.pick(generatedMaps)
    const pair = (register: number, at: number) => this.line(`r${register} = r10`, `r${register} += ${at}`)
    if (map.name === 'queue') {
      this.line(`*(u64 *)(r10 + ${VALUE}) = r${this.number()}`, 'r1 = queue ll')
      pair(2, VALUE)
      this.line(`r3 = ${this.pick([0, 0, 2])}`, `call ${this.pick([87, 87, 88, 89])}`)
      this.line(`*(u64 *)(r10 + ${this.slot()}) = r0`)
      this.refill([1, 2, 3, 4, 5])
      return
    }
    const key = this.number()
    this.line(`r${key} &= ${this.pick([3, 7])}`, `*(u32 *)(r10 + ${KEY}) = r${key}`)
    const what = this.below(6)
    if (what < 3) {
      this.line(`r1 = ${map.name} ll`)
      pair(2, KEY)
      this.line('call 1')
      const none = this.name()
      this.line(`if r0 == 0 goto ${none}`)
      for (let left = this.below(3); left >= 0; left--)
        if (this.below(3) === 0) this.line(`r1 = ${this.constant()}`, `lock *(u64 *)(r0 + 0) += r1`)
        else if (this.below(2)) this.line(`r8 = *(u${this.pick([8, 16, 32, 64])} *)(r0 + 0)`)
        else this.line(`*(u${this.pick([8, 16, 32, 64])} *)(r0 + 0) = r8`)
      this.line('r0 = 1', `${none}:`)
    } else if (what < 5) {
      this.line(`*(u64 *)(r10 + ${VALUE}) = r${this.number()}`, `r1 = ${map.name} ll`)
      pair(2, KEY)
      pair(3, VALUE)
      this.line(this.below(4) ? `r4 = ${this.pick([0, 0, 0, 1, 2, 3])}` : 'r4 = r8', 'call 2')
    } else {
      this.line(`r1 = ${map.name} ll`)
      pair(2, KEY)
      this.line('call 3')
    }
    this.line(`*(u64 *)(r10 + ${this.slot()}) = r0`)
    this.refill([1, 2, 3, 4, 5])
  }

  /** Bytes of the packet, straight or by helper. */
  private packet(): void {
    const size = this.pick([1, 2, 8, 14])
    if (this.below(3)) {
      const out = this.name()
      this.line('r1 = *(u32 *)(r6 + 76)', 'r2 = *(u32 *)(r6 + 80)')
      if (this.below(2)) this.line('r3 = r8', 'r3 &= 15', 'r1 += r3')
      this.line('r3 = r1', `r3 += ${size}`, `if r3 > r2 goto ${out}`)
      const width = size >= 8 ? this.pick([8, 16, 32, 64]) : 8 * Math.min(size, 2)
      this.line(this.below(3) ? `r8 = *(u${width} *)(r1 + ${this.pick([0, size - width / 8])})` : `*(u${width} *)(r1 + 0) = r8`)
      this.line(`${out}:`)
    } else {
      this.line('r1 = r6', `r2 = ${this.below(80)}`, 'r3 = r10', `r3 += ${VALUE}`, `r4 = ${size}`)
      this.line(...(this.below(2) ? ['call 26'] : ['r5 = 0', 'call 9']))
      this.line(`*(u64 *)(r10 + ${this.slot()}) = r0`)
    }
    this.refill([1, 2, 3, 4, 5])
  }
}
