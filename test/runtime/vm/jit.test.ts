/** Compiled programs give what the interpreter gives: generated programs, calls, maps, faults, and what stays uncompiled. */
import { describe, expect, it } from 'vitest'
import { LimitReached } from '../../../base/outcome.js'
import type { PreparedObject } from '../../../linker/object/prepared.js'
import { kernelProfile } from '../../../runtime/kernel/profile.js'
import { verifyProgram } from '../../../runtime/verifier/verify.js'
import { seededRandom } from '../../../runtime/vm/environment.js'
import { MapType } from '../../../runtime/vm/maps/map.js'
import { packet } from '../../../runtime/vm/packets/build.js'
import { Vm } from '../../../runtime/vm/vm.js'
import { accepted, mapDef, object, program, vmOf } from './bare.js'

const COUNT = Number(process.env['BPFC_GENERATED'] ?? 1500)

/** A program that always ends: arithmetic, stack accesses, forward jumps, counted loops, calls of a subprogram. */
function generate(random: () => number): string {
  const pick = <T>(list: readonly T[]): T => list[random() % list.length]!
  const register = () => pick([0, 2, 3, 4, 5, 6, 7])
  const immediate = () => pick([0, 1, -1, 7, 31, 32, 63, 255, -128, 0x7fffffff, -0x80000000, random() | 0])
  const size = () => pick([8, 16, 32, 64])
  const lines: string[] = [
    'r0 = 1',
    'r2 = 0x123456789abcdef0 ll',
    'r3 = -3',
    'r4 = *(u64 *)(r1 + 0)',
    'r5 = *(u64 *)(r1 + 8)',
    'r6 = 6',
    'r7 = 0',
  ]
  for (let offset = 8; offset <= 64; offset += 8) lines.push(`*(u64 *)(r10 - ${offset}) = ${immediate()}`)
  let label = 0
  const statement = (depth: number): void => {
    const kind = random() % 12
    const wide = random() % 2 === 0
    const letter = wide ? 'r' : 'w'
    const operand = random() % 2 ? `${letter}${register()}` : `${immediate()}`
    if (kind < 5)
      lines.push(
        `${letter}${register()} ${pick(['+=', '-=', '*=', '/=', '%=', 's/=', 's%=', '|=', '&=', '^=', '<<=', '>>=', 's>>=', '='])} ${operand}`,
      )
    else if (kind === 5) {
      const target = register()
      const bits = pick([16, 32, 64])
      lines.push(
        pick([
          `${letter}${target} = -${letter}${target}`,
          `r${target} = ${pick(['be', 'le', 'bswap'])}${bits} r${target}`,
          `${letter}${target} = (s${pick(wide ? [8, 16, 32] : [8, 16])})${letter}${register()}`,
        ]),
      )
    } else if (kind === 6) lines.push(`*(u${size()} *)(r10 - ${8 * (1 + (random() % 8))}) = r${register()}`)
    else if (kind === 7)
      lines.push(
        `r${register()} = *(${pick(['u8', 'u16', 'u32', 'u64', 's8', 's16', 's32'])} *)(r10 - ${8 * (1 + (random() % 8))})`,
      )
    else if (kind === 8) {
      const at = `r10 - ${8 * (1 + (random() % 8))}`
      const r = register()
      lines.push(
        pick([
          `lock *(u${wide ? 64 : 32} *)(${at}) ${pick(['+=', '|=', '&=', '^='])} ${letter}${r}`,
          `${letter}${r} = atomic_fetch_${pick(['add', 'or', 'and', 'xor'])}((u${wide ? 64 : 32} *)(${at}), ${letter}${r})`,
          wide ? `r${r} = xchg_64(${at}, r${r})` : `w${r} = xchg32_32(${at}, w${r})`,
          wide ? `r0 = cmpxchg_64(${at}, r0, r${r})` : `w0 = cmpxchg32_32(${at}, w0, w${r})`,
        ]),
      )
    } else if (kind === 9 && depth < 4) {
      const name = `l${label++}`
      lines.push(
        `if ${letter}${register()} ${pick(['==', '!=', '>', '>=', '<', '<=', '&', 's>', 's>=', 's<', 's<='])} ${operand} goto ${name}`,
      )
      for (let i = random() % 4; i >= 0; i--) statement(depth + 1)
      if (random() % 3 === 0) {
        const end = `l${label++}`
        lines.push(`goto ${end}`, `${name}:`)
        for (let i = random() % 3; i >= 0; i--) statement(depth + 1)
        lines.push(`${end}:`)
      } else lines.push(`${name}:`)
    } else if (kind === 10 && depth < 2) {
      const name = `l${label++}`
      const counter = 8 + depth
      lines.push(`r${counter} = ${1 + (random() % 4)}`, `${name}:`)
      for (let i = random() % 3; i >= 0; i--) statement(depth + 1)
      lines.push(`r${counter} += -1`, `if r${counter} ${pick(['!=', 's>'])} 0 goto ${name}`)
    } else if (kind === 11) lines.push(`r1 = r${register()}`, 'call f', 'r1 = 1', 'r2 = 2', 'r3 = 3', 'r4 = 4', 'r5 = 5')
  }
  for (let i = 10 + (random() % 20); i >= 0; i--) statement(0)
  for (const r of [2, 3, 4, 5, 6, 7]) lines.push('r0 *= 31', `r0 += r${r}`)
  for (let offset = 8; offset <= 64; offset += 8) lines.push('r0 *= 31', `r1 = *(u64 *)(r10 - ${offset})`, 'r0 += r1')
  lines.push(
    'exit',
    'f:',
    'r0 = r1',
    '*(u64 *)(r10 - 8) = r1',
    'if r1 s> 5 goto small',
    'r0 *= 3',
    'small:',
    'r6 = *(u32 *)(r10 - 8)',
    'r0 += r6',
    'exit',
  )
  return lines.join('\n')
}

