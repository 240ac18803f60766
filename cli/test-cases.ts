/** The cases of a NAME.test.json: their format, checked, and one case run against a program that was just loaded. */
import type { ObjectChanges } from '../api/object-changes.js'
import type { Loaded } from '../api/load.js'
import { LimitReached, NotImplemented } from '../base/outcome.js'
import type { BtfValue } from '../runtime/vm/btf-values.js'
import type { Fixture } from '../runtime/vm/kernel-objects.js'
import { MapError } from '../runtime/vm/map-access.js'
import { packet } from '../runtime/vm/packets/build.js'
import type { RunInput } from '../runtime/vm/programs/table.js'
import type { SocketFixture, VmSocket } from '../runtime/vm/sockets.js'

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
type JsonObject = { readonly [key: string]: Json }

/** A packet in hex digits, or a call of a builder: `{ "tcp": { "src": "10.0.0.7", "dport": 80 } }`. */
type PacketText = string | JsonObject

interface Run {
  readonly program?: string
  readonly packet?: PacketText
  /** Hex digits, or fields of the context by name. */
  readonly ctx?: string | JsonObject
  /** A tracepoint's record, as a fixture. */
  readonly event?: JsonObject
  readonly args?: readonly Json[]
  readonly result?: number
  /** The name of one of the case's sockets that the run is about. */
  readonly socket?: string
  /** sk_msg: sizes of the pieces of the message. */
  readonly fragments?: readonly number[]
  /** Socket options: `value` in hex digits. */
  readonly sockopt?: JsonObject
  readonly sysctl?: JsonObject
  /** The processor that runs the program. */
  readonly cpu?: number
  /** What changes of the current task before the run. */
  readonly task?: JsonObject
  readonly repeat?: number
  /** Nanoseconds by which the clock moves before the run. */
  readonly advance?: number
  readonly verdict?: string | number
  /** The packet afterwards. */
  readonly becomes?: PacketText
  /** The name of the socket that the packet or message went to, or that the program chose; null for none. */
  readonly to?: string | null
}

type Rows = Readonly<Record<string, readonly (readonly [Json, Json])[]>>

/** Sizes of maps, values of constants, sections of programs by name; the kernel's configuration. */
export type LoadChanges = ObjectChanges & { readonly kconfig?: string }

export interface TestCase {
  readonly name: string
  readonly program?: string
  /** What a loader changes of the object before it loads it. */
  readonly load: LoadChanges
  readonly env: { readonly ktime?: bigint; readonly task?: object; readonly cpus?: number }
  /** The current task as a kernel object: a fixture of struct task_struct. */
  readonly current: JsonObject | undefined
  /** Sockets of the network, by names of the test's own; in maps they stand as { "socket": NAME }. */
  readonly sockets: Readonly<Record<string, JsonObject>>
  readonly maps: Rows
  readonly runs: readonly Run[]
  readonly expect: {
    readonly maps?: Rows
    readonly events?: Readonly<Record<string, { struct?: string; records: readonly Json[] }>>
  }
}

