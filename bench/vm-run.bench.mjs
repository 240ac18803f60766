/**
 * Running programs: eight shapes of work (bench/vm/programs.bpf.c), nanoseconds a run on the WebAssembly engine and on the interpreter, against the running
 * kernel's JIT (`BPF_PROG_TEST_RUN` with a repeat count) and against the virtual machines that vm/peers.mjs finds. Packets, map contents and
 * answers are the same in all.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { median } from './measure.mjs'
import { peers } from './vm/peers.mjs'

const ROUNDS = 7
/** A round takes about this long. */
const ROUND_NS = 40_000_000

export async function run({ root }) {
  const api = await import(pathToFileURL(join(root, 'dist/index.mjs')).href)
  const source = readFileSync(join(root, 'bench/vm/programs.bpf.c'), 'utf8')
  const { prepared, bytes } = api.checkedObject(source, { verify: true })
  const live = await liveKernel(root, prepared)
  const packet = new Uint8Array(1500).map((_, i) => (i * 7) & 0xff)
  packet.set(api.packet.tcp({ src: '192.0.2.7', dst: '192.0.2.1', sport: 40000, dport: 80 }))
  const others = peers({ root, prepared, object: bytes, packet })
  const rows = [compileTime(api)]
  for (const { name, absent } of others)
    if (absent) rows.push({ figure: name, ours: null, peer: null, peerName: name, skipped: absent })
  const ratios = { compiled: [], checked: [] }
  for (const { name } of prepared.programs) {
    const vms = {
      compiled: new api.Vm(prepared, { engine: 'compiled' }),
      checked: new api.Vm(prepared, { budget: Number.MAX_SAFE_INTEGER }),
    }
    const refused = vms.compiled.program(name).notCompiled
    if (refused) throw new Error(`${name} is not compiled: ${refused}`)
    const kernel = live?.(name)
    const answer = vms.checked.program(name).run({ packet }).retval
    const ours = {
      compiled: timed(repeat => check(vms.compiled.program(name).run({ packet, repeat }).retval, answer, name)),
      checked: timed(repeat => check(vms.checked.program(name).run({ packet, repeat }).retval, answer, name)),
    }
    const theirs = kernel && kernelTime(kernel, packet, answer, name)
    const figures = { compiled: [], checked: [] }
    for (const engine of ['compiled', 'checked']) {
      const asked = []
      for (let round = 0; round < ROUNDS; round++) {
        figures[engine].push(ours[engine]())
        if (theirs) asked.push(theirs())
      }
      const figure = `${name}, ns a run, ${engine}`
      const row = rounded({ figure, ours: median(figures[engine]), peer: theirs ? median(asked) : null, peerName: 'kernel JIT' })
      rows.push(theirs ? row : { ...row, skipped: `${row.ours} ns; there is no kernel to test-run on (root, Linux, koffi)` })
      if (theirs) ratios[engine].push(row.ours / row.peer)
    }
    kernel?.close()
    // Peers that set no interface's number answer as for number 0.
    const answers = [answer, vms.checked.program(name).run({ packet, ctx: { ingress_ifindex: 0 } }).retval]
    for (const other of others) {
      if (other.absent) continue
      const engine = other.name.endsWith('jit') ? 'compiled' : 'checked'
      const { retval, ns, error } = other.time(prepared.programs.find(program => program.name === name))
      const row = {
        figure: `${name}, ns a run, ${engine}`,
        ours: median(figures[engine]),
        peer: ns ?? null,
        peerName: other.name,
      }
      if (error) rows.push({ ...row, skipped: error })
      else if (!answers.includes(retval))
        rows.push({ ...row, skipped: `it answers ${retval} instead of ${answers.join(' or ')}` })
      else rows.push(rounded(row))
    }
  }
  for (const [engine, list] of Object.entries(ratios))
    if (list.length > 0)
      rows.push({
        figure: `geometric mean of the ratios, ${engine}`,
        ours: round3(Math.exp(list.reduce((sum, x) => sum + Math.log(x), 0) / list.length)),
        peer: 1,
        peerName: 'kernel JIT',
      })
  return rows
}

/** Milliseconds from instructions to code that ran once, for 10,000 instructions; the goal is 30. */
function compileTime(api) {
  const steps = Array.from(
    { length: 1250 },
    (_, i) => `\tif (x & ${1 << (i % 20)}) y += x * ${i + 3}u; else x ^= y >> ${1 + (i % 30)};`,
  )
  const source = `#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\nSEC("xdp") int long_one(struct xdp_md *ctx)\n{\n\t__u64 x = ctx->ingress_ifindex, y = 1;\n${steps.join('\n')}\n\treturn x + y;\n}\n`
  const { prepared } = api.checkedObject(source, { kernels: ['6.12'] })
  const count = prepared.programs[0].insns.length
  const times = []
  for (let round = 0; round < ROUNDS; round++) {
    const program = new api.Vm(prepared, { engine: 'compiled' }).program('long_one')
    const before = process.cpuUsage()
    program.run({ packet: new Uint8Array(64) })
    times.push((spent(before) / 1e6) * (10_000 / count))
  }
  return {
    figure: `translation, ms for 10,000 instructions (measured on ${count})`,
    ours: round1(median(times)),
    peer: 30,
    peerName: 'the goal',
  }
}

const rounded = row => ({ ...row, ours: round1(row.ours), peer: row.peer === null ? null : round1(row.peer) })
const round1 = value => Math.round(value * 10) / 10
const round3 = value => Math.round(value * 1000) / 1000

function check(got, expected, name) {
  if (got !== expected) throw new Error(`${name}: ${got} instead of ${expected}`)
}

/** Nanoseconds of this process's CPU: the kernel, too, leaves out the time in which others run. */
function spent(before) {
  const { user, system } = process.cpuUsage(before)
  return (user + system) * 1000
}

/** Warms up, finds a repeat count for a round, and gives a function that times one round: nanoseconds a run. */
function timed(run) {
  let repeat = 1
  let took = 0
  while (took < ROUND_NS / 4) {
    repeat *= 2
    const before = process.cpuUsage()
    run(repeat)
    took = spent(before)
  }
  const rounds = Math.max(1, Math.round((repeat * ROUND_NS) / took))
  return () => {
    const before = process.cpuUsage()
    run(rounds)
    return spent(before) / rounds
  }
}

function kernelTime(program, packet, answer, name) {
  const once = repeat => {
    const result = program.run({ data: packet, repeat, dataOutSize: 0 })
    if (result.error !== 0) throw new Error(`${name}: BPF_PROG_TEST_RUN gives ${result.error}`)
    check(result.retval, answer, name)
    return result.duration
  }
  const first = Math.max(1, once(1000))
  const repeat = Math.max(100, Math.round(ROUND_NS / first))
  return () => once(repeat)
}

/** Loads programs of the object into the running kernel; undefined where that is not allowed. */
async function liveKernel(root, prepared) {
  const outfile = join(root, 'dist/bench/live.mjs')
  await build({
    absWorkingDir: root,
    entryPoints: ['runtime/live/load-object.ts'],
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    outfile,
  })
  const { loadProgram } = await import(pathToFileURL(outfile).href)
  const load = name =>
    loadProgram(
      prepared,
      prepared.programs.find(program => program.name === name),
    )
  try {
    const probe = load(prepared.programs[0].name)
    probe.close()
    return probe.fd >= 0 ? load : undefined
  } catch {
    return undefined
  }
}
