/**
 * Compares the line information of two compilers' objects, as a verifier's log would show it: an instruction's line is that of the last record
 * at or before it. Counts, over the programs that a kernel accepts from both, instructions with a line of their own function or of one that was
 * inlined there, calls whose line names what is called, and calls and loads that stand in both and have the same line.
 *
 * usage: node scripts/run-ts.mjs scripts/line-info-judge.ts --ours DIR --theirs DIR [--filter TEXT] [--list own|named|calls|loads] [--most N]
 *        each DIR has objects and progs.jsonl (the verdicts); sources are found by the paths in the objects, or in --sources DIR
 */
import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { BPF_CALL, BPF_JMP, BPF_LDX, BPF_PSEUDO_CALL } from '../assembler/isa/opcodes.js'
import { openObject } from '../linker/object/open.js'
import { prepareObject } from '../linker/object/prepare.js'
import type { PreparedFunction, PreparedProgram } from '../linker/object/prepared.js'
import { helperNames } from '../runtime/kernel/helper-names.js'

const args = new Map<string, string>()
for (let i = 2; i < process.argv.length; i += 2) args.set(process.argv[i]!.slice(2), process.argv[i + 1]!)

interface Answer {
  readonly obj: string
  readonly prog?: string
  readonly ok?: boolean
}

/** Accepted programs, as OBJECT:PROGRAM. */
function accepted(folder: string): Set<string> {
  const rows = readFileSync(join(folder, 'progs.jsonl'), 'utf8').trim().split('\n')
  const answers = rows.map(row => JSON.parse(row) as Answer).filter(each => each.ok)
  return new Set(answers.map(each => `${basename(each.obj)}:${each.prog}`))
}

/** Lines of a source file, each with the words of the head of the function that it stands in. */
type Heads = readonly (ReadonlySet<string> | undefined)[]
const sources = new Map<string, Heads>()

/** A body begins with a brace at the start of a line, or behind a closing parenthesis at the end of one, and ends with one in the first column. */
function headsOf(path: string): Heads {
  let heads = sources.get(path)
  if (heads) return heads
  const found = [path, join(args.get('sources') ?? '.', path), join(args.get('sources') ?? '.', basename(path))].find(existsSync)
  const lines = found === undefined ? [] : readFileSync(found, 'utf8').split('\n')
  const result: (ReadonlySet<string> | undefined)[] = [undefined]
  let start = 0
  let inside: ReadonlySet<string> | undefined
  lines.forEach((line, i) => {
    if (!inside && /^\{|\)[\w\s]*\{\s*$/.test(line)) {
      const head = lines.slice(start, i + 1)
      inside = new Set(head.join(' ').match(/\w+/g) ?? [])
      for (let at = start + 1; at < result.length; at++) result[at] = inside
    }
    result.push(inside)
    if (inside && /^\}/.test(line)) inside = undefined
    if (!inside && (/[;}]\s*$/.test(line) || line.trim() === '' || line.startsWith('#'))) start = i + 1
  })
  heads = result
  sources.set(path, heads)
  return heads
}

interface Counts {
  instructions: number
  /** With a line of the function itself or of one inlined. */
  own: number
  /** With a line of another function that stands in the program too. */
  foreign: number
  /** Without a line, or with one outside of every function. */
  none: number
  helperCalls: number
  /** Helper calls on whose line the helper's name stands. */
  named: number
}

/** Lines of the instructions of a kind, by kind and function. */
type Sites = Map<string, string[]>

interface Judged {
  readonly counts: Counts
  readonly calls: Sites
  readonly loads: Sites
}

const plain = (name: string): string => name.replace(/^_{4}/, '')

function judge(program: PreparedProgram): Judged {
  const counts: Counts = { instructions: 0, own: 0, foreign: 0, none: 0, helperCalls: 0, named: 0 }
  const judged: Judged = { counts, calls: new Map(), loads: new Map() }
  const { insns, lineInfo, functions } = program
  const names = functions.map(each => plain(each.name))
  const bySlot = new Map(functions.map(each => [each.slot, each]))
  let func: PreparedFunction | undefined
  let record = -1
  for (let slot = 0; slot < insns.length; slot++) {
    func = bySlot.get(slot) ?? func
    while (record + 1 < lineInfo.length && lineInfo[record + 1]!.slot <= slot) record++
    const line = lineInfo[record]
    const code = insns.code[slot]!
    counts.instructions++
    const head = line && line.line > 0 ? headsOf(line.path)[line.line] : undefined
    const name = plain(func?.name ?? '')
    if (!head) counts.none++
    else if (head.has(name) || !names.some(each => head.has(each))) counts.own++
    else counts.foreign++
    const place = line ? `${basename(line.path)}:${line.line}` : '-'
    const add = (sites: Sites, key: string) => {
      const list = sites.get(`${name} ${key}`)
      if (list) list.push(place)
      else sites.set(`${name} ${key}`, [place])
    }
    if (code === (BPF_JMP | BPF_CALL)) {
      const to = insns.src[slot] === BPF_PSEUDO_CALL ? bySlot.get(slot + 1 + insns.imm[slot]!)?.name : undefined
      const helper = insns.src[slot] === 0 ? helperNames[insns.imm[slot]!] : undefined
      add(judged.calls, to ?? helper ?? 'kfunc')
      if (helper !== undefined) {
        counts.helperCalls++
        if (line?.text.includes(helper)) counts.named++
      }
    } else if ((code & 7) === BPF_LDX) add(judged.loads, `${code} ${insns.off[slot]}`)
    if (code === 0x18) slot++
  }
  return judged
}

