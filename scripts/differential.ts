/**
 * Differential test of the compiler: random programs (test/differential) compiled by clang -O2 for this machine as the reference, by clang
 * for BPF, and by bpfc at every level and instruction set; the BPF ones run in the VM's two engines and, when asked, in the running kernel by
 * BPF_PROG_TEST_RUN (loaded, never attached). Prints each difference and keeps its source.
 *
 * usage: node scripts/run-ts.mjs scripts/differential.ts [--from SEED] [--count N] [--batch N] [--configs all|some] [--kernel 0|1]
 *        [--clang-bpf 0|1] [--without-pass NAME|each] [--keep DIR] [--profile v1|v3|v4]
 *        [--csmith 1]   programs of csmith in the place of ours
 *        node scripts/run-ts.mjs scripts/differential.ts --write-slice   (test/differential/slice.gen.json, needs clang)
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Cpu } from '../compiler/options.js'
import { passNames } from '../compiler/passes/pass-list.js'
import { program, reference as referenceOf, source as sourceOf } from '../test/differential/batch.js'
import { compileBatch, type Config, configName, configs } from '../test/differential/compile-batch.js'
import { prepare, type Results, runInVm } from '../test/differential/run-object.js'
import { profiles, type ProfileName, sliceSeeds } from '../test/differential/slice.js'
import { csmithPrelude, csmithProgram } from './csmith-programs.js'
import { runInKernel } from './differential-kernel.js'

const args = new Map<string, string>()
for (let i = 2; i < process.argv.length; i++) {
  const word = process.argv[i]!
  if (!word.startsWith('--')) throw new Error(`what is ${word}?`)
  const next = process.argv[i + 1]
  args.set(word.slice(2), next === undefined || next.startsWith('--') ? '1' : process.argv[++i]!)
}
const CLANG = args.get('clang') ?? 'clang-19'
const keep = args.get('keep') ?? join(tmpdir(), 'bpfc-differential')
mkdirSync(keep, { recursive: true })
const scratch = mkdtempSync(join(tmpdir(), 'bpfc-diff-'))

/** Instructions of one run; csmith likes loops. */
const BUDGET = 3_000_000

const REFERENCE_FLAGS = ['-w', '-fwrapv', '-fno-strict-aliasing', '-fno-strict-overflow']

/** What the machine itself computes; undefined where clang does not compile the programs. */
function machineResults(seeds: readonly number[], programs: readonly string[], level = '-O2'): Results | undefined {
  const file = join(scratch, 'reference.c')
  writeFileSync(file, reference(seeds, programs))
  const compiled = spawnSync(CLANG, [level, ...REFERENCE_FLAGS, file, '-o', join(scratch, 'reference')], { encoding: 'utf8' })
  if (compiled.status !== 0) {
    console.log(compiled.stderr.slice(0, 2000))
    return undefined
  }
  const out = execFileSync(join(scratch, 'reference'), { encoding: 'utf8', timeout: 60_000, maxBuffer: 1 << 28 })
  return new Map(
    out
      .trim()
      .split('\n')
      .map(line => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]),
  )
}

function clangObject(text: string, cpu: Cpu): Uint8Array | undefined {
  const file = join(scratch, 'bpf.c')
  writeFileSync(file, text)
  const out = join(scratch, 'bpf.o')
  const made = spawnSync(CLANG, ['-target', 'bpf', `-mcpu=${cpu}`, '-O2', ...REFERENCE_FLAGS, '-c', file, '-o', out], {
    encoding: 'utf8',
  })
  if (made.status !== 0) return undefined
  return readFileSync(out)
}

/** Seeds whose refusal was printed. */
const told = new Set<number>()

const csmith = args.get('csmith') === '1'
const before = (programs: readonly string[]): readonly string[] => (csmith ? [csmithPrelude, ...programs] : programs)
const source = (programs: readonly string[]): string => sourceOf(before(programs))
const reference = (seeds: readonly number[], programs: readonly string[]): string => referenceOf(seeds, before(programs))

interface Totals {
  programs: number
  runs: number
  kernelRuns: number
  kernelRefused: number
  refused: number
  /** Runs that were given up. */
  tooLong: number
  different: number
}
const totals: Totals = { programs: 0, runs: 0, kernelRuns: 0, kernelRefused: 0, refused: 0, tooLong: 0, different: 0 }

function differ(seed: number, where: string, text: string, have: string, want: string): void {
  totals.different++
  console.log(`DIFFERENT seed ${seed} ${where}\n  have ${have}\n  want ${want}`)
  writeFileSync(join(keep, `${seed}.${where.replace(/[^\w.-]+/g, '_')}.c`), text)
}

/** Compares results; a program that a side could not compile is not in its results. */
function compare(seeds: readonly number[], programs: readonly string[], have: Results, want: Results, where: string): void {
  seeds.forEach((seed, i) => {
    const got = have.get(String(seed))
    if (got === undefined) return
    const wanted = want.get(String(seed))
    if (wanted === undefined) return
    totals.runs++
    if (got !== wanted) differ(seed, where, source([programs[i]!]), got, wanted)
  })
}

