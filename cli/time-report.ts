/** `--time-report`: how long each stage took and how much memory the process has had, for those who make bpfc faster. */
import type { Stage } from '../compiler/pipeline.js'

export class TimeReport {
  private readonly rows: { stage: string; milliseconds: number; cpu: number }[] = []
  private wall = performance.now()
  private cpu = process.cpuUsage()

  /** Begins the clock. The first row is what the process had used before. */
  constructor(private readonly path: string) {
    this.rows.push({ stage: 'before', milliseconds: this.wall, cpu: (this.cpu.user + this.cpu.system) / 1000 })
  }

  readonly stageDone = (stage: Stage): void => {
    const now = performance.now()
    const used = process.cpuUsage()
    this.rows.push({
      stage,
      milliseconds: now - this.wall,
      cpu: (used.user + used.system - this.cpu.user - this.cpu.system) / 1000,
    })
    this.wall = now
    this.cpu = used
  }

  /** One line a stage: wall and CPU milliseconds (CPU counts V8's own threads), then the peak of resident memory. */
  text(): string {
    const line = (stage: string, milliseconds: number, cpu: number) =>
      `${stage.padEnd(12)}${milliseconds.toFixed(1).padStart(9)} ms${cpu.toFixed(1).padStart(9)} ms CPU`
    const peak = process.resourceUsage().maxRSS / 1024
    return [
      `time report: ${this.path}`,
      ...this.rows.map(row => line(row.stage, row.milliseconds, row.cpu)),
      `peak memory ${peak.toFixed(0)} MB`,
      '',
    ].join('\n')
  }
}
