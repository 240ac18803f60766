/**
 * Compares our verifier's verdicts with a kernel's, on objects and the kernel's answers as JSON lines (`loadcheck`: obj, prog, ok,
 * processed, states, log).
 *
 * usage: node scripts/run-ts.mjs scripts/verifier-judge.ts --objects DIR --answers FILE --kernel 6.18 [--btf FILE] [--filter TEXT]
 *        [--list false-accept|false-reject|not-implemented|message|processed] [--show OBJ:PROG] [--log N] [--time MS] [--config FILE]
 *        [--privileges bpf|none]
 */
import { existsSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
import { gunzipSync } from 'node:zlib'
import { join } from 'node:path'
import { readBtf } from '../linker/btf/btf-file.js'
import { openObject } from '../linker/object/open.js'
import { prepareObject } from '../linker/object/prepare.js'
import type { PreparedObject } from '../linker/object/prepared.js'
import { parseKernelConfig } from '../runtime/kernel/machine.js'
import { NO_PRIVILEGES, type Privileges } from '../runtime/kernel/privileges.js'
import { kernelProfile } from '../runtime/kernel/profile.js'
import { type Verdict, verifyProgram } from '../runtime/verifier/verify.js'
import { messageOf, VerdictTally } from './verdict-tally.js'

interface Answer {
  readonly obj: string
  readonly prog: string
  readonly sec?: string
  readonly ok: boolean
  readonly errno: number
  readonly processed?: number
  readonly states: number
  readonly log?: string
  readonly verify_us: number
}

const options = new Map<string, string>()
for (let i = 2; i < process.argv.length; i += 2) options.set(process.argv[i]!.replace(/^--/, ''), process.argv[i + 1] ?? '')
const objects = options.get('objects') ?? process.env['BPFC_CORPUS'] ?? ''
const answersPath = options.get('answers') ?? (objects ? join(objects, 'progs.jsonl') : '')
const btfPath = options.get('btf') ?? '/sys/kernel/btf/vmlinux'
const kernel = kernelProfile(options.get('kernel') ?? '6.18')
if (!kernel || !existsSync(answersPath) || !existsSync(btfPath)) {
  console.error(
    'verifier-judge: needs --objects DIR with objects, --answers FILE (default DIR/progs.jsonl), --kernel, --btf FILE',
  )
  process.exit(2)
}
const kernelBtf = readBtf(new Uint8Array(readFileSync(btfPath)))
// The kernel's configuration: values of externs, and what helpers there are.
const configPath = options.get('config') ?? '/proc/config.gz'
const configBytes = existsSync(configPath) ? readFileSync(configPath) : Buffer.alloc(0)
const kconfig = (configPath.endsWith('.gz') ? gunzipSync(configBytes) : configBytes).toString()
const machine = { config: parseKernelConfig(kconfig) }
// `bpf`: CAP_BPF and CAP_NET_ADMIN without CAP_PERFMON.
const privileges: Privileges | undefined = { bpf: { bpf: true, perfmon: false, netAdmin: true }, none: NO_PRIVILEGES }[
  options.get('privileges') ?? ''
]
const filter = options.get('filter') ?? ''
const show = options.get('show')
const list = options.get('list')
const exact = release().startsWith(`${kernel.version}.`) ? release() : kernel.version
const [major = 0, minor = 0, patch = 0] = exact.split(/[.-]/).map(Number)
const kernelVersion = (major << 16) | (minor << 8) | patch

const answers = new Map<string, Answer[]>()
for (const line of readFileSync(answersPath, 'utf8').split('\n')) {
  if (!line) continue
  const answer = JSON.parse(line) as Answer
  if (answer.prog === undefined || !answer.obj.includes(filter)) continue
  const own = answers.get(answer.obj) ?? []
  own.push(answer)
  answers.set(answer.obj, own)
}

const tally = new VerdictTally(list)

for (const [name, own] of answers) {
  if (!own.some(answer => (answer.processed ?? -1) >= 0)) continue
  if (show && !show.startsWith(`${name}:`)) continue
  let prepared: PreparedObject
  try {
    const path = join(objects, name)
    prepared = prepareObject(openObject(new Uint8Array(readFileSync(path)), name), { kernelBtf, kernelVersion, kconfig })
  } catch (error) {
    tally.other(`${name}: ${error}`)
    continue
  }
  for (const answer of own) {
    if (answer.processed === undefined || answer.processed < 0) continue
    const label = `${name}:${answer.prog}`
    if (show && show !== label) continue
    const program = prepared.programs.find(candidate => candidate.name === answer.prog)
    if (!program) {
      tally.other(`${label}: no such program`)
      continue
    }
    // The verifier said yes, what failed came after it (slots of program arrays).
    const accepted = answer.ok || messageOf(answer.log ?? '') === ''
    const started = performance.now()
    let verdict: Verdict
    try {
      verdict = verifyProgram(prepared, program, {
        kernel,
        machine,
        ...(privileges && { privileges }),
        unsettled: options.has('unsettled'),
        logLevel: show ? Number(options.get('log') ?? 2) : 0,
        limits: { milliseconds: Number(options.get('time') ?? 20000) },
      })
    } catch (error) {
      tally.other(`${label}: ${error instanceof Error ? error.stack : error}`)
      continue
    }
    const took = performance.now() - started
    if (show) {
      console.log(verdict.log)
      console.log(verdict.verdict, verdict.message)
      console.log('kernel:', answer.ok ? 'accepted' : 'rejected', answer.processed, answer.states, answer.log)
    }
    tally.add(
      label,
      { accepted, log: answer.log ?? '', processed: answer.processed, states: answer.states, time: answer.verify_us },
      verdict,
      took,
    )
  }
}
tally.report(kernel.version)
