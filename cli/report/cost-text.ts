/** What `bpfc check --cost` prints, and the comparison with another object. */
import { type Paint, painter } from '../../base/colour.js'
import type { PreparedObject, PreparedProgram } from '../../linker/object/prepared.js'
import type { MachineFacts } from '../../runtime/kernel/machine.js'
import type { KernelProfile } from '../../runtime/kernel/profile.js'
import type { CostRow, ProgramCost } from '../../runtime/verifier/cost.js'
import type { ExtendedProgram } from '../../runtime/verifier/check/extension.js'
import { type Verdict, verifyProgram } from '../../runtime/verifier/verify.js'

/** What a program cost in the object that is compared with. */
export interface OldCost {
  readonly verdict: Verdict['verdict']
  readonly processed: number
  readonly states: number
}

export interface CostResult {
  readonly path: string
  readonly program: Pick<PreparedProgram, 'name' | 'section'>
  readonly kernel: Pick<KernelProfile, 'version' | 'insnLimit'>
  readonly verdict: Pick<Verdict, 'processed' | 'totalStates' | 'peakStates'>
  readonly ms: number
  readonly cost: ProgramCost | undefined
  readonly old: OldCost | undefined
}

/** Lines shown; `--format json` has all. */
const LINES = 10

export const costKey = (program: Pick<PreparedProgram, 'name'>, kernel: KernelProfile): string =>
  `${program.name}@${kernel.version}`

/** A kernel, the object as it would be loaded there, and what is known of the machine. */
export interface Target {
  readonly kernel: KernelProfile
  readonly prepared: PreparedObject
  readonly facts: MachineFacts
  /** The program that extensions in the object are for. */
  readonly extends?: ExtendedProgram
}

/** What every program costs, by `costKey`. */
export function costsOf(targets: readonly Target[]): Map<string, OldCost> {
  const costs = new Map<string, OldCost>()
  for (const { kernel, prepared, facts, extends: extended } of targets)
    for (const program of prepared.programs) {
      const { verdict, processed, totalStates } = verifyProgram(prepared, program, {
        kernel,
        machine: facts,
        ...(extended && { extends: extended }),
      })
      costs.set(costKey(program, kernel), { verdict, processed, states: totalStates })
    }
  return costs
}

/** Per cent more instructions processed than before; 0 where there is nothing to compare with, or the old one was not accepted. */
export function growth({ verdict, old }: Pick<CostResult, 'verdict' | 'old'>): number {
  if (old?.verdict !== 'accepted' || old.processed === 0) return 0
  return (100 * (verdict.processed - old.processed)) / old.processed
}

const count = (value: number): string => value.toLocaleString('en-US')

export function costText(result: CostResult, against: string | undefined, colour: boolean): string {
  const paint = painter(colour)
  const { path, program, kernel, verdict, ms, cost, old } = result
  const share = ((100 * verdict.processed) / kernel.insnLimit).toFixed(verdict.processed < kernel.insnLimit / 100 ? 2 : 1)
  let text = `\n${paint('bold', `${path.split('/').pop()}  ${program.name} (${program.section}), kernel ${kernel.version}`)}\n`
  text += `  ${count(verdict.processed)} of ${count(kernel.insnLimit)} instructions processed (${share} %), ${count(verdict.totalStates)} states, ${count(verdict.peakStates)} at most at once, ${ms.toFixed(1)} ms\n`
  if (against !== undefined) text += `  ${comparison(result, against, old, paint)}\n`
  if (!cost || cost.functions.length === 0) return text
  if (cost.functions.length > 1) text += table('function', cost.functions, verdict.processed, row => row.name, paint)
  const lines = cost.lines.slice(0, LINES)
  text += table('line', lines, verdict.processed, row => `${row.path.split('/').pop()}:${row.line}  ${row.text.trim()}`, paint)
  if (cost.lines.length > LINES) text += paint('dim', `  and ${cost.lines.length - LINES} lines more\n`)
  return text
}

function comparison(result: CostResult, against: string, old: OldCost | undefined, paint: Paint): string {
  if (!old) return `not in ${against}`
  if (old.verdict !== 'accepted') return `${old.verdict} in ${against}`
  const more = growth(result)
  const sign = more > 0 ? '+' : ''
  return `${count(old.processed)} in ${against}: ${paint(more > 0 ? 'yellow' : 'green', `${sign}${more.toFixed(1)} %`)}, ${count(old.states)} states there`
}

function table<T extends CostRow>(what: string, rows: readonly T[], all: number, name: (row: T) => string, paint: Paint): string {
  if (rows.length === 0) return ''
  let text = paint(
    'dim',
    `  ${'processed'.padStart(11)} ${'share'.padStart(7)} ${'states'.padStart(8)} ${'ms'.padStart(8)}  ${what}\n`,
  )
  for (const row of rows) {
    const share = `${((100 * row.processed) / Math.max(1, all)).toFixed(1)} %`
    text += `  ${count(row.processed).padStart(11)} ${share.padStart(7)} ${count(row.states).padStart(8)} ${row.ms.toFixed(1).padStart(8)}  ${name(row)}\n`
  }
  return text
}