describe('compiled programs', () => {
  it(`${COUNT} generated programs give what the interpreter gives`, () => {
    const random = seededRandom(Number(process.env['BPFC_SEED'] ?? 42))
    const input = new Uint8Array(16)
    for (let i = 0; i < COUNT; i++) {
      const text = generate(random)
      for (let byte = 0; byte < 16; byte++) input[byte] = random()
      const prepared = accepted(object({ main: { insns: program(text) } }))
      const checked = new Vm(prepared).program('main').run({ ctx: input })
      const compiled = new Vm(prepared, { engine: 'compiled' }).program('main')
      expect(compiled.notCompiled).toBeUndefined()
      const result = compiled.run({ ctx: input })
      if (result.ret !== checked.ret || result.fault || checked.fault)
        expect({ text, ret: result.ret, fault: result.fault }).toEqual({ text, ret: checked.ret, fault: checked.fault })
    }
  })

  it('map lookups, updates and tail calls', () => {
    const maps = [
      mapDef({ name: 'array', type: MapType.ARRAY }),
      mapDef({ name: 'percpu', type: MapType.PERCPU_ARRAY }),
      mapDef({ name: 'hash', type: MapType.HASH }),
      mapDef({ name: 'progs', type: MapType.PROG_ARRAY, valueSize: 4, values: [{ index: 0, target: 'next' }] }),
    ]
    const bump = (map: string) =>
      `r2 = r10; r2 += -4; r1 = ${map} ll; call 1; if r0 == 0 goto +3; r1 = *(u64 *)(r0 + 0); r1 += 1; *(u64 *)(r0 + 0) = r1`
    const main = `r6 = r1; *(u32 *)(r10 - 4) = 2; ${bump('array')}; ${bump('percpu')}; *(u64 *)(r10 - 16) = 7; r1 = hash ll; r2 = r10; r2 += -4; r3 = r10; r3 += -16; r4 = 0; call 2; ${bump('hash')}
      *(u32 *)(r10 - 4) = 9; ${bump('array')}; r7 = r0; r1 = r6; r2 = progs ll; r3 = 0; call 12; r0 = 1; exit`
    const prepared = accepted(object({ main: { insns: program(main, maps) }, next: { insns: program('r0 = 77; exit') } }, maps))
    for (const engine of ['checked', 'compiled'] as const) {
      const vm = new Vm(prepared, { engine, cpus: 2, cpu: 1 })
      expect(vm.program('main').run()).toMatchObject({ ret: 77n, fault: undefined })
      const key = Uint8Array.of(2, 0, 0, 0)
      expect(vm.maps['array']!.get(key)![0]).toBe(1)
      expect(vm.maps['percpu']!.getPerCpu(key)!.map(value => value[0])).toEqual([0, 1])
      expect(vm.maps['hash']!.get(key)![0]).toBe(8)
    }
  })

  it('batches: every run begins with the same registers and the same budget', () => {
    const maps = [
      mapDef({ name: 'array', type: MapType.ARRAY }),
      mapDef({ name: 'hash', type: MapType.HASH }),
      mapDef({ name: 'progs', type: MapType.PROG_ARRAY, valueSize: 4, values: [{ index: 0, target: 'next' }] }),
    ]
    const count = `*(u32 *)(r10 - 4) = 2; r2 = r10; r2 += -4; r1 = array ll; call 1; if r0 == 0 goto +3; r1 = *(u64 *)(r0 + 0); r1 += 1; *(u64 *)(r0 + 0) = r1`
    const store = `r1 = hash ll; r2 = r10; r2 += -4; r3 = r10; r3 += -16; r4 = FLAGS; call 2`
    const programs = {
      plain: `*(u64 *)(r10 - 16) = r1; ${count}; ${store.replace('FLAGS', '0')}; r6 = r0; ${store.replace('FLAGS', '1')}; r0 -= r6; exit`,
      tail: `r6 = r1; ${count}; r1 = r6; r2 = progs ll; r3 = 0; call 12; r0 = 1; exit`,
      loops: `${count}; r1 = 300; r2 = each ll; r3 = 0; r4 = 0; call 181; exit; each: r0 = 0; exit`,
    }
    for (const [name, text] of Object.entries(programs)) {
      const next = { insns: program('r0 = 77; exit') }
      const prepared = accepted(object({ main: { insns: program(text, maps) }, next }, maps))
      const [one, other] = (['checked', 'compiled'] as const).map(engine => {
        const vm = new Vm(prepared, { engine, budget: 2000 })
        if (engine === 'compiled') expect(vm.program('main').notCompiled).toBeUndefined()
        const { ret, fault } = vm.program('main').run({ repeat: 100 })
        return { ret, fault, maps: ['array', 'hash'].map(map => [...vm.maps[map]!.entries()]) }
      })
      expect(one!.maps[0]![2]![1]![0]).toBe(100)
      // The second update of `plain` is told that the element is there already.
      expect(one!.ret).toBe(name === 'plain' ? (1n << 64n) - 17n : name === 'tail' ? 77n : 300n)
      if (name !== 'plain') expect(other).toEqual(one)
      else expect(other!.ret).toBe(one!.ret)
    }
  })

  it('subprograms, of which small ones are compiled into their callers', () => {
    const loop = 'r0 = 0; again: r0 += r1; r1 += -1; if r1 != 0 goto again'
    const nest = (depth: number): string =>
      depth === 6
        ? `f${depth}: r6 = *(u64 *)(r10 - 8); r0 = r1; exit`
        : `f${depth}: r6 = r1; r7 = 5; *(u64 *)(r10 - 8) = r1; r1 += 1; call f${depth + 1}; r7 += r6; r0 += r7; r1 = *(u64 *)(r10 - 8); r0 += r1; exit`
    const text = `r6 = 3; *(u64 *)(r10 - 8) = 9; r1 = r6; call f0; r7 = r0; r1 = r6; call g; r0 += r7; r1 = *(u64 *)(r10 - 8); r0 += r1; r0 += r6; exit
      ${[0, 1, 2, 3, 4, 5, 6].map(nest).join('\n')}
      g: r6 = 100; ${loop}; r0 += r6; exit`
    const checked = vmOf(text).program('main').run()
    const compiled = vmOf(text, [], { engine: 'compiled' }).program('main')
    expect(compiled.notCompiled).toBeUndefined()
    expect(compiled.run()).toMatchObject({ ret: checked.ret, fault: undefined })
  })

  it('packets, and memory that grows while a program runs', () => {
    const maps = Array.from({ length: 20 }, (_, i) => mapDef({ name: `task${i}`, type: MapType.TASK_STORAGE, valueSize: 60_000 }))
    const value = (name: string) => `r2 = 5; r1 = ${name} ll; r3 = 0; r4 = 1; call 156; r0 += 59992; *(u64 *)(r0 + 0) = 3`
    const text = `r6 = *(u32 *)(r1 + 0); ${maps.map(map => value(map.name)).join('; ')}; r0 = *(u16 *)(r6 + 12); exit`
    const vm = vmOf(text, maps, { engine: 'compiled' }, 6)
    expect(vm.program('main').notCompiled).toBeUndefined()
    expect(vm.program('main').run({ packet: packet.tcp() })).toMatchObject({ ret: 8n, fault: undefined })
  })

  it('a null pointer reads as 0 where the kernel probes, a wild one ends the run', () => {
    const text = 'r1 = 0; r0 = *(u64 *)(r1 + 8); exit'
    expect(vmOf(text, [], { engine: 'compiled' }, 26).program('main').run()).toMatchObject({ ret: 0n, fault: undefined })
    const wild = 'r1 = -16; r0 = *(u64 *)(r1 + 8); exit'
    expect(vmOf(wild, [], { engine: 'compiled' }).program('main').run().fault!.message).toContain('compiled code stopped')
    expect(vmOf('r1 = 0; call 1; exit', [], { engine: 'compiled' }).program('main').run().fault).toMatchObject({ slot: 1 })
  })

  it('programs that no verifier accepted run in the interpreter', () => {
    const wild = object({ main: { type: 1, insns: program('r1 = -16; r0 = *(u64 *)(r1 + 8); exit') } })
    const fine = object({ main: { type: 1, insns: program('r0 = 3; exit') } })
    const kernel = kernelProfile('6.12')!
    const main = (prepared: PreparedObject) => new Vm(prepared, { engine: 'compiled' }).program('main')
    for (const each of [wild, fine]) expect(main(each).notCompiled).toBe('no verifier has accepted the program')
    expect(main(wild).run().fault!.message).toMatch(/^read of 8 bytes/)
    expect(verifyProgram(wild, wild.programs[0]!, { kernel }).verdict).toBe('rejected')
    expect(main(wild).notCompiled).toBe('no verifier has accepted the program')
    expect(verifyProgram(fine, fine.programs[0]!, { kernel }).verdict).toBe('accepted')
    expect(main(fine).notCompiled).toBeUndefined()
    // The same program in another object, whose maps may be others.
    expect(main({ ...fine }).notCompiled).toBe('no verifier has accepted the program')
  })

  it('what cannot be compiled says so and runs in the interpreter', () => {
    const irreducible = 'r0 = 3; if r1 == 0 goto b; a: r0 += -1; b: r0 += -1; if r0 s> 0 goto a; exit'
    const vm = vmOf(irreducible, [], { engine: 'compiled' })
    expect(vm.program('main').notCompiled).toBe('the control flow is not reducible')
    expect(vm.program('main').run().ret).toBe(vmOf(irreducible).program('main').run().ret)
  })
})