export interface TestFile {
  readonly source?: string
  readonly cases: readonly TestCase[]
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function known(value: Json | undefined, keys: readonly string[], what: string): JsonObject {
  if (!isObject(value)) throw new RangeError(`${what} must be an object`)
  for (const key of Object.keys(value))
    if (!keys.includes(key)) throw new RangeError(`${what} has no "${key}"; it has ${keys.join(', ')}`)
  return value
}

const RUN_KEYS = [
  ...['program', 'packet', 'ctx', 'event', 'args', 'result', 'repeat', 'advance', 'verdict', 'becomes'],
  ...['socket', 'fragments', 'sockopt', 'sysctl', 'cpu', 'task', 'to'],
]

function rows(value: Json | undefined, what: string): Rows {
  if (value === undefined) return {}
  if (!isObject(value)) throw new RangeError(`${what} must be an object of maps`)
  for (const [map, list] of Object.entries(value))
    if (!Array.isArray(list) || !list.every(row => Array.isArray(row) && row.length === 2))
      throw new RangeError(`${what}.${map} must be a list of [key, value]`)
  return value as unknown as Rows
}

/** Throws a SyntaxError for what is no JSON, and a RangeError that names the part that is wrong. */
export function parseTestFile(text: string): TestFile {
  const file = known(JSON.parse(text) as Json, ['source', 'load', 'cases'], 'the file')
  if (!Array.isArray(file['cases']) || file['cases'].length === 0)
    throw new RangeError('"cases" must be a list with at least one case')
  if (file['source'] !== undefined && typeof file['source'] !== 'string') throw new RangeError('"source" must be a path')
  return {
    ...(file['source'] !== undefined && { source: file['source'] }),
    cases: (file['cases'] as readonly Json[]).map((each, index) => parseCase(each, index, loadChanges(file['load'], 'the file'))),
  }
}

const loadChanges = (value: Json | undefined, what: string): LoadChanges =>
  known(value ?? {}, ['maps', 'programs', 'constants', 'kconfig'], `"load" of ${what}`) as unknown as LoadChanges

/** `common` is what the file says of all its cases. */
function parseCase(value: Json, index: number, common: LoadChanges): TestCase {
  const what = `case ${index + 1}`
  const given = known(
    value,
    ['name', 'program', 'load', 'time', 'task', 'current', 'cpus', 'sockets', 'maps', 'runs', 'expect'],
    what,
  )
  if (typeof given['name'] !== 'string') throw new RangeError(`${what} needs a "name"`)
  if (!Array.isArray(given['runs']) || given['runs'].length === 0) throw new RangeError(`${what} needs "runs"`)
  const runs = given['runs'] as readonly Json[]
  for (const [number, run] of runs.entries()) known(run, RUN_KEYS, `run ${number + 1} of ${what}`)
  const expect = known(given['expect'] ?? {}, ['maps', 'events'], `"expect" of ${what}`)
  for (const [map, events] of Object.entries(expect['events'] ?? {}))
    if (!Array.isArray(known(events as Json, ['struct', 'records'], `events.${map} of ${what}`)['records']))
      throw new RangeError(`events.${map} of ${what} needs "records"`)
  const time = given['time']
  if (time !== undefined && !(typeof time === 'number' && Number.isSafeInteger(time)))
    throw new RangeError(`"time" of ${what} must be whole nanoseconds`)
  const { cpus, sockets = {} } = given
  if (cpus !== undefined && !(typeof cpus === 'number' && Number.isInteger(cpus) && cpus > 0))
    throw new RangeError(`"cpus" of ${what} must be a whole number from 1`)
  if (!isObject(sockets) || !Object.values(sockets).every(isObject))
    throw new RangeError(`"sockets" of ${what} must be an object of sockets by name`)
  return {
    name: given['name'],
    ...(given['program'] !== undefined && { program: String(given['program']) }),
    load: { ...common, ...loadChanges(given['load'], what) },
    env: {
      ...(time !== undefined && { ktime: BigInt(time) }),
      ...(isObject(given['task']) && { task: taskOf(given['task']) }),
      ...(typeof cpus === 'number' && { cpus }),
    },
    current: isObject(given['current']) ? given['current'] : undefined,
    sockets: sockets as Readonly<Record<string, JsonObject>>,
    maps: rows(given['maps'], `"maps" of ${what}`),
    runs: runs as unknown as readonly Run[],
    expect: { maps: rows(expect['maps'], `"expect.maps" of ${what}`), events: (expect['events'] ?? {}) as never },
  }
}

const taskOf = (task: JsonObject) => ({
  ...task,
  ...(task['cgroupId'] !== undefined && { cgroupId: BigInt(task['cgroupId'] as number | string) }),
})

function hexBytes(text: string, what: string): Uint8Array {
  const digits = text.replace(/[\s:_]/g, '')
  if (!/^([0-9a-fA-F]{2})*$/.test(digits)) throw new RangeError(`${what} must be pairs of hexadecimal digits`)
  return Uint8Array.from(digits.match(/../g) ?? [], pair => Number.parseInt(pair, 16))
}

const BUILDERS: Readonly<Record<string, (options: never) => Uint8Array>> = {
  tcp: packet.tcp,
  udp: packet.udp,
  icmp: packet.icmp,
  ip: packet.ip,
  arp: packet.arp,
}

function packetBytes(value: PacketText): Uint8Array {
  if (typeof value === 'string') return hexBytes(value, 'a packet')
  const [[name, options] = ['', {}], ...more] = Object.entries(value)
  if (name === 'text' && typeof options === 'string' && more.length === 0) return new TextEncoder().encode(options)
  const builder = BUILDERS[name]
  if (!builder || more.length > 0 || !isObject(options))
    throw new RangeError(`a packet is hex digits, { "text": … }, or one of ${Object.keys(BUILDERS).join(', ')} with its options`)
  return builder(options as never)
}

/** Runs a case; what differs, in words. Nothing differs in a case that passes. */
export function runCase(each: TestCase, loaded: Loaded): string[] {
  const problems: string[] = []
  try {
    const sockets = new Map<string, VmSocket>()
    for (const [name, fixture] of Object.entries(each.sockets)) sockets.set(name, loaded.vm.addSocket(socketFixture(fixture)))
    if (each.current) loaded.vm.setCurrentTask(each.current as unknown as Fixture)
    for (const [map, list] of Object.entries(each.maps))
      for (const [key, value] of list) mapOf(loaded, map).set(key as BtfValue, mapValue(value, sockets))
    for (const [index, run] of each.runs.entries())
      problems.push(...runOnce(run, each, loaded, sockets).map(text => `run ${index + 1}: ${text}`))
    for (const [map, list] of Object.entries(each.expect.maps ?? {}))
      for (const [key, wanted] of list) {
        const values = mapOf(loaded, map).getPerCpu(key as BtfValue)
        compare(`${map}[${JSON.stringify(key)}]`, values && values.length > 1 ? values : values?.[0], wanted, problems)
      }
    for (const [map, { struct, records }] of Object.entries(each.expect.events ?? {})) {
      const access = mapOf(loaded, map)
      const made =
        struct === undefined ? access.consume().map(bytes => Buffer.from(bytes).toString('hex')) : access.consume(struct)
      if (made.length !== records.length) problems.push(`${map}: ${made.length} events, expected ${records.length}`)
      for (const [index, wanted] of records.entries())
        if (index < made.length) compare(`${map} event ${index + 1}`, made[index], wanted, problems)
    }
  } catch (error) {
    const ours = [RangeError, TypeError, MapError, NotImplemented, LimitReached]
    if (!ours.some(kind => error instanceof kind)) throw error
    problems.push((error as Error).message)
  }
  return problems
}

function mapOf(loaded: Loaded, name: string) {
  const map = loaded.maps[name]
  if (!map) throw new RangeError(`there is no map ${name}; there are ${Object.keys(loaded.maps).join(', ')}`)
  return map
}

/** JSON has no 64-bit integers: what is one in a socket may be a decimal string. */
function socketFixture(json: JsonObject): SocketFixture {
  const long = (name: string) => (json[name] === undefined ? {} : { [name]: BigInt(json[name] as number | string) })
  return { ...json, ...long('cookie'), ...long('cgroupId') } as SocketFixture
}

function socketOf(name: string, sockets: ReadonlyMap<string, VmSocket>): VmSocket {
  const socket = sockets.get(name)
  if (!socket) throw new RangeError(`there is no socket ${name}; there are ${[...sockets.keys()].join(', ') || 'none'}`)
  return socket
}

/** A value for a map, in which { "socket": NAME } is that socket. */
function mapValue(value: Json, sockets: ReadonlyMap<string, VmSocket>): BtfValue {
  if (isObject(value) && typeof value['socket'] === 'string' && Object.keys(value).length === 1)
    return socketOf(value['socket'], sockets).number
  return value as BtfValue
}

function runOnce(run: Run, each: TestCase, loaded: Loaded, sockets: ReadonlyMap<string, VmSocket>): string[] {
  const names = Object.keys(loaded.programs)
  const name = run.program ?? each.program ?? (names.length === 1 ? names[0]! : undefined)
  const program = name === undefined ? undefined : loaded.programs[name]
  if (!program)
    throw new RangeError(`say which "program" of ${names.join(', ')}${name === undefined ? '' : `, there is no ${name}`}`)
  if (run.advance !== undefined) loaded.vm.advance(run.advance)
  const input: RunInput = {
    ...(run.packet !== undefined && { packet: packetBytes(run.packet) }),
    ...(run.ctx !== undefined && { ctx: (typeof run.ctx === 'string' ? hexBytes(run.ctx, '"ctx"') : run.ctx) as Uint8Array }),
    ...(run.event !== undefined && { event: run.event as unknown as Fixture }),
    ...(run.args !== undefined && { args: run.args as unknown as NonNullable<RunInput['args']> }),
    ...(run.result !== undefined && { result: run.result }),
    ...(run.repeat !== undefined && { repeat: run.repeat }),
    ...(run.socket !== undefined && { socket: socketOf(run.socket, sockets) }),
    ...(run.fragments !== undefined && { fragments: run.fragments }),
    ...(run.sockopt !== undefined && { sockopt: sockopt(run.sockopt) }),
    ...(run.sysctl !== undefined && { sysctl: run.sysctl as unknown as NonNullable<RunInput['sysctl']> }),
  }
  if (run.task !== undefined) Object.assign(loaded.vm.env.task, taskOf(run.task))
  if (run.cpu !== undefined) {
    if (!Number.isInteger(run.cpu) || run.cpu < 0 || run.cpu >= loaded.vm.env.cpus)
      throw new RangeError(`there is no CPU ${run.cpu}: the case has "cpus": ${loaded.vm.env.cpus}`)
    loaded.vm.env.cpu = run.cpu
  }
  const result = program.run(input)
  const problems: string[] = []
  if (result.fault) {
    const { message, line } = result.fault
    return [`fault: ${message}${line ? ` (${line.path}:${line.line}: ${line.text.trim()})` : ''}`]
  }
  if (run.verdict !== undefined && run.verdict !== (typeof run.verdict === 'number' ? result.retval : result.verdict))
    problems.push(`verdict ${result.verdict}, expected ${run.verdict}`)
  if (run.to !== undefined) {
    const went = result.socket ?? result.redirects.at(-1)?.socket
    const name = [...sockets].find(([, socket]) => socket === went)?.[0] ?? null
    if (name !== run.to) problems.push(`went to ${name ?? 'no socket'}, expected ${run.to ?? 'none'}`)
  }
  if (run.becomes !== undefined) {
    const [have, want] = [result.packet ?? new Uint8Array(), packetBytes(run.becomes)].map(bytes =>
      Buffer.from(bytes!).toString('hex'),
    )
    if (have !== want) problems.push(`packet ${have}, expected ${want}`)
  }
  return problems
}

function sockopt(json: JsonObject): NonNullable<RunInput['sockopt']> {
  const { value, ...rest } = json
  return {
    ...(rest as unknown as NonNullable<RunInput['sockopt']>),
    ...(typeof value === 'string' && { value: hexBytes(value, '"value"') }),
  }
}

/** Compares with what JSON can say: 64-bit integers with numbers or decimal strings, objects by the fields that are named. */
function compare(what: string, have: BtfValue | undefined, want: Json, problems: string[]): void {
  if (want === null || have === undefined) {
    if (want !== null || have !== undefined)
      problems.push(`${what} is ${shown(have)}, expected ${want === null ? 'none' : JSON.stringify(want)}`)
  } else if (isObject(want) && typeof have === 'object' && !Array.isArray(have)) {
    for (const [name, each] of Object.entries(want))
      compare(`${what}.${name}`, (have as Record<string, BtfValue>)[name], each, problems)
  } else if (Array.isArray(want) && Array.isArray(have) && want.length === have.length) {
    for (const [index, each] of want.entries()) compare(`${what}[${index}]`, have[index] as BtfValue, each as Json, problems)
  } else if (
    have !== want &&
    !(typeof have === 'bigint' && (typeof want === 'number' || typeof want === 'string') && String(have) === String(want))
  )
    problems.push(`${what} is ${shown(have)}, expected ${JSON.stringify(want)}`)
}

const shown = (value: BtfValue | undefined) =>
  value === undefined ? 'none' : JSON.stringify(value, (_key, each: unknown) => (typeof each === 'bigint' ? String(each) : each))
