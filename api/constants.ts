/** Values for `const volatile` variables of a program, set before it is verified: what a loader writes into .rodata between opening and loading. */
import { BtfKind } from '../linker/btf/btf-types.js'
import { sizeOf } from '../linker/btf/btf-file.js'
import type { BpfObject, MapDef } from '../linker/object/bpf-object.js'
import { type BtfValue, encodeValue } from '../runtime/vm/btf-values.js'

export type Constants = Readonly<Record<string, BtfValue>>

/** The object with these variables set, by name. Throws a RangeError for a name that read-only data does not have, and for values that do not fit. */
export function withConstants(object: BpfObject, constants: Constants): BpfObject {
  const left = new Map(Object.entries(constants))
  if (left.size === 0) return object
  const { btf } = object
  const there: string[] = []
  const maps = object.maps.map((def): MapDef => {
    // Values of .kconfig come from the kernel's configuration.
    const isConstant = def.data?.readonly && def.data.section !== '.kconfig'
    const section = btf && isConstant ? btf.type(def.valueType) : undefined
    if (!btf || !def.data || section?.kind !== BtfKind.Datasec) return def
    const bytes = new Uint8Array(def.valueSize)
    bytes.set(def.data.bytes)
    for (const { type, offset } of section.vars) {
      const variable = btf.type(type)
      if (variable.kind !== BtfKind.Var) continue
      there.push(variable.name)
      const value = left.get(variable.name)
      if (value === undefined) continue
      bytes.set(encodeValue(btf, variable.type, value, sizeOf(btf, variable.type)), offset)
      left.delete(variable.name)
    }
    return { ...def, data: { ...def.data, bytes } }
  })
  const [unknown] = left.keys()
  if (unknown !== undefined)
    throw new RangeError(
      `there is no constant ${unknown}; read-only variables (const volatile) are ${there.join(', ') || 'none'}`,
    )
  return { ...object, maps }
}
