/**
 * Compares our verifier's verdicts with a kernel's, on objects and the kernel's answers as JSON lines (`loadcheck`: obj, prog, ok,
 * processed, states, log).
 *
 * usage: node scripts/run-ts.mjs scripts/verifier-judge.ts --objects DIR --answers FILE --kernel 6.18 [--btf FILE] [--filter TEXT]
 *        [--list false-accept|false-reject|not-implemented|message|processed] [--show OBJ:PROG] [--log N] [--time MS]
 */
import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { join } from 'node:path'
import { readBtf } from '../linker/btf/btf-file.js'
import { openObject } from '../linker/object/open.js'
import { prepareObject } from '../linker/object/prepare.js'
import type { PreparedObject } from '../linker/object/prepared.js'
import { kernelProfile } from '../runtime/kernel/profile.js'
import { type Verdict, verifyProgram } from '../runtime/verifier/verify.js'

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
// CONFIG_ values as externs; any kernel's will do for programs that only ask.
const kconfig = existsSync('/proc/config.gz') ? gunzipSync(readFileSync('/proc/config.gz')).toString() : ''
const filter = options.get('filter') ?? ''
const show = options.get('show')
const list = options.get('list')
const version = kernel.version.split('.').map(Number)
const kernelVersion = (version[0]! << 16) | (version[1]! << 8)

/** The message: the last line before the statistics. */
function messageOf(log: string): string {
  const lines = log.split('\n').filter(line => line !== '')
  const end = lines.findIndex(line => /^(verification time|stack depth|processed \d+ insns)/.test(line))
  return (end < 0 ? lines.at(-1) : lines[end - 1]) ?? ''
}

