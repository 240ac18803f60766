/**
 * Verifier logs inside of what loaders print around them: libbpf and bpftool (`-- BEGIN PROG LOAD LOG --`), cilium/ebpf (lines
 * indented below `load program: …:`), aya (`Verifier output: …`), bcc and tc (the bare log below a line of theirs), and several bare
 * logs one after the other.
 */

export interface FoundLog {
  /** What the loader calls the program; undefined where it does not say. */
  readonly program: string | undefined
  readonly log: string
}

const BEGIN = /(?:prog '([^']*)': )?-- BEGIN (?:PROG LOAD|DUMP) LOG -{2,}/
const END = /-- END (?:PROG LOAD )?LOG -{2,}/
const CILIUM = /(?:\bprogram ([^\s:]+): )?load program: [^:]*:/
const INSN = /^\d+: \([0-9a-f]{2}\) /
const STATISTICS = /^processed \d+ insns/
/** First lines of logs whose program is refused before it is walked, and of all since 5.6 (`func#0 @0`). */
const START = /^(func#0 @0|0: \([0-9a-f]{2}\) |0: R1=|Validating )/

/** All logs of a text, in order. Empty where it holds none. */
export function findLogs(text: string): FoundLog[] {
  const whole = text.includes('\n') || !text.includes('\\n') ? text : text.replaceAll('\\n', '\n').replaceAll('\\t', '\t')
  const lines = whole.split(/\r?\n/)
  const framed = inFrames(lines)
  if (framed.length > 0) return framed
  const indented = ofCilium(lines)
  if (indented.length > 0) return indented
  return bare(lines)
}

function inFrames(lines: readonly string[]): FoundLog[] {
  const found: FoundLog[] = []
  for (let i = 0; i < lines.length; i++) {
    const begin = BEGIN.exec(lines[i]!)
    if (!begin) continue
    const prefix = lines[i]!.slice(0, begin.index)
    const log: string[] = []
    for (i++; i < lines.length && !END.test(lines[i]!); i++) log.push(without(lines[i]!, prefix))
    let program: string | undefined = begin[1]
    // libbpf before 0.6 names the program only behind the log.
    for (let k = i + 1; program === undefined && k < Math.min(lines.length, i + 4); k++)
      program = /failed to load program '([^']*)'/.exec(lines[k]!)?.[1]
    found.push({ program, log: log.join('\n') })
  }
  return found
}

/** Loggers put a date in front of every line, libbpf its name only in front of its own. */
const without = (line: string, prefix: string): string =>
  prefix !== '' && line.startsWith(prefix) ? line.slice(prefix.length) : line

function ofCilium(lines: readonly string[]): FoundLog[] {
  const found: FoundLog[] = []
  for (let i = 0; i < lines.length; i++) {
    const head = CILIUM.exec(lines[i]!)
    if (!head) continue
    const log: string[] = []
    for (; i + 1 < lines.length && /^\s+\S/.test(lines[i + 1]!); i++) log.push(lines[i + 1]!.trim())
    // Printed with %v: the last lines behind each other, with colons between them.
    if (log.length === 0) log.push(...lines[i]!.slice(head.index + head[0].length).split(/: (?=\d+: \(|R\d+ |invalid |[A-Z])/))
    const omitted = / ?\(\d+ lines? omitted\)$/
    found.push({ program: head[1], log: log.map(line => line.replace(omitted, '').trim()).join('\n') })
  }
  return found
}

function bare(lines: readonly string[]): FoundLog[] {
  const found: FoundLog[] = []
  let log: string[] = []
  let ended = false
  const take = () => {
    if (log.some(line => INSN.test(line) || STATISTICS.test(line))) found.push({ program: undefined, log: log.join('\n') })
    log = []
    ended = false
  }
  for (const raw of lines) {
    const line = raw.replace(/^.*Verifier (?:output|analysis): ?/, '').trimStart()
    if (ended && START.test(line)) take()
    if (ended && line.trim() === '') continue
    log.push(line)
    if (STATISTICS.test(line)) ended = true
  }
  take()
  if (found.length > 0) return found
  // A log may be one line, of a program that was refused at once.
  const rest = lines.filter(line => line.trim() !== '')
  return rest.length > 0 && rest.length < 4 ? [{ program: undefined, log: rest.join('\n') }] : []
}
