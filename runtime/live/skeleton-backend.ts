/** What a TypeScript module of `bpfc skel` needs to work over a program in the running kernel: `bind(liveBackend(prepared, name))`. */
import type { PreparedObject } from '../../linker/object/prepared.js'
import { mapDelete, mapLookup, mapNextKey, mapUpdate, type TestRunRequest, type TestRunResult } from './bpf-syscall.js'
import { errnoName, type LiveVerdict, loadProgram } from './load-object.js'

const ENOENT = 2

/** Maps that hold a value for each CPU (uapi/linux/bpf.h, enum bpf_map_type): bpf(2) moves the values of all at once. */
const PER_CPU: ReadonlySet<number> = new Set([5, 6, 10, 21])

/**
 * Loads one program with the maps that it uses; its maps and test runs by name. Throws if the kernel refuses the program, RangeError for
 * a map that it does not use or that has a value for each CPU. Nothing is attached; `close` gives all back.
 */
export function liveBackend(prepared: PreparedObject, name: string) {
  const program = prepared.programs.find(each => each.name === name)
  if (!program) throw new RangeError(`there is no program ${name}`)
  const live = loadProgram(prepared, program)
  if (!live.verdict.accepted) throw new Error(`the kernel refuses ${name}: ${reason(live.verdict)}`)
  const mapOf = (map: string) => {
    const index = prepared.maps.findIndex(def => def.name === map)
    const fd = live.maps[index] ?? -1
    if (fd < 0) throw new RangeError(`program ${name} uses no map ${map}`)
    const def = prepared.maps[index]!
    if (PER_CPU.has(def.type)) throw new RangeError(`map ${map} has a value for each CPU, which a typed map cannot hold`)
    return { fd, def }
  }
  const fail = (what: string, errno: number): never => {
    throw new Error(`${what}: ${errnoName(errno)}`)
  }
  return {
    lookup(map: string, key: Uint8Array): Uint8Array | undefined {
      const { fd, def } = mapOf(map)
      const value = mapLookup(fd, key, def.valueSize)
      if (typeof value !== 'number') return value
      return value === -ENOENT ? undefined : fail(`cannot read map ${map}`, -value)
    },
    update(map: string, key: Uint8Array, value: Uint8Array, flags = 0): void {
      const result = mapUpdate(mapOf(map).fd, key, value, BigInt(flags))
      if (result < 0) fail(`cannot set a value of map ${map}`, -result)
    },
    remove(map: string, key: Uint8Array): boolean {
      const result = mapDelete(mapOf(map).fd, key)
      return result < 0 && result !== -ENOENT ? fail(`cannot remove a key of map ${map}`, -result) : result >= 0
    },
    *keys(map: string): Iterable<Uint8Array> {
      const { fd, def } = mapOf(map)
      for (let key: Uint8Array | undefined; ; ) {
        const next = mapNextKey(fd, key, def.keySize)
        if (typeof next === 'number') {
          if (next !== -ENOENT) fail(`cannot list the keys of map ${map}`, -next)
          return
        }
        key = next
        yield key
      }
    },
    /** BPF_PROG_TEST_RUN with bytes (a packet), or with a request. */
    run(called: string, input?: unknown): TestRunResult {
      if (called !== name) throw new RangeError(`only program ${name} is loaded, not ${called}`)
      const request = input instanceof Uint8Array ? { data: input } : ((input ?? {}) as Omit<TestRunRequest, 'fd'>)
      const result = live.run(request)
      return result.error < 0 ? fail(`cannot run ${name}`, -result.error) : result
    },
    close: (): void => live.close(),
  }
}

const reason = ({ before, log, errno }: LiveVerdict): string => before ?? `${errnoName(errno)}\n${log.trimEnd().slice(-1000)}`
