/** The commands of `bpfc debug`: each a row that moves the debugger or shows something, and answers with text. */
import { formatInsn } from '../assembler/syntax/pseudo-c.js'
import { NotImplemented } from '../base/outcome.js'
import type { LineInfo } from '../linker/object/bpf-object.js'
import { helperNames } from '../runtime/kernel/helper-names.js'
import { type Debugger, type Direction, NoSuchPlace } from '../runtime/vm/debug/debugger.js'
import { NoValue, Values } from '../runtime/vm/debug/values.js'

export interface DebugSession {
  readonly debug: Debugger
  /** Lines of a source file, where it can be read. */
  source(path: string): readonly string[] | undefined
}

interface DebugCommand {
  /** The first is shown in the help. */
  readonly names: readonly string[]
  readonly argument?: string
  readonly help: string
  /** Repeats when the line is empty, as in gdb. */
  readonly repeats?: true
  run(session: DebugSession, argument: string): string
}

const hex = (value: bigint | number) => `0x${value.toString(16)}`

const placeOf = (line: LineInfo) => `${line.path}:${line.line}`

/** Where the position is, and how the run ended if it is behind the last instruction. */
export function describePosition({ debug }: DebugSession): string {
  const { recording, position, ending } = debug
  const { hit } = debug
  const stopped = hit ? `breakpoint ${hit.number}${hit.place.startsWith('changes of') ? `: ${hit.place}` : ''}\n` : ''
  if (debug.atEnd) {
    if (ending.kind === 'returned') return `end of the run: returned ${ending.retval} after ${recording.length} instructions\n`
    if (ending.kind !== 'fault') return `end of the recording: ${ending.message}\n`
    const { fault } = ending
    return `fault: ${fault.message}, at instruction ${fault.slot}${fault.line ? ` (${fault.line.path}:${fault.line.line}: ${fault.line.text.trim()})` : ''}\n`
  }
  const line = recording.line(position)
  const name = recording.function(position)?.name ?? recording.program(position).name
  const where = line ? `${placeOf(line)}  ${line.text.trim()}` : instruction(debug)
  return `${stopped}${name}  ${where}\n`
}

function instruction({ recording, position }: Debugger): string {
  const { insns, functions } = recording.program(position)
  const slot = recording.slot(position)
  const text = formatInsn(insns, slot, 'bpftool', {
    helper: id => (helperNames[id] ? `bpf_${helperNames[id]}` : undefined),
    callee: at => functions.find(each => each.slot === at + 1 + insns.imm[at]!)?.name,
  })
  return `${slot}: ${text}`
}

const move =
  (go: (debug: Debugger, direction: Direction) => void, direction: Direction) => (session: DebugSession, argument: string) => {
    const times = argument === '' ? 1 : Number(argument)
    if (!Number.isInteger(times) || times < 1) return `${argument}: must be a whole number from 1\n`
    const { debug } = session
    const edge = direction === 'forward' ? debug.recording.length : 0
    if (debug.position === edge) return direction === 'forward' ? describePosition(session) : 'the run begins here\n'
    for (let i = 0; i < times && debug.position !== edge; i++) go(debug, direction)
    return describePosition(session)
  }

function dump(bytes: Uint8Array, start: number): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 16)
    text += `  ${hex(start + at).padEnd(8)}  ${[...bytes.subarray(at, at + 16)].map(byte => byte.toString(16).padStart(2, '0')).join(' ')}\n`
  return text
}

function showRegisters({ debug }: DebugSession): string {
  return new Values(debug)
    .registers()
    .map(
      ({ value, pointee }, number) =>
        `r${number}`.padEnd(4) + hex(value) + (pointee ? `  <${pointee}>` : `  ${BigInt.asIntN(64, value)}`),
    )
    .join('\n')
    .concat('\n')
}

function showStack({ debug }: DebugSession): string {
  const { machine } = debug.vm
  const frame = machine.stackFrame
  if (!frame || debug.atEnd) return 'nothing runs: there is no stack\n'
  const values = new Values(debug)
  let text = ''
  for (let below = 8; below <= frame.end - frame.start; below += 8) {
    const bytes = machine.memory.bytes.slice(frame.end - below, frame.end - below + 8)
    if (bytes.some(byte => byte !== 0)) text += `  r10 - ${below}: ${values.format({ btf: undefined, type: 0, bytes })}\n`
  }
  return text || 'the stack of this frame is all zero\n'
}

