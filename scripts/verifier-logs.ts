/**
 * Compares our verifier's whole logs with a kernel's, line by line. The kernel's come as JSON lines: obj, prog, level, log.
 *
 * usage: node scripts/run-ts.mjs scripts/verifier-logs.ts --objects DIR --logs FILE --kernel 6.18 [--btf FILE] [--config FILE]
 *        [--privileges bpf|none] [--show OBJ:PROG] [--list N]
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openObject } from '../linker/object/open.js'
import { prepareObject } from '../linker/object/prepare.js'
import { verifyProgram } from '../runtime/verifier/verify.js'
import { judgedKernel, judgedProfile, judgeOptions } from './judged-kernel.js'

interface KernelLog {
  readonly obj: string
  readonly prog: string
  readonly level: number
  readonly log: string
}

const options = judgeOptions()
const objects = options.get('objects') ?? ''
const logsPath = options.get('logs') ?? ''
const kernel = judgedProfile(options)
if (!kernel || !existsSync(logsPath)) {
  console.error('verifier-logs: needs --objects DIR, --logs FILE, --kernel')
  process.exit(2)
}
const { kernelBtf, kconfig, machine, privileges, kernelVersion } = judgedKernel(options, kernel.version)

/** Lines without what is the machine's: times, addresses, numbers of file descriptors and BTF objects. */
function linesOf(log: string): string[] {
  return log
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('verification time '))
    .map(line =>
      line
        .replace(/(\(18\) r\d+ = )0x[0-9a-f]+/g, '$1ADDR')
        .replace(/#\d{5,}/g, '#N')
        // Addresses have more digits than what stands for them here.
        .replace(/(\(18\) .*?) +;/, '$1 ;')
        .replace(/(call [\w]+#N) +;/, '$1 ;')
        .replace(/mark_read \d+/, 'mark_read N')
        .trimEnd(),
    )
}

/** Length of the longest common subsequence by greedy matching within a window, which is enough for logs that hardly differ. */
function align(ours: readonly string[], theirs: readonly string[]): { equal: number; ours: string[]; theirs: string[] } {
  let equal = 0
  const onlyOurs: string[] = []
  const onlyTheirs: string[] = []
  let i = 0
  let j = 0
  while (i < ours.length && j < theirs.length) {
    if (ours[i] === theirs[j]) {
      equal++
      i++
      j++
      continue
    }
    let best = Infinity
    let at: readonly [number, number] | undefined
    for (let d = 1; d < 200 && d < best; d++)
      for (let a = 0; a <= d; a++)
        if (i + a < ours.length && j + d - a < theirs.length && ours[i + a] === theirs[j + d - a]) {
          best = d
          at = [a, d - a]
          break
        }
    const [a, b] = at ?? [1, 1]
    onlyOurs.push(...ours.slice(i, i + a))
    onlyTheirs.push(...theirs.slice(j, j + b))
    i += a
    j += b
  }
  onlyOurs.push(...ours.slice(i))
  onlyTheirs.push(...theirs.slice(j))
  return { equal, ours: onlyOurs, theirs: onlyTheirs }
}

let programs = 0
let same = 0
let lines = 0
let equalLines = 0
const classes = new Map<string, { count: number; example: string }>()
const note = (side: string, line: string, label: string) => {
  const key = `${side} ${line
    .replace(/0x[0-9a-f]+/g, '0xN')
    .replace(/\d+/g, 'N')
    .slice(0, 60)}`
  const entry = classes.get(key) ?? { count: 0, example: `${label}: ${line}` }
  entry.count++
  classes.set(key, entry)
}
for (const line of readFileSync(logsPath, 'utf8').split('\n')) {
  if (!line) continue
  const row = JSON.parse(line) as KernelLog
  const label = `${row.obj}:${row.prog}`
  if (options.has('show') && options.get('show') !== label) continue
  if (!/^processed \d+ insns/m.test(row.log)) continue
  const prepared = prepareObject(openObject(new Uint8Array(readFileSync(join(objects, row.obj))), row.obj), {
    kernelBtf,
    kernelVersion,
    kconfig,
  })
  const program = prepared.programs.find(each => each.name === row.prog)
  if (!program) continue
  const { log } = verifyProgram(prepared, program, {
    kernel,
    machine,
    logLevel: row.level,
    limits: { milliseconds: 60000 },
    ...(privileges && { privileges }),
  })
  const ours = linesOf(log)
  const theirs = linesOf(row.log)
  const result = align(ours, theirs)
  programs++
  lines += theirs.length
  equalLines += result.equal
  if (result.ours.length === 0 && result.theirs.length === 0) same++
  for (const each of result.ours) note('ours  ', each, label)
  for (const each of result.theirs) note('kernel', each, label)
  if (options.has('show')) {
    for (const each of result.ours) console.log(`- ${each}`)
    for (const each of result.theirs) console.log(`+ ${each}`)
  }
}
console.log(
  `kernel ${kernel.version}: ${programs} programs, ${same} logs the same; ${equalLines} of ${lines} lines (${((100 * equalLines) / Math.max(lines, 1)).toFixed(2)} %)`,
)
for (const [key, { count, example }] of [...classes]
  .sort((a, b) => b[1].count - a[1].count)
  .slice(0, Number(options.get('list') ?? 30)))
  console.log(`  ${count} ${key}\n      ${example.slice(0, 200)}`)