/** How many sites of a kind are in both, in equal number in a function, and how many of these have the same line. */
function shared(ours: Sites, theirs: Sites): { both: number; same: number } {
  let both = 0
  let same = 0
  for (const [key, lines] of ours) {
    const others = [...(theirs.get(key) ?? [])]
    if (others.length !== lines.length) continue
    both += lines.length
    for (const line of lines) {
      const at = others.indexOf(line)
      if (at < 0) continue
      others.splice(at, 1)
      same++
    }
  }
  return { both, same }
}

const percent = (part: number, whole: number): string => (whole ? `${((100 * part) / whole).toFixed(2)} %` : '-')

const [ourFolder, theirFolder] = [args.get('ours')!, args.get('theirs')!]
const theirsAccepted = accepted(theirFolder)
const both = [...accepted(ourFolder)].filter(each => theirsAccepted.has(each) && each.includes(args.get('filter') ?? ''))
const byObject = new Map<string, string[]>()
for (const each of both) {
  const object = each.slice(0, each.indexOf(':'))
  byObject.set(object, [...(byObject.get(object) ?? []), each])
}
const totals = { programs: 0, worse: 0, better: 0, calls: { both: 0, same: 0 }, loads: { both: 0, same: 0 } }
const sums: Counts[] = [1, 2].map(() => ({ instructions: 0, own: 0, foreign: 0, none: 0, helperCalls: 0, named: 0 }))
const rows: { readonly name: string; readonly loss: number; readonly text: string }[] = []
for (const [object, programs] of byObject) {
  const prepared = [ourFolder, theirFolder].map(folder =>
    prepareObject(openObject(readFileSync(join(folder, object)), object), {}),
  )
  for (const name of programs) {
    const of = prepared.map(each => each.programs.find(({ name: own }) => own === name.slice(object.length + 1)))
    if (!of[0] || !of[1]) continue
    totals.programs++
    const [ours, theirs] = of.map(each => judge(each!)) as [Judged, Judged]
    ;[ours, theirs].forEach(({ counts }, side) => {
      for (const key of Object.keys(counts) as (keyof Counts)[]) sums[side]![key] += counts[key]
    })
    const calls = shared(ours.calls, theirs.calls)
    const loads = shared(ours.loads, theirs.loads)
    for (const [sum, part] of [
      [totals.calls, calls],
      [totals.loads, loads],
    ] as const) {
      sum.both += part.both
      sum.same += part.same
    }
    const share = ({ counts: { own, instructions } }: Judged) => own / instructions
    if (share(ours) < share(theirs)) totals.worse++
    else if (share(ours) > share(theirs)) totals.better++
    const loss = {
      own: (share(theirs) - share(ours)) * ours.counts.instructions,
      named: theirs.counts.named - theirs.counts.helperCalls - (ours.counts.named - ours.counts.helperCalls),
      calls: calls.both - calls.same,
      loads: loads.both - loads.same,
    }[args.get('list') ?? 'own']!
    const line = ({ counts }: Judged) => `${counts.own}/${counts.instructions} none ${counts.none}`
    rows.push({ name, loss, text: `ours ${line(ours)}, theirs ${line(theirs)}` })
  }
}
sums.forEach((sum, side) => {
  console.log(
    `${side ? 'theirs' : 'ours  '}: ${sum.instructions} instructions, of the right function ${percent(sum.own, sum.instructions)}, of another ${percent(sum.foreign, sum.instructions)}, no line ${percent(sum.none, sum.instructions)}; helper calls named on their line ${sum.named} of ${sum.helperCalls} (${percent(sum.named, sum.helperCalls)})`,
  )
})
console.log(
  `${totals.programs} programs: a smaller share than theirs in ${totals.worse}, a larger in ${totals.better}; calls in both ${totals.calls.both}, same line ${percent(totals.calls.same, totals.calls.both)}; loads ${totals.loads.both}, same line ${percent(totals.loads.same, totals.loads.both)}`,
)
if (args.has('list')) {
  rows.sort((a, b) => b.loss - a.loss)
  for (const row of rows.slice(0, Number(args.get('most') ?? 30)))
    if (row.loss > 0) console.log(`${row.loss.toFixed(1)} ${row.name}: ${row.text}`)
}