function showPacket({ debug }: DebugSession): string {
  const { packet } = debug.vm.machine
  return packet ? `${packet.end - packet.data} bytes\n${dump(packet.bytes(), 0)}` : 'the program has no packet\n'
}

const MAX_ELEMENTS = 64

function showMap({ debug }: DebugSession, name: string): string {
  const { vm, prepared } = debug
  const maps = prepared.maps.filter(each => !each.data)
  if (name === '') return maps.map(each => `${each.name}\n`).join('') || 'the object has no maps\n'
  const map = vm.maps[name]
  if (!map) return `there is no map ${name}; there are ${maps.map(each => each.name).join(', ') || 'none'}\n`
  const values = new Values(debug)
  const { keyType, valueType, keySize } = map.map.def
  const show = (type: number, bytes: Uint8Array) => values.format({ btf: type ? prepared.btf : undefined, type, bytes })
  const rows: string[] = []
  try {
    if (keySize === 0) {
      // Taking the records out changes the map.
      debug.recording.forget()
      for (const bytes of map.consume()) rows.push(`  ${show(valueType, bytes)}`)
    } else {
      for (const [key, value] of map.entries()) {
        const perCpu = map.map.perCpu ? map.getPerCpu(key)! : [value]
        if (keySize === 4 && perCpu.every(each => each.every(byte => byte === 0))) continue
        rows.push(`  [${show(keyType, key)}] = ${perCpu.map(each => show(valueType, each)).join(' | ')}`)
      }
    }
  } catch (error) {
    if (!(error instanceof NotImplemented || error instanceof RangeError)) throw error
    return `${name}: ${error.message}\n`
  }
  if (rows.length === 0) return `${name} is empty, or all zero\n`
  const more = rows.length > MAX_ELEMENTS ? `  and ${rows.length - MAX_ELEMENTS} more\n` : ''
  return `${rows.slice(0, MAX_ELEMENTS).join('\n')}\n${more}`
}

/** A value as `print` shows it; where there is none, why not. */
function valueText(debug: Debugger, expression: string): string {
  const values = new Values(debug)
  try {
    return values.format(values.evaluate(expression))
  } catch (error) {
    if (!(error instanceof NoValue)) throw error
    return error.message
  }
}

function print({ debug }: DebugSession, argument: string): string {
  const values = new Values(debug)
  if (debug.vm.maps[argument] && !values.globals().some(each => each.name === argument))
    return showMap({ debug, source: () => undefined }, argument)
  return `${argument} = ${values.format(values.evaluate(argument))}\n`
}

function showMemory({ debug }: DebugSession, argument: string): string {
  const [, place, count] = /^(.*?)(?:\s+(\d+))?$/.exec(argument)!
  if (!place) return 'say what address, as in x r1 32\n'
  const values = new Values(debug)
  const { bytes } = values.evaluate(place)
  const view = new DataView(new ArrayBuffer(8))
  for (const [i, byte] of bytes.subarray(0, 8).entries()) view.setUint8(i, byte)
  const address = view.getBigUint64(0, true)
  const size = Number(count ?? 16)
  const found = values.read(address, size)
  return found ? dump(found, Number(BigInt.asUintN(32, address))) : `there are no ${size} readable bytes at ${hex(address)}\n`
}

function showVariables(
  variables: readonly { readonly name: string; readonly value: Parameters<Values['format']>[0] }[],
  values: Values,
): string {
  return variables.map(each => `${each.name} = ${values.format(each.value)}\n`).join('')
}

const AROUND = 5

function list({ debug, source }: DebugSession, argument: string): string {
  const { recording } = debug
  const position = Math.min(debug.position, recording.length - 1)
  const here = position < 0 ? undefined : recording.line(position)
  if (!here) return 'the object has no source lines here\n'
  const middle = argument === '' ? here.line : Number(argument)
  if (!Number.isInteger(middle) || middle < 1) return `${argument}: must be a line\n`
  const lines = source(here.path)
  const known = new Map<number, string>()
  for (const each of recording.program(position).lineInfo) if (each.path === here.path) known.set(each.line, each.text)
  let text = ''
  for (let line = Math.max(1, middle - AROUND); line <= middle + AROUND; line++) {
    const content = lines ? lines[line - 1] : known.get(line)
    if (content === undefined) continue
    const mark = line === here.line && !debug.atEnd ? '>' : ' '
    text += `${mark}${`${String(line).padStart(5)}  ${content}`.trimEnd()}\n`
  }
  return text || `BTF has no lines near ${middle}\n`
}

