/**
 * The text the verifier says, kept as the kernel keeps it: a growing text whose end is thrown away when a path is left (level 1).
 * What is older than the last `limit` characters is forgotten, as by the kernel's own rotating log (6.4). At level 0 only the last lines are
 * kept, since the message of a verdict is among them.
 */
export const LOG_LEVEL1 = 1
export const LOG_LEVEL2 = 2
export const LOG_STATS = 4

const CHUNK = 16384
export const DEFAULT_LOG_LIMIT = 64 << 20

export class VerifierLog {
  /** Full pieces, and the one that is written to; a long text in one string would be copied whenever its end is thrown away. */
  private chunks: string[] = []
  private last = ''
  /** Position of the first character still there. */
  private start = 0
  private end = 0
  /** The line that is not ended yet, and the last complete ones, for level 0. */
  private tail = ''

  constructor(
    /** Bits LOG_LEVEL1, LOG_LEVEL2, LOG_STATS. */
    readonly level: number,
    private readonly limit = DEFAULT_LOG_LIMIT,
  ) {}

  /** Whether instructions and states are printed. */
  get verbose(): boolean {
    return (this.level & (LOG_LEVEL1 | LOG_LEVEL2)) !== 0
  }

  /** Whether what is said is kept: messages are, at every level but 0. */
  private get kept(): boolean {
    return this.level !== 0
  }

  /** Characters written so far, those forgotten included. */
  get position(): number {
    return this.end
  }

  write(text: string): void {
    if (!this.kept) {
      this.tail += text
      if (this.tail.length > 4096) this.tail = this.tail.slice(-2048)
      return
    }
    this.last += text
    this.end += text.length
    if (this.last.length < CHUNK) return
    this.chunks.push(this.last)
    this.last = ''
    if (this.end - this.start <= this.limit) return
    const surplus = Math.max(1, this.chunks.length >> 3)
    for (const dropped of this.chunks.splice(0, surplus)) this.start += dropped.length
  }

  /** Forgets everything from a position on (bpf_vlog_reset). */
  reset(position: number): void {
    if (!this.kept) {
      this.tail = ''
      return
    }
    if (position >= this.end) return
    let from = this.end - this.last.length
    while (position < from && this.chunks.length > 0) {
      this.last = this.chunks.pop()!
      from -= this.last.length
    }
    this.last = this.last.slice(0, Math.max(0, position - from))
    this.end = position
    if (this.start > position) this.start = position
  }

  get all(): string {
    return this.kept ? this.chunks.join('') + this.last : this.tail
  }

  /** The last non-empty line. */
  get lastLine(): string {
    const text = this.kept ? (this.chunks[this.chunks.length - 1] ?? '') + this.last : this.tail
    const lines = text.trimEnd()
    return lines.slice(lines.lastIndexOf('\n') + 1)
  }
}
