/**
 * The text the verifier says, kept as the kernel keeps it: a growing text whose end is thrown away when a path is left (level 1).
 * At level 0 only the last lines are kept, since the message of a verdict is among them.
 */
export const LOG_LEVEL1 = 1
export const LOG_LEVEL2 = 2
export const LOG_STATS = 4

export class VerifierLog {
  private text = ''
  /** The line that is not ended yet, and the last complete ones, for level 0. */
  private tail = ''

  constructor(
    /** Bits LOG_LEVEL1, LOG_LEVEL2, LOG_STATS. */
    readonly level: number,
  ) {}

  /** Whether instructions and states are printed. */
  get verbose(): boolean {
    return (this.level & (LOG_LEVEL1 | LOG_LEVEL2)) !== 0
  }

  get position(): number {
    return this.text.length
  }

  write(text: string): void {
    if (this.verbose) this.text += text
    else {
      this.tail += text
      if (this.tail.length > 4096) this.tail = this.tail.slice(-2048)
    }
  }

  /** Forgets everything from a position on (bpf_vlog_reset). */
  reset(position: number): void {
    if (!this.verbose) this.tail = ''
    else if (position < this.text.length) this.text = this.text.slice(0, position)
  }

  get all(): string {
    return this.verbose ? this.text : this.tail
  }

  /** The last non-empty line. */
  get lastLine(): string {
    const lines = this.all.trimEnd()
    return lines.slice(lines.lastIndexOf('\n') + 1)
  }
}