function backtrace({ debug }: DebugSession): string {
  const frames = debug.frames()
  if (frames.length === 0) return 'the run is over: there are no frames\n'
  return frames
    .map(
      (frame, number) =>
        `#${number}  ${frame.function}  instruction ${frame.slot}${frame.line ? `, ${placeOf(frame.line)}` : ''}\n`,
    )
    .join('')
}

function info(session: DebugSession, what: string): string {
  const { debug } = session
  const values = new Values(debug)
  switch (what) {
    case 'args':
      return showVariables(values.parameters(), values) || 'BTF has no parameters for this function\n'
    case 'globals':
      return showVariables(values.globals(), values) || 'the object has no global variables\n'
    case 'breakpoints':
      return debug.breakpoints.map(each => `${each.number}  ${each.place}\n`).join('') || 'no breakpoints\n'
    case 'registers':
      return showRegisters(session)
    case 'maps':
      return showMap(session, '')
    default:
      return 'info args, info globals, info breakpoints, info registers, info maps\n'
  }
}

/** In the order of the help. */
export const debugCommands: readonly DebugCommand[] = [
  {
    names: ['step', 's'],
    argument: '[N]',
    repeats: true,
    help: 'on to another line, into functions',
    run: move((d, to) => d.step(to), 'forward'),
  },
  {
    names: ['next', 'n'],
    argument: '[N]',
    repeats: true,
    help: 'on to another line, over calls',
    run: move((d, to) => d.stepOver(to), 'forward'),
  },
  {
    names: ['out', 'finish'],
    repeats: true,
    help: 'on to where this function returns to',
    run: move((d, to) => d.stepOut(to), 'forward'),
  },
  {
    names: ['continue', 'c'],
    argument: '[N]',
    repeats: true,
    help: 'on to a breakpoint or the end',
    run: move((d, to) => d.resume(to), 'forward'),
  },
  {
    names: ['stepi', 'si'],
    argument: '[N]',
    repeats: true,
    help: 'on by an instruction',
    run: (session, argument) => moveInstruction(session, argument, 'forward'),
  },
  {
    names: ['back', 'rs', 'reverse-step'],
    argument: '[N]',
    repeats: true,
    help: 'back to the line before, into functions',
    run: move((d, to) => d.step(to), 'back'),
  },
  {
    names: ['back-next', 'rn', 'reverse-next'],
    argument: '[N]',
    repeats: true,
    help: 'back to the line before, over calls',
    run: move((d, to) => d.stepOver(to), 'back'),
  },
  {
    names: ['back-out', 'reverse-finish'],
    repeats: true,
    help: 'back to the call of this function',
    run: move((d, to) => d.stepOut(to), 'back'),
  },
  {
    names: ['reverse-continue', 'rc'],
    argument: '[N]',
    repeats: true,
    help: 'back to a breakpoint or the start',
    run: move((d, to) => d.resume(to), 'back'),
  },
  {
    names: ['back-i', 'rsi', 'reverse-stepi'],
    argument: '[N]',
    repeats: true,
    help: 'back by an instruction',
    run: (session, argument) => moveInstruction(session, argument, 'back'),
  },
  {
    names: ['break', 'b'],
    argument: 'PLACE',
    help: 'stop at a line (12, file.c:12), a function, or an instruction (*7)',
    run: ({ debug }, argument) => {
      if (argument === '') return 'say where: a line, a function, or *INSTRUCTION\n'
      const { number, place } = debug.addBreakpoint(argument)
      return `breakpoint ${number} at ${place}\n`
    },
  },
  {
    names: ['watch'],
    argument: 'EXPR',
    help: 'stop where a value changes: anything that print takes',
    run: ({ debug }, argument) => {
      if (argument === '') return 'say what: an expression as print takes it\n'
      const { number, place } = debug.addWatch(argument, () => valueText(debug, argument))
      return `breakpoint ${number} at ${place}\n`
    },
  },
  {
    names: ['locals'],
    help: 'why local variables have no names here',
    run: () => LIMITS,
  },
  {
    names: ['delete', 'd'],
    argument: 'N',
    help: 'take a breakpoint away',
    run: ({ debug }, argument) => (debug.deleteBreakpoint(Number(argument)) ? '' : `there is no breakpoint ${argument}\n`),
  },
  {
    names: ['print', 'p'],
    argument: 'EXPR',
    help: 'a value: NAME, r3, *p, p->field, a[2], map[KEY], (struct event *)r6',
    run: print,
  },
  { names: ['x'], argument: 'EXPR [BYTES]', help: 'memory at an address', run: showMemory },
  { names: ['registers', 'regs'], help: 'registers 0 to 10, and what they point to', run: showRegisters },
  { names: ['stack'], help: 'what is not zero in the 512 bytes of this frame', run: showStack },
  { names: ['map'], argument: '[NAME]', help: 'what is in a map', run: showMap },
  { names: ['packet'], help: 'the packet', run: showPacket },
  { names: ['info'], argument: 'WHAT', help: 'args, globals, breakpoints, registers, maps', run: info },
  { names: ['backtrace', 'bt'], help: 'the calls that led here', run: backtrace },
  { names: ['list', 'l'], argument: '[LINE]', help: 'C lines around', run: list },
  {
    names: ['insn'],
    help: 'the instruction that comes next',
    run: ({ debug }) => (debug.atEnd ? describeEnd : `${instruction(debug)}\n`),
  },
  {
    names: ['trace'],
    help: 'what was printed (bpf_printk) up to here',
    run: ({ debug }) => debug.vm.machine.trace.map(line => `${line.trimEnd()}\n`).join('') || 'nothing was printed\n',
  },
  {
    names: ['where'],
    help: 'the line that comes next, and how many instructions ran',
    run: session => `${describePosition(session)}${session.debug.position} of ${session.debug.recording.length} instructions\n`,
  },
  { names: ['start'], help: 'back to the first instruction', run: session => goTo(session, 0) },
  { names: ['end'], help: 'on to the end of the run', run: session => goTo(session, session.debug.recording.length) },
  { names: ['help', 'h'], help: 'this', run: () => debugHelp() },
]