/** Messages without what differs from machine to machine: BTF ids, addresses. */
const normal = (text: string): string =>
  text
    .replace(/#\d{4,}/g, '#N')
    .replace(/btf_id \d+/g, 'btf_id N')
    .replace(/^fd -?\d+ /, 'fd N ')
    // libbpf puts words of its own in the place of the call that it poisons.
    .replace(/^failed to resolve CO-RE relocation .*|^kfunc '.*' is referenced but wasn't resolved/, 'invalid func unknown#N')

const answers = new Map<string, Answer[]>()
for (const line of readFileSync(answersPath, 'utf8').split('\n')) {
  if (!line) continue
  const answer = JSON.parse(line) as Answer
  if (answer.prog === undefined || !answer.obj.includes(filter)) continue
  const own = answers.get(answer.obj) ?? []
  own.push(answer)
  answers.set(answer.obj, own)
}

let decided = 0
let agree = 0
let acceptedBoth = 0
let rejectedBoth = 0
let sameProcessed = 0
let sameStates = 0
let sameMessage = 0
let ourTime = 0
let kernelTime = 0
const falseAccepts: string[] = []
const falseRejects = new Map<string, string[]>()
const missing = new Map<string, string[]>()
const other: string[] = []
const push = (map: Map<string, string[]>, key: string, value: string) => map.set(key, [...(map.get(key) ?? []), value])

for (const [name, own] of answers) {
  if (!own.some(answer => (answer.processed ?? -1) >= 0)) continue
  if (show && !show.startsWith(`${name}:`)) continue
  let prepared: PreparedObject
  try {
    const path = join(objects, name)
    prepared = prepareObject(openObject(new Uint8Array(readFileSync(path)), name), { kernelBtf, kernelVersion, kconfig })
  } catch (error) {
    other.push(`${name}: ${error}`)
    continue
  }
  for (const answer of own) {
    if (answer.processed === undefined || answer.processed < 0) continue
    const label = `${name}:${answer.prog}`
    if (show && show !== label) continue
    const program = prepared.programs.find(candidate => candidate.name === answer.prog)
    if (!program) {
      other.push(`${label}: no such program`)
      continue
    }
    decided++
    // The verifier said yes, what failed came after it (slots of program arrays).
    const accepted = answer.ok || messageOf(answer.log ?? '') === ''
    const started = performance.now()
    let verdict: Verdict
    try {
      verdict = verifyProgram(prepared, program, {
        kernel,
        unsettled: options.has('unsettled'),
        logLevel: show ? Number(options.get('log') ?? 2) : 0,
        limits: { milliseconds: Number(options.get('time') ?? 20000) },
      })
    } catch (error) {
      other.push(`${label}: ${error instanceof Error ? error.stack : error}`)
      continue
    }
    const took = performance.now() - started
    if (show) {
      console.log(verdict.log)
      console.log(verdict.verdict, verdict.message)
      console.log('kernel:', answer.ok ? 'accepted' : 'rejected', answer.processed, answer.states, answer.log)
    }
    if (verdict.verdict === 'accepted' && accepted) {
      agree++
      acceptedBoth++
      ourTime += took * 1000
      kernelTime += answer.verify_us
      if (verdict.processed === answer.processed) sameProcessed++
      else if (list === 'processed') console.log(`processed ${label}: ${verdict.processed}, kernel ${answer.processed}`)
      if (verdict.totalStates === answer.states) sameStates++
      else if (list === 'states') console.log(`states ${label}: ${verdict.totalStates}, kernel ${answer.states}`)
    } else if (verdict.verdict === 'rejected' && !accepted) {
      agree++
      rejectedBoth++
      const theirs = messageOf(answer.log ?? '')
      if (normal(theirs) === normal(verdict.message)) sameMessage++
      else if (list === 'message') console.log(`message ${label}:\n  ours   ${verdict.message}\n  kernel ${theirs}`)
    } else if (verdict.verdict === 'accepted') falseAccepts.push(`${label}: ${messageOf(answer.log ?? '')}`)
    else if (verdict.verdict === 'rejected') push(falseRejects, verdict.message.replace(/\d+/g, 'N'), label)
    else if (verdict.verdict === 'not-implemented') push(missing, verdict.message, label)
    else other.push(`${label}: ${verdict.verdict} ${verdict.message}`)
  }
}

const bySize = (map: Map<string, string[]>) => [...map].sort((a, b) => b[1].length - a[1].length)
const total = (map: Map<string, string[]>) => [...map.values()].reduce((sum, entries) => sum + entries.length, 0)
const percent = (part: number, whole: number) => (whole ? `${((100 * part) / whole).toFixed(1)} %` : '-')
console.log(`kernel ${kernel.version}: decided ${decided}, agree ${agree} (${percent(agree, decided)})`)
console.log(`  false accepts ${falseAccepts.length}`)
for (const entry of falseAccepts.slice(0, list === 'false-accept' ? undefined : 40)) console.log(`    ${entry}`)
console.log(`  false rejects ${total(falseRejects)}`)
for (const [message, entries] of bySize(falseRejects).slice(0, 40))
  console.log(`    ${entries.length} ${message}: ${entries.slice(0, list === 'false-reject' ? undefined : 3).join(' ')}`)
console.log(`  not implemented ${total(missing)}`)
for (const [feature, entries] of bySize(missing).slice(0, list === 'not-implemented' ? undefined : 50))
  console.log(`    ${entries.length} ${feature}: ${entries.slice(0, 2).join(' ')}`)
console.log(`  other ${other.length}`)
for (const entry of other.slice(0, 20)) console.log(`    ${entry}`)
console.log(`  messages equal ${sameMessage} of ${rejectedBoth} (${percent(sameMessage, rejectedBoth)})`)
console.log(
  `  processed equal ${sameProcessed} of ${acceptedBoth} (${percent(sameProcessed, acceptedBoth)}), states ${sameStates}`,
)
console.log(`  time ${(ourTime / 1e6).toFixed(2)} s, the kernel's ${(kernelTime / 1e6).toFixed(2)} s`)