describe('the budget of compiled programs', () => {
  const endless = 'r0 = 0; l: r0 += 1; if r0 != 0 goto l; exit'
  const nested = `r6 = 0; l: call f; r6 += 1; if r6 != 2000 goto l; r0 = r6; exit
    f: r0 = 0; m: r0 += 1; if r0 != 2000 goto m; exit`
  const run = (text: string, budget: number) => {
    const vm = vmOf(text, [], { engine: 'compiled', budget })
    expect(vm.program('main').notCompiled).toBeUndefined()
    return () => vm.program('main').run()
  }

  it('ends endless loops, also those of functions that are called in loops', () => {
    expect(run(endless, 1_000_000)).toThrow(LimitReached)
    expect(run(nested, 4_000_000)).toThrow('instructions executed')
  })

  it('lets a program run that stays below it, again and again', () => {
    const start = run(nested, 9_000_000)
    for (let round = 0; round < 3; round++) expect(start()).toMatchObject({ ret: 2000n, fault: undefined })
    const short = 'r0 = 0; l: r0 += 1; if r0 != 100 goto l; exit'
    expect(run(short, 250)()).toMatchObject({ ret: 100n, fault: undefined })
    expect(run(short, 100)).toThrow(LimitReached)
    expect(vmOf(short, [], { engine: 'compiled', budget: 250 }).program('main').run({ repeat: 10 }).ret).toBe(100n)
  })

  it('is not counted where it is infinite', () => {
    expect(run(nested, Number.POSITIVE_INFINITY)().ret).toBe(2000n)
  })
})

it('fills frames with what one asks for, in both engines and also below the first frame', () => {
  const text = 'r1 = 0; call f; r1 = *(u64 *)(r10 - 16); r0 ^= r1; exit; f: r0 = *(u32 *)(r10 - 8); exit'
  for (const engine of ['checked', 'compiled'] as const) {
    const unclean = vmOf(text, [], { engine, stackFill: 0xaa }).program('main')
    expect(unclean.notCompiled !== undefined).toBe(engine === 'checked')
    for (let run = 0; run < 2; run++) expect(unclean.run().ret).toBe(0xaaaaaaaa_00000000n)
    expect(vmOf(text, [], { engine }).program('main').run().ret).toBe(0n)
  }
})