const describeEnd = 'the run is over\n'

function moveInstruction(session: DebugSession, argument: string, direction: Direction): string {
  const text = move((debug, to) => debug.stepInstruction(to), direction)(session, argument)
  const { debug } = session
  return debug.atEnd || debug.recording.line(debug.position) === undefined ? text : `${text}  ${instruction(debug)}\n`
}

function goTo(session: DebugSession, position: number): string {
  session.debug.goTo(position)
  return describePosition(session)
}

const WORDS = new Map(debugCommands.flatMap(command => command.names.map(name => [name, command] as const)))

/** Ends a session. */
export const isQuit = (line: string): boolean => /^\s*(quit|q|exit)\s*$/.test(line)

/** Whether an empty line after this one repeats it. */
export const repeats = (line: string): boolean => WORDS.get(line.trim().split(/\s+/)[0]!)?.repeats ?? false

export function runDebugCommand(session: DebugSession, line: string): string {
  const [, word, argument] = /^(\S*)\s*(.*)$/.exec(line.trim())!
  if (word === '') return ''
  const command = WORDS.get(word!)
  if (!command) return `there is no command ${word}; help lists them\n`
  try {
    return command.run(session, argument!.trim())
  } catch (error) {
    if (error instanceof NoSuchPlace || error instanceof NoValue) return `${error.message}\n`
    if (error instanceof NotImplemented) return `${error.message}\n`
    throw error
  }
}

export function debugHelp(): string {
  const rows = debugCommands.map(({ names, argument, help }) => [
    `${names[0]}${argument ? ` ${argument}` : ''}`,
    `${help}${names.length > 1 ? ` (${names.slice(1).join(', ')})` : ''}`,
  ])
  rows.push(['quit', 'leave (q)'])
  const width = Math.max(...rows.map(([name]) => name!.length))
  return `${rows.map(([name, help]) => `  ${name!.padEnd(width)}  ${help}`).join('\n')}\n${LIMITS}`
}

/** What a debugger over BTF cannot show. */
export const LIMITS = `BPF objects have no DWARF: local variables have no names, only registers and stack slots (cast what they point to:
print *(struct event *)r6). Parameters are shown as they were when their function was entered, from registers 1 to 5 as its
prototype in BTF says; a static function from which the compiler took parameters shows others. Lines are those that the
compiler left of the optimised program: some are gone, some run in another order; C compiled with -O 0 has them all.
`
