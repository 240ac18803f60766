/** The same programs on the interpreter and as WebAssembly: what they return and leave in packets and maps must be the same. */
import type { PreparedObject, PreparedProgram } from '../../../linker/object/prepared.js'
import { ProgType } from '../../../linker/object/uapi.js'
import type { KernelProfile } from '../../../runtime/kernel/profile.js'
import { verifyProgram } from '../../../runtime/verifier/verify.js'
import { seededRandom } from '../../../runtime/vm/environment.js'
import { QueueMap } from '../../../runtime/vm/maps/queue-stack.js'
import { Vm } from '../../../runtime/vm/vm.js'
import { object, program } from './bare.js'
import { generatedMaps, ProgramText } from './generated-programs.js'

/** What is put into frames before programs run: another byte on each engine, so that a read of what was not written shows. */
const FILLS = { checked: 0xa5, compiled: 0x5a } as const
const ENGINES = ['checked', 'compiled'] as const
const CPUS = 2

export interface BothResult {
  /** Programs that the verifier accepted and both engines ran. */
  readonly compared: number
  readonly refused: number
  readonly differences: readonly string[]
}

/** What a run leaves, as text. */
function outcome(
  vm: Vm,
  name: string,
  input: { readonly packet: Uint8Array; readonly ctx: Readonly<Record<string, number>> },
): string {
  for (const map of Object.values(vm.maps)) clear(map)
  const { ret, fault, packet } = vm.program(name).run(input)
  const maps = Object.values(vm.maps).map(map => {
    if (map.map.def.keySize === 0) return map.consume().join(' ')
    return [...map.keys()]
      .map(key => `${key}: ${map.getPerCpu(key)!.join('/')}`)
      .sort()
      .join('; ')
  })
  return [`${ret} ${fault ? fault.message : ''}`, packet, ...maps].join('\n')
}

function clear(map: Vm['maps'][string]): void {
  const queue = map.map
  if (queue instanceof QueueMap) while (queue.take(queue.scratchValue(new Uint8Array(8)), true) === 0);
  else for (const key of [...map.keys()]) if (!map.delete(key)) map.set(key, patterned(map.map.def.valueSize))
}

/** The lines in which two outcomes differ. */
function differing(one: string, other: string): string {
  const lines = other.split('\n')
  return one
    .split('\n')
    .flatMap((line, index) => (line === lines[index] ? [] : [`interpreted: ${line}`, `compiled:    ${lines[index]}`]))
    .join('\n')
}

const patterned = (size: number): Uint8Array => new Uint8Array(size).map((_, index) => (index * 37) ^ (index >> 3))

/** Programs `from` to `from + count`, each from its own seed; those that are accepted run `runs` times on each engine. */
export function compareEngines(from: number, count: number, runs: number, kernel: KernelProfile): BothResult {
  const texts = new Map<string, string>()
  const programs: Record<string, { type: number; insns: ReturnType<typeof program> }> = {}
  for (let seed = from; seed < from + count; seed++) {
    const text = new ProgramText(seededRandom(seed * 2654435761 + 1)).make()
    texts.set(`p${seed}`, text)
    programs[`p${seed}`] = { type: ProgType.SCHED_CLS, insns: program(text, generatedMaps) }
  }
  const prepared = object(programs, generatedMaps)
  const accepted = prepared.programs.filter(each => isAccepted(prepared, each, kernel))
  const vms = ENGINES.map(engine => new Vm(prepared, { engine, cpus: CPUS, cpu: 1, budget: 2_000_000, stackFill: FILLS[engine] }))
  const random = seededRandom(from + 1)
  const differences: string[] = []
  for (const { name } of accepted) {
    const why = vms[1]!.program(name).notCompiled
    if (why) {
      differences.push(`${name} is not compiled: ${why}\n${texts.get(name)}`)
      continue
    }
    for (let run = 0; run < runs; run++) {
      const packet = new Uint8Array(14 + (random() % 60)).map(() => random())
      const ctx = { mark: random() >>> 0, priority: random() & 15 }
      const [one, other] = vms.map(vm => outcome(vm, name, { packet, ctx }))
      if (one !== other) differences.push(`${name}, run ${run}\n${differing(one!, other!)}\n${texts.get(name)}`)
      else if (one!.split('\n')[0]!.includes('read of') || one!.includes('write of'))
        differences.push(`${name}, run ${run} faults: ${one!.split('\n')[0]}\n${texts.get(name)}`)
    }
  }
  return { compared: accepted.length, refused: count - accepted.length, differences }
}

const isAccepted = (prepared: PreparedObject, each: PreparedProgram, kernel: KernelProfile): boolean =>
  verifyProgram(prepared, each, { kernel, limits: { milliseconds: 300 } }).verdict === 'accepted'
