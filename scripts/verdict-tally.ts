/** Counts how our verifier's verdicts compare with a kernel's, and prints what differs; used by the judges beside it. */
import type { Verdict } from '../runtime/verifier/verify.js'

/** What a kernel said of a program. */
export interface KernelAnswer {
  readonly accepted: boolean
  readonly log: string
  readonly processed: number
  readonly states: number
  /** Microseconds that it took. */
  readonly time: number
}

/** The message: the last line before the statistics. */
export function messageOf(log: string): string {
  // Some messages have no end of line of their own.
  const lines = log
    .replace(/(?<!^)verification time \d+ usec$/m, '\n$&')
    .split('\n')
    .filter(line => line !== '')
  const end = lines.findIndex(line => /^(verification time|stack depth|processed \d+ insns)/.test(line))
  return (end < 0 ? lines.at(-1) : lines[end - 1]) ?? ''
}

/** Messages without what differs from machine to machine: BTF ids, addresses. */
const normal = (text: string): string =>
  text
    .replace(/#\d{4,}/g, '#N')
    .replace(/btf_id \d+/g, 'btf_id N')
    .replace(/^fd -?\d+ /, 'fd N ')
    // What was printed before a path was left loses its end of line.
    .replace(/^\d+: \([0-9a-f]{2}\) .* (?=BPF program is too large)/, '')
    // libbpf puts words of its own in the place of the call that it poisons.
    .replace(/^failed to resolve CO-RE relocation .*|^kfunc '.*' is referenced but wasn't resolved/, 'invalid func unknown#N')

const bySize = (map: Map<string, string[]>) => [...map].sort((a, b) => b[1].length - a[1].length)
const total = (map: Map<string, string[]>) => [...map.values()].reduce((sum, entries) => sum + entries.length, 0)
const percent = (part: number, whole: number) => (whole ? `${((100 * part) / whole).toFixed(1)} %` : '-')

export class VerdictTally {
  private decided = 0
  private agree = 0
  private acceptedBoth = 0
  private rejectedBoth = 0
  private sameProcessed = 0
  private sameStates = 0
  private sameMessage = 0
  private ourTime = 0
  private kernelTime = 0
  private readonly falseAccepts: string[] = []
  private readonly falseRejects = new Map<string, string[]>()
  private readonly missing = new Map<string, string[]>()
  private readonly others: string[] = []

  constructor(
    /** What to print one by one: false-accept, false-reject, not-implemented, message, processed, states. */
    private readonly list: string | undefined,
  ) {}

  /** Something that kept us from a verdict. */
  other(text: string): void {
    this.others.push(text)
  }

  /** `milliseconds` is our own time. */
  add(label: string, kernel: KernelAnswer, verdict: Verdict, milliseconds: number): void {
    this.decided++
    const push = (map: Map<string, string[]>, key: string) => map.set(key, [...(map.get(key) ?? []), label])
    const { list } = this
    if (verdict.verdict === 'accepted' && kernel.accepted) {
      this.agree++
      this.acceptedBoth++
      this.ourTime += milliseconds * 1000
      this.kernelTime += kernel.time
      if (verdict.processed === kernel.processed) this.sameProcessed++
      else if (list === 'processed') console.log(`processed ${label}: ${verdict.processed}, kernel ${kernel.processed}`)
      if (verdict.totalStates === kernel.states) this.sameStates++
      else if (list === 'states') console.log(`states ${label}: ${verdict.totalStates}, kernel ${kernel.states}`)
    } else if (verdict.verdict === 'rejected' && !kernel.accepted) {
      this.agree++
      this.rejectedBoth++
      const theirs = messageOf(kernel.log)
      if (normal(theirs) === normal(verdict.message)) this.sameMessage++
      else if (list === 'message') console.log(`message ${label}:\n  ours   ${verdict.message}\n  kernel ${theirs}`)
    } else if (verdict.verdict === 'accepted') this.falseAccepts.push(`${label}: ${messageOf(kernel.log)}`)
    else if (verdict.verdict === 'rejected') push(this.falseRejects, verdict.message.replace(/\d+/g, 'N'))
    else if (verdict.verdict === 'not-implemented') push(this.missing, verdict.message)
    else this.others.push(`${label}: ${verdict.verdict} ${verdict.message}`)
  }

  report(version: string): void {
    const { list } = this
    console.log(`kernel ${version}: decided ${this.decided}, agree ${this.agree} (${percent(this.agree, this.decided)})`)
    console.log(`  false accepts ${this.falseAccepts.length}`)
    for (const entry of this.falseAccepts.slice(0, list === 'false-accept' ? undefined : 40)) console.log(`    ${entry}`)
    console.log(`  false rejects ${total(this.falseRejects)}`)
    for (const [message, entries] of bySize(this.falseRejects).slice(0, 40))
      console.log(`    ${entries.length} ${message}: ${entries.slice(0, list === 'false-reject' ? undefined : 3).join(' ')}`)
    console.log(`  not implemented ${total(this.missing)}`)
    for (const [feature, entries] of bySize(this.missing).slice(0, list === 'not-implemented' ? undefined : 50))
      console.log(`    ${entries.length} ${feature}: ${entries.slice(0, list === 'not-implemented' ? undefined : 2).join(' ')}`)
    console.log(`  other ${this.others.length}`)
    for (const entry of this.others.slice(0, 20)) console.log(`    ${entry}`)
    console.log(`  messages equal ${this.sameMessage} of ${this.rejectedBoth} (${percent(this.sameMessage, this.rejectedBoth)})`)
    console.log(
      `  processed equal ${this.sameProcessed} of ${this.acceptedBoth} (${percent(this.sameProcessed, this.acceptedBoth)}), states ${this.sameStates}`,
    )
    console.log(`  time ${(this.ourTime / 1e6).toFixed(2)} s, the kernel's ${(this.kernelTime / 1e6).toFixed(2)} s`)
  }
}
