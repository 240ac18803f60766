/**
 * Verifiers of others against ours on the same programs: those of a sample of the objects that both accept. Whoever runs the bench has built
 * them; BPFC_PREVAIL_COMMAND and BPFC_FEBPF_COMMAND name their programs. Both are processes that verify one program. What such a process
 * takes on a program that returns 0 is its start, and is taken off. Ours is counted twice: the verifier in one warm process, and
 * `bpfc check --prog` as a process less an empty one of Node.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { median, once } from './measure.mjs'

/** `verify` gives the words that verify one program and end with 0 if it is accepted; undefined where the peer does not find it. */
const PEERS = [
  {
    name: 'PREVAIL',
    variable: 'BPFC_PREVAIL_COMMAND',
    verify: (_, { path, section, program }) => ['-q', path, section, program],
  },
  {
    name: 'febpf',
    variable: 'BPFC_FEBPF_COMMAND',
    // It names the only program of a section by the section. Stack that was never written may be read, as a privileged loader may.
    verify(command, { path, section, program }) {
      const listed = spawnSync(command, ['programs', path], { encoding: 'utf8' }).stdout ?? ''
      const names = listed.split('\n').map(line => line.split('\t')[3])
      const name = [program, section].find(each => names.includes(each))
      return name === undefined ? undefined : ['verify', '--allow-uninit-stack', '--prog', name, path]
    },
  },
]
/** Of the objects in alphabetical order every so many, and the largest and most looping ones; of each the programs that cost most. */
const EVERY = 24
const ALWAYS =
  /^(pyperf|strobemeta|loop\d|test_xdp|xdp_synproxy|core_kern|verifier_bounds|verifier_loops|verifier_search_pruning)/
const PROGRAMS = 2
/** CPU seconds after which a peer's verdict is not waited for. */
const LIMIT = 8
/** A process faster than this is run so many times, for the clock's sake. */
const [SHORT, RUNS] = [0.02, 5]
const RETURNS_0 = '__attribute__((section("socket"), used)) int trivial(void *ctx) { return 0; }\n'

export function peerRows({ root, folder, script }) {
  const given = PEERS.filter(peer => process.env[peer.variable])
  const absent = PEERS.filter(peer => !given.includes(peer))
  const rows = absent.map(({ name, variable }) => ({ figure: `ms CPU against ${name}`, skipped: `${variable} names no program` }))
  if (given.length === 0) return rows
  const names = readdirSync(folder).filter(name => name.endsWith('.o'))
  const objects = names.sort().filter((name, index) => index % EVERY === 0 || ALWAYS.test(name))
  const warm = script('--warm', ...objects.map(name => join(folder, name)))
  if (warm.status !== 0) throw new Error(`verifier-speed.ts: ${warm.stderr}`)
  const { rules, accepted } = JSON.parse(warm.stdout)
  const sample = objects.flatMap(name =>
    accepted
      .filter(each => basename(each.path) === name)
      .sort((a, b) => b.processed - a.processed)
      .slice(0, PROGRAMS),
  )
  const scratch = join(root, '.cache/bench')
  mkdirSync(scratch, { recursive: true })
  const check = ownProcess({ root, scratch, rules })
  const trivial = { path: join(scratch, 'trivial.o'), section: 'socket', program: 'trivial' }
  writeFileSync(join(scratch, 'trivial.bpf.c'), RETURNS_0)
  once(process.execPath, [join(root, 'dist/bpfc.cjs'), 'build', join(scratch, 'trivial.bpf.c'), '-o', trivial.path])
  return [...rows, ...given.flatMap(peer => against(peer, { sample, trivial, check }))]
}

/** Milliseconds of `bpfc check` on one program without what Node takes to start; each program is run once, however many peers ask. */
function ownProcess({ root, scratch, rules }) {
  const empty = join(scratch, 'empty.cjs')
  writeFileSync(empty, '')
  const start = median([1, 2, 3, 4, 5].map(() => once(process.execPath, [empty]).cpu))
  const known = new Map()
  return each => {
    if (!known.has(each)) {
      const words = [join(root, 'dist/bpfc.cjs'), 'check', '--kernel', rules, '--prog', each.program, each.path]
      known.set(each, (once(process.execPath, words).cpu - start) * 1000)
    }
    return known.get(each)
  }
}

function against({ name, variable, verify }, { sample, trivial, check }) {
  const command = process.env[variable]
  /** CPU seconds of the peer's process; undefined if it does not accept. */
  const time = program => {
    const words = verify(command, program)
    if (!words) return undefined
    try {
      const { cpu } = once(command, words, { limit: LIMIT })
      return cpu < SHORT ? once(command, words, { runs: RUNS }).cpu : cpu
    } catch {
      return undefined
    }
  }
  const absent = reason => [{ figure: `ms CPU against ${name}`, skipped: reason }]
  if (time(trivial) === undefined) return absent(`${command} does not accept a program that returns 0`)
  const starts = []
  const taken = []
  for (const each of sample) {
    const cpu = time(each)
    if (cpu === undefined) continue
    const first = taken.every(other => other.each.path !== each.path)
    if (first) starts.push(time(trivial))
    taken.push({ each, cpu, process: first ? check(each) : undefined })
  }
  if (taken.length === 0) return absent(`it accepts none of ${sample.length} programs`)
  const start = median(starts)
  const row = (figure, peer) => ({ figure, peerName: name, ...peer })
  const sum = (what, pairs) => {
    const total = key => Number(pairs.reduce((all, pair) => all + pair[key], 0).toFixed(1))
    const behind = pairs.filter(pair => pair.ours > pair.theirs)
    if (process.env.BPFC_PEERS_LIST)
      for (const { program, ours, theirs } of behind)
        console.error(`${name}, ${what}: ${program} ${ours.toFixed(1)} ${theirs.toFixed(1)}`)
    return [
      row(`ms CPU, ${what}`, { ours: total('ours'), peer: total('theirs') }),
      row(`of these, so many where ours takes longer`, { ours: behind.length, peer: pairs.length }),
    ]
  }
  const pairs = taken.map(({ each, cpu, process }) => ({
    program: `${basename(each.path)} ${each.program}`,
    ours: each.ms,
    process,
    theirs: Math.max(0, cpu - start) * 1000,
  }))
  const whole = pairs.filter(pair => pair.process !== undefined).map(pair => ({ ...pair, ours: pair.process }))
  return [
    ...sum(`${pairs.length} programs that both accept, of ${sample.length}, ours in a warm process`, pairs),
    ...sum(`the costliest of ${whole.length} objects, each a process less its start`, whole),
  ]
}