/** Compiles a batch with bpfc; programs at fault are found by halving and reported. */
function bpfcObjects(
  seeds: readonly number[],
  programs: readonly string[],
  config: Config,
): { seeds: readonly number[]; object: Uint8Array }[] {
  const made = compileBatch(source(programs), config)
  if (made.object) return [{ seeds, object: made.object }]
  if (programs.length === 1) {
    // What a target cannot have (stack, arguments) is told apart from a crash by its code.
    if (made.crash) differ(seeds[0]!, `crash ${configName(config)}`, source(programs), made.crash, '')
    else {
      totals.refused++
      if (!/stack/.test(made.message) && !told.has(seeds[0]!))
        console.log(`refused: seed ${seeds[0]} ${configName(config)}: ${made.message.split('\n')[0]}`)
      told.add(seeds[0]!)
    }
    return []
  }
  const half = programs.length >> 1
  return [
    ...bpfcObjects(seeds.slice(0, half), programs.slice(0, half), config),
    ...bpfcObjects(seeds.slice(half), programs.slice(half), config),
  ]
}

function testConfig(seeds: readonly number[], programs: readonly string[], config: Config, want: Results, kernel: boolean): void {
  for (const part of bpfcObjects(seeds, programs, config)) {
    const prepared = prepare(part.object)
    const of = part.seeds.map(seed => programs[seeds.indexOf(seed)]!)
    const checked = runInVm(prepared, 'checked', BUDGET)
    totals.tooLong += part.seeds.length - checked.size
    compare(part.seeds, of, checked, want, `vm ${configName(config)}`)
    compare(part.seeds, of, runInVm(prepared, 'compiled', BUDGET, checked), want, `wasm ${configName(config)}`)
    if (kernel) {
      const { results, refused } = runInKernel(prepared)
      totals.kernelRuns += results.size
      totals.kernelRefused += refused.length
      if (args.has('show-refused')) for (const line of refused) console.log(`kernel refuses ${configName(config)} ${line}`)
      compare(part.seeds, of, results, want, `kernel ${configName(config)}`)
    }
  }
}

/** -O2 and two of the other levels, so that all come up in turn and twenty thousand programs are a matter of an hour. */
function some(all: readonly Config[], round: number): readonly Config[] {
  const best = all.filter(({ level }) => level === '2')
  const others = all.filter(({ level }) => level !== '2')
  return [best[round % best.length]!, others[(2 * round) % others.length]!, others[(2 * round + 1) % others.length]!]
}

function runBatch(seeds: readonly number[], profile: ProfileName, batch: number): void {
  const { features, cpus } = profiles[profile]
  const programs = seeds.map(seed => (csmith ? csmithProgram(seed) : program(seed, features)))
  const want = machineResults(seeds, programs)
  if (!want) {
    writeFileSync(join(keep, `reference-${seeds[0]}.c`), reference(seeds, programs))
    throw new Error(`clang does not compile the reference of seeds from ${seeds[0]}`)
  }
  totals.programs += seeds.length
  const all = configs.filter(config => cpus.includes(config.target))
  // Profiles take turns; so do, for each of them, the levels and instruction sets.
  const round = Math.floor(batch / Object.keys(profiles).length)
  const without = args.get('without-pass')
  const chosen =
    without === 'each'
      ? passNames().map(pass => ({ level: '2' as const, target: cpus.at(-1)!, without: pass }))
      : args.get('configs') === 'all'
        ? all
        : some(all, round)
  chosen.forEach((config, i) => {
    const kernel = args.get('kernel') === '1' && (args.get('configs') === 'all' || i === round % chosen.length)
    testConfig(seeds, programs, without && without !== 'each' ? { ...config, without } : config, want, kernel)
  })
  if (args.get('clang-bpf') === '1') {
    const cpu = cpus[batch % cpus.length]!
    let parts = [programs.map((_, i) => i)]
    for (let part = parts.pop(); part; part = parts.pop()) {
      const object = clangObject(source(part.map(i => programs[i]!)), cpu)
      if (object)
        compare(
          part.map(i => seeds[i]!),
          part.map(i => programs[i]!),
          runInVm(prepare(object), 'checked', BUDGET),
          want,
          `clang ${cpu}`,
        )
      else if (part.length > 1 && parts.length < 12) {
        const half = part.length >> 1
        parts = [...parts, part.slice(0, half), part.slice(half)]
      }
    }
  }
}

function writeSlice(): void {
  const rows: Record<string, Record<string, string>> = {}
  for (const profile of Object.keys(profiles) as ProfileName[]) {
    const programs = sliceSeeds.map(seed => program(seed, profiles[profile].features))
    const results = machineResults(sliceSeeds, programs)
    if (!results) throw new Error('clang does not compile the slice')
    rows[profile] = Object.fromEntries(results)
  }
  const folder = 'test/differential/cases'
  const cases = readdirSync(folder).map(name => readFileSync(join(folder, name), 'utf8'))
  const results = machineResults(
    cases.map(text => Number(/^PROGRAM\((\d+)\)/m.exec(text)![1])),
    cases,
  )
  if (!results) throw new Error('clang does not compile the cases')
  rows['cases'] = Object.fromEntries(results)
  writeFileSync('test/differential/slice.gen.json', `${JSON.stringify(rows, undefined, 2)}\n`)
}

try {
  if (args.has('write-slice')) writeSlice()
  else {
    const from = Number(args.get('from') ?? 1)
    const count = Number(args.get('count') ?? 400)
    const size = Number(args.get('batch') ?? 100)
    const names = Object.keys(profiles) as ProfileName[]
    for (let start = from, batch = 0; start < from + count; start += size, batch++) {
      const seeds = Array.from({ length: Math.min(size, from + count - start) }, (_, i) => start + i)
      const profile = (args.get('profile') as ProfileName | undefined) ?? names[batch % names.length]!
      runBatch(seeds, profile, batch)
      console.log(
        `${new Date().toISOString().slice(11, 19)} seeds to ${start + seeds.length - 1} (${profile}): ${JSON.stringify(totals)}`,
      )
    }
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
process.exitCode = totals.different ? 1 : 0
