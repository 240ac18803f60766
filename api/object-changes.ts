/**
 * What a loader changes of an object between opening and loading it, as libbpf's `bpf_map__set_*`, `bpf_program__set_*` and writes to
 * `.rodata` do: sizes of maps, which programs are loaded and what they attach to, values of `const volatile` variables.
 */
import { sizeOf } from '../linker/btf/btf-file.js'
import type { BtfSet } from '../linker/btf/btf-types.js'
import { type BpfObject, type MapDef, mapDef, type ObjectFunction } from '../linker/object/bpf-object.js'
import { findSectionDef } from '../linker/object/sections.js'
import { MapType } from '../linker/object/uapi.js'
import { type Constants, withConstants } from './constants.js'

/** `enum bpf_map_type` in lower case: `hash`, `percpu_array`, `ringbuf`. */
export type MapTypeName = Lowercase<Exclude<keyof typeof MapType, 'UNSPEC'>>

/** What is left out stays as the source has it. Sizes are bytes. */
export interface MapChange {
  readonly type?: MapTypeName
  readonly maxEntries?: number
  readonly keySize?: number
  readonly valueSize?: number
  /** BPF_F_* of BPF_MAP_CREATE. */
  readonly flags?: number
  readonly mapExtra?: bigint
  /** Of maps of maps: what the inner maps are like; the name of a map of the object stands for its definition. */
  readonly inner?: string | MapChange
}

export interface ProgramChange {
  /** `false` leaves the program out: no verifier is asked about it, and it cannot be run. `true` takes one of a section `?…` in from the start. */
  readonly autoload?: boolean
  /** The section that it is loaded as if from: sets type, attach type and target (`fexit/vfs_read`, `tc`, `xdp.frags`). */
  readonly section?: string
  /** What it attaches to, its type being that of its section: a function, tracepoint or LSM hook. */
  readonly attachTo?: string
}

export interface ObjectChanges {
  readonly maps?: Readonly<Record<string, MapChange>>
  readonly programs?: Readonly<Record<string, ProgramChange>>
  readonly constants?: Constants
}

/** The object with all changes made. Throws a RangeError for what the object does not have, and for values that do not fit. */
export function changedObject(object: BpfObject, { maps = {}, programs = {}, constants = {} }: ObjectChanges): BpfObject {
  const changed = {
    ...object,
    maps: changedByName('map', object.maps, maps, (def, change) => changedMap(object, def, change)),
    programs: changedByName('program', object.programs, programs, changedProgram),
  }
  return withConstants(changed, constants)
}

function changedByName<T extends { readonly name: string }, C>(
  kind: string,
  list: readonly T[],
  changes: Readonly<Record<string, C>>,
  change: (item: T, change: C) => T,
): readonly T[] {
  const names = list.map(each => each.name)
  const unknown = Object.keys(changes).find(name => !names.includes(name))
  if (unknown !== undefined) throw new RangeError(`there is no ${kind} ${unknown}; there are ${names.join(', ') || 'none'}`)
  return list.map(item => (Object.hasOwn(changes, item.name) ? change(item, changes[item.name]!) : item))
}

const MAX_U32 = 2 ** 32 - 1

function changedMap(object: BpfObject, def: MapDef, change: MapChange): MapDef {
  const number = (what: 'maxEntries' | 'keySize' | 'valueSize' | 'flags'): number => {
    const value = change[what] ?? def[what]
    if (!Number.isInteger(value) || value < 0 || value > MAX_U32)
      throw new RangeError(`${what} of map ${def.name} must be a whole number of 32 bits, not ${value}`)
    return value
  }
  if (def.data && (change.type ?? change.keySize ?? change.maxEntries) !== undefined)
    throw new RangeError(`map ${def.name} holds global data: only its value size can change`)
  const [keySize, valueSize] = [number('keySize'), number('valueSize')]
  return {
    ...def,
    type: change.type === undefined ? def.type : mapTypeOf(change.type),
    maxEntries: number('maxEntries'),
    keySize,
    valueSize,
    flags: number('flags'),
    // A type that is not as large as the key says nothing of it any more.
    keyType: keptType(object.btf, def.keyType, keySize),
    valueType: keptType(object.btf, def.valueType, valueSize),
    mapExtra: change.mapExtra ?? def.mapExtra,
    inner: change.inner === undefined ? def.inner : innerMap(object, def, change.inner),
  }
}

function keptType(btf: BtfSet | undefined, type: number, size: number): number {
  return btf && type !== 0 && sizeOf(btf, type) === size ? type : 0
}

function innerMap(object: BpfObject, outer: MapDef, inner: string | MapChange): MapDef {
  if (typeof inner !== 'string')
    return changedMap(object, outer.inner ?? mapDef({ name: `${outer.name}.inner`, type: MapType.ARRAY }), inner)
  const found = object.maps.find(each => each.name === inner)
  if (!found) throw new RangeError(`there is no map ${inner} to be the inner map of ${outer.name}`)
  return found
}

function mapTypeOf(name: string): number {
  const types: Readonly<Record<string, number>> = MapType
  const type = types[name.toUpperCase()]
  if (type === undefined || name === 'unspec')
    throw new RangeError(`there is no map type ${name}; they are called as in enum bpf_map_type, without its prefix: percpu_hash`)
  return type
}

function changedProgram(program: ObjectFunction, change: ProgramChange): ObjectFunction {
  let section = change.section ?? program.section
  const leftOut = section.startsWith('?')
  if (leftOut) section = section.slice(1)
  if (change.attachTo !== undefined) section = `${section.replace(/\/.*/, '')}/${change.attachTo}`
  if (change.section !== undefined && !findSectionDef(section))
    throw new RangeError(`program ${program.name}: section ${section} names no program type`)
  return { ...program, section: (change.autoload === undefined ? leftOut : !change.autoload) ? `?${section}` : section }
}
