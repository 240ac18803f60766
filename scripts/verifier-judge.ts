/**
 * Compares our verifier's verdicts with a kernel's, on objects and the kernel's answers as JSON lines (`loadcheck`: obj, prog, ok,
 * processed, states, log).
 *
 * usage: node scripts/run-ts.mjs scripts/verifier-judge.ts --objects DIR --answers FILE --kernel 6.18 [--btf FILE] [--filter TEXT]
 *        [--list false-accept|false-reject|not-implemented|message|processed] [--show OBJ:PROG] [--log N] [--time MS] [--config FILE]
 *        [--privileges bpf|none]
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openObject } from '../linker/object/open.js'
import { prepareObject } from '../linker/object/prepare.js'
import type { PreparedObject } from '../linker/object/prepared.js'
import { type Verdict, verifyProgram } from '../runtime/verifier/verify.js'
import { messageOf, VerdictTally } from './verdict-tally.js'
import { btfPathOf, judgedKernel, judgedProfile, judgeOptions } from './judged-kernel.js'

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

const options = judgeOptions()
const objects = options.get('objects') ?? process.env['BPFC_CORPUS'] ?? ''
const answersPath = options.get('answers') ?? (objects ? join(objects, 'progs.jsonl') : '')
const kernel = judgedProfile(options)
if (!kernel || !existsSync(answersPath) || !existsSync(btfPathOf(options))) {
  console.error(
    'verifier-judge: needs --objects DIR with objects, --answers FILE (default DIR/progs.jsonl), --kernel, --btf FILE',
  )
  process.exit(2)
}
const { kernelBtf, kconfig, machine, privileges, kernelVersion } = judgedKernel(options, kernel.version)
const filter = options.get('filter') ?? ''
const show = options.get('show')
const list = options.get('list')

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
    prepared = prepareObject(openObject(new Uint8Array(readFileSync(path)), name, { anyLoader: true }), {
      kernelBtf,
      kernelVersion,
      kconfig,
      anyLoader: true,
    })
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
