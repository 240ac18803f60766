/** Which lines and branches of the C source ran, and where the instructions went: from counts per instruction and line information. */
import { classify, isForm } from '../../assembler/isa/isa-table.js'
import { Insns } from '../../assembler/isa/insns.js'
import type { ProgramImage } from './program-image.js'

export interface LineCoverage {
  readonly line: number
  /** How often the line ran; where it was inlined several times, all its copies together. */
  count: number
  /** Instructions executed for it. */
  insns: number
  /** Conditional jumps of the line: how often taken, how often not. */
  readonly branches: { readonly slot: number; readonly taken: number; readonly fallen: number }[]
}

export interface FileCoverage {
  readonly path: string
  readonly lines: ReadonlyMap<number, LineCoverage>
}

export interface ProgramCoverage {
  readonly program: string
  readonly files: readonly FileCoverage[]
}

/** A stretch of instructions that line information gives to one place in the source. */
interface Stretch {
  readonly slot: number
  readonly column: number
  /** The count of its most frequent instruction. */
  count: number
}

/** Stretches of one line closer than this, in slots, belong to one evaluation of it, whatever comes between. */
const NEAR = 4

/**
 * How often a line ran. A line of a function that was inlined at several places has several copies of its instructions, and line
 * information does not say which belongs to which. But each copy has every column of the line, so the column with the fewest
 * stretches marks where copies begin. Within a copy the most frequent instruction counts; copies add up.
 */
function lineCount(stretches: readonly Stretch[]): number {
  const columns = new Map<number, Stretch[]>()
  for (const stretch of stretches) {
    const same = columns.get(stretch.column)
    if (same) same.push(stretch)
    else columns.set(stretch.column, [stretch])
  }
  let marks = [...columns.values()].reduce((fewest, each) => (each.length < fewest.length ? each : fewest))
  if (columns.size === 1) marks = marks.filter(({ slot }, index) => index === 0 || slot - marks[index - 1]!.slot > NEAR)
  const counts = marks.map(() => 0)
  let copy = 0
  for (const { slot, count } of stretches) {
    while (copy + 1 < marks.length && slot >= marks[copy + 1]!.slot) copy++
    counts[copy] = Math.max(counts[copy]!, count)
  }
  return counts.reduce((sum, count) => sum + count, 0)
}

/** Throws a RangeError when the VM was not made with `coverage`. */
export function coverageOf(image: ProgramImage): ProgramCoverage {
  const { hits, taken, words, lineInfo } = image
  if (!hits || !taken) throw new RangeError('make the VM with the option `coverage` to count')
  const files = new Map<string, Map<number, LineCoverage>>()
  const stretches = new Map<LineCoverage, Stretch[]>()
  const insns = Insns.fromBytes(new Uint8Array(words.buffer))
  let next = 0
  let current: LineCoverage | undefined
  let stretch: Stretch | undefined
  for (let slot = 0; slot < hits.length; slot++) {
    for (; next < lineInfo.length && lineInfo[next]!.slot <= slot; next++) {
      const { path, line, column } = lineInfo[next]!
      const lines = files.get(path) ?? new Map<number, LineCoverage>()
      files.set(path, lines)
      current = lines.get(line) ?? { line, count: 0, insns: 0, branches: [] }
      lines.set(line, current)
      stretch = { slot, column, count: 0 }
      const known = stretches.get(current)
      if (known) known.push(stretch)
      else stretches.set(current, [stretch])
    }
    if (!current || !stretch) continue
    const count = hits[slot]!
    stretch.count = Math.max(stretch.count, count)
    current.insns += count
    const code = words[slot * 2]! & 0xff
    if ((code & 7) === 5 || (code & 7) === 6) {
      const form = classify(insns, slot)
      if (isForm(form) && form.kind === 'jump') current.branches.push({ slot, taken: taken[slot]!, fallen: count - taken[slot]! })
    }
    if (code === 0x18) slot++
  }
  for (const [line, all] of stretches) {
    // The line a function begins at holds what is before its first statement, and with macros also its returns: it ran once a call.
    const isEntry = all[0]!.slot === 0
    line.count = isEntry ? all.reduce((most, { count }) => Math.max(most, count), 0) : lineCount(all)
  }
  return { program: image.name, files: [...files].map(([path, each]) => ({ path, lines: each })) }
}

