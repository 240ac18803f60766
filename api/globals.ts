/** Global variables of a loaded object by name: what a test reads and sets of .bss, .data and .rodata. */
import { BtfKind } from '../linker/btf/btf-types.js'
import { sizeOf } from '../linker/btf/btf-file.js'
import { type BtfValue, decodeValue, encodeValue } from '../runtime/vm/btf-values.js'
import type { Vm } from '../runtime/vm/vm.js'

export interface LoadedGlobal {
  readonly name: string
  /** In JavaScript values, by its BTF; see `BtfValue`. */
  get(): BtfValue
  /** Of a `const volatile` variable this takes the verdict away, as it was verified with another value: see the option `constants`. */
  set(value: BtfValue): void
}

/** All variables that BTF names. Those of an extern section (.kconfig) are among them. */
export function globalsOf({ prepared: { btf, maps }, maps: access }: Vm): Record<string, LoadedGlobal> {
  const globals: Record<string, LoadedGlobal> = {}
  for (const def of maps) {
    const section = btf && def.data && def.keySize === 4 ? btf.type(def.valueType) : undefined
    if (!btf || section?.kind !== BtfKind.Datasec) continue
    const map = access[def.name]!
    const key = new Uint8Array(4)
    for (const { type, offset } of section.vars) {
      const variable = btf.type(type)
      if (variable.kind !== BtfKind.Var) continue
      const size = sizeOf(btf, variable.type)
      globals[variable.name] = {
        name: variable.name,
        get: () => decodeValue(btf, variable.type, map.get(key)!.subarray(offset, offset + size)),
        set(value) {
          const bytes = map.get(key)!
          bytes.set(encodeValue(btf, variable.type, value, size), offset)
          map.set(key, bytes)
        },
      }
    }
  }
  return globals
}
