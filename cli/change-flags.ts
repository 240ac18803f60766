/** Flags of what a loader changes between opening and loading an object: `--map-size`, `--const`, `--section` (api/object-changes.ts). */
import { type Command, InvalidArgumentError } from 'commander'
import { changedObject, type MapChange, type ObjectChanges, type ProgramChange } from '../api/object-changes.js'
import type { BpfObject } from '../linker/object/bpf-object.js'
import type { BtfValue } from '../runtime/vm/btf-values.js'

export interface ChangeFlags {
  mapSize: ObjectChanges['maps'] & {}
  const: ObjectChanges['constants'] & {}
  section: ObjectChanges['programs'] & {}
}

/** Splits `NAME=TEXT`; throws commander's error for anything else. */
function assignment(text: string): readonly [string, string] {
  const equals = text.indexOf('=')
  if (equals < 1) throw new InvalidArgumentError('It should read NAME=VALUE.')
  return [text.slice(0, equals), text.slice(equals + 1)]
}

function mapSize(text: string, before: ChangeFlags['mapSize']): ChangeFlags['mapSize'] {
  const [name, value] = assignment(text)
  const sizes = /^(\d+)(?:,key=(\d+))?(?:,value=(\d+))?$/.exec(value)
  if (!sizes)
    throw new InvalidArgumentError('It should read MAP=N or MAP=N,key=N,value=N: entries (bytes of a ring buffer), and bytes.')
  const [, entries, key, bytes] = sizes
  const change: MapChange = {
    maxEntries: Number(entries),
    ...(key !== undefined && { keySize: Number(key) }),
    ...(bytes !== undefined && { valueSize: Number(bytes) }),
  }
  return { ...before, [name]: change }
}

function constant(text: string, before: ChangeFlags['const']): ChangeFlags['const'] {
  const [name, value] = assignment(text)
  try {
    // What JSON cannot hold exactly is kept as it was written.
    const exact = /^-?\d{16,}$/.test(value) ? BigInt(value) : (JSON.parse(value) as BtfValue)
    return { ...before, [name]: exact }
  } catch {
    throw new InvalidArgumentError('The value is JSON: a number, "text", a list, or {"field": …}.')
  }
}

function section(text: string, before: ChangeFlags['section']): ChangeFlags['section'] {
  const [name, value] = assignment(text)
  return { ...before, [name]: { section: value } satisfies ProgramChange }
}

/** Adds the flags in their own help group; before the compile flags. */
export function addChangeFlags(command: Command): Command {
  return command
    .optionsGroup('Before loading, as a loader would:')
    .option('--map-size <map=n>', 'give a map so many entries; map=n,key=bytes,value=bytes changes these too', mapSize, {})
    .option('--const <name=value>', 'set a const volatile variable, its value as JSON', constant, {})
    .option('--section <program=section>', 'take a program as if from this section (fexit/vfs_read)', section, {})
}

/** The object with what the flags say; a message when the object does not have it. */
export function changedByFlags(object: BpfObject, flags: ChangeFlags): BpfObject | string {
  try {
    return changedObject(object, { maps: flags.mapSize, constants: flags.const, programs: flags.section })
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof TypeError)) throw error
    return error.message
  }
}
