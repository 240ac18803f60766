/** What a TypeScript module of `bpfc skel` needs to work over a VM: `bind(vmBackend(vm))`. */
import type { RunInput, RunResult } from './programs/table.js'
import type { Vm } from './vm.js'

/**
 * The VM's maps and programs by name. Of per-CPU maps it reads the value of CPU 0 and sets those of all. Programs are run with a
 * RunInput, or with bytes, which are a packet. Throws RangeError for names that the object does not have, MapError where the kernel
 * would refuse.
 */
export function vmBackend(vm: Vm) {
  const mapOf = (name: string) => {
    const map = vm.maps[name]
    if (!map) throw new RangeError(`there is no map ${name}; there are ${Object.keys(vm.maps).join(', ')}`)
    return map
  }
  return {
    lookup: (map: string, key: Uint8Array): Uint8Array | undefined => mapOf(map).get(key),
    update: (map: string, key: Uint8Array, value: Uint8Array, flags?: number): void => mapOf(map).set(key, value, flags),
    remove: (map: string, key: Uint8Array): boolean => mapOf(map).delete(key),
    keys: (map: string): Iterable<Uint8Array> => mapOf(map).keys(),
    run: (program: string, input?: unknown): RunResult =>
      vm.program(program).run(input instanceof Uint8Array ? { packet: input } : ((input ?? {}) as RunInput)),
  }
}