/** Adds up several programs' coverage by file. */
export function mergeCoverage(all: readonly ProgramCoverage[]): FileCoverage[] {
  const files = new Map<string, Map<number, LineCoverage>>()
  for (const { files: some } of all)
    for (const { path, lines } of some) {
      const into = files.get(path) ?? new Map<number, LineCoverage>()
      files.set(path, into)
      for (const { line, count, insns, branches } of lines.values()) {
        const known = into.get(line)
        if (!known) into.set(line, { line, count, insns, branches: [...branches] })
        else {
          known.count += count
          known.insns += insns
          known.branches.push(...branches)
        }
      }
    }
  return [...files].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, lines]) => ({ path, lines }))
}

/** The coverage as an lcov tracefile (geninfo(1)). */
export function lcov(all: readonly ProgramCoverage[]): string {
  const out: string[] = []
  for (const { path, lines } of mergeCoverage(all)) {
    const sorted = [...lines.values()].sort((a, b) => a.line - b.line)
    out.push('TN:', `SF:${path}`)
    let branches = 0
    let hit = 0
    for (const { line, branches: jumps, count } of sorted)
      for (const [index, { taken, fallen }] of jumps.entries())
        for (const [side, times] of [fallen, taken].entries()) {
          out.push(`BRDA:${line},${index},${side},${count === 0 ? '-' : times}`)
          branches++
          if (times > 0) hit++
        }
    out.push(`BRF:${branches}`, `BRH:${hit}`)
    for (const { line, count } of sorted) out.push(`DA:${line},${count}`)
    out.push(`LF:${sorted.length}`, `LH:${sorted.filter(each => each.count > 0).length}`, 'end_of_record')
  }
  return `${out.join('\n')}\n`
}

/** Lines and branches covered by file, as a text table. */
export function coverageTable(all: readonly ProgramCoverage[]): string {
  const rows = mergeCoverage(all).map(({ path, lines }) => {
    const list = [...lines.values()]
    const jumps = list.flatMap(each => each.branches).flatMap(({ taken, fallen }) => [taken, fallen])
    const share = (part: number, whole: number) =>
      whole === 0 ? '-' : `${((part / whole) * 100).toFixed(1)} % (${part}/${whole})`
    return [
      path,
      share(list.filter(each => each.count > 0).length, list.length),
      share(jumps.filter(times => times > 0).length, jumps.length),
    ]
  })
  const table = [['file', 'lines', 'branches'], ...rows]
  const widths = [0, 1, 2].map(column => Math.max(...table.map(row => row[column]!.length)))
  return `${table
    .map(row =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')}\n`
}

/** Instructions executed per source line, most first: `{ path, line, insns }`. */
export function profile(
  all: readonly ProgramCoverage[],
): { readonly path: string; readonly line: number; readonly insns: number }[] {
  return mergeCoverage(all)
    .flatMap(({ path, lines }) => [...lines.values()].map(({ line, insns }) => ({ path, line, insns })))
    .filter(({ insns }) => insns > 0)
    .sort((a, b) => b.insns - a.insns)
}

/** Adds up coverage of the same programs from several VMs: one entry a program, its branches by instruction. */
export function sumRuns(all: readonly ProgramCoverage[]): ProgramCoverage[] {
  const programs = new Map<string, Map<string, Map<number, LineCoverage>>>()
  for (const { program, files } of all) {
    const intoFiles = programs.get(program) ?? new Map<string, Map<number, LineCoverage>>()
    programs.set(program, intoFiles)
    for (const { path, lines } of files) {
      const into = intoFiles.get(path) ?? new Map<number, LineCoverage>()
      intoFiles.set(path, into)
      for (const { line, count, insns, branches } of lines.values()) {
        const known = into.get(line)
        const before = new Map(known?.branches.map(branch => [branch.slot, branch]))
        into.set(line, {
          line,
          count: count + (known?.count ?? 0),
          insns: insns + (known?.insns ?? 0),
          branches: branches.map(({ slot, taken, fallen }) => {
            const old = before.get(slot)
            return { slot, taken: taken + (old?.taken ?? 0), fallen: fallen + (old?.fallen ?? 0) }
          }),
        })
      }
    }
  }
  return [...programs].map(([program, files]) => ({
    program,
    files: [...files].map(([path, lines]) => ({ path, lines })),
  }))
}
