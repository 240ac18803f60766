/** Single and batch operations on maps, each put to the running kernel by bpf(2) and to the VM's map: same errno, same counts, same elements. */
import { closeSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { mapBatch, mapCreate, mapDelete, mapLookup, mapUpdate } from '../../runtime/live/bpf-syscall.js'
import { errnoName } from '../../runtime/live/load-object.js'
import { type MapAccess, MapError } from '../../runtime/vm/map-access.js'
import { MapType, mapTypeName } from '../../runtime/vm/maps/map.js'
import { missingForLoading } from './oracle.js'
import { mapDef, vmOf } from '../runtime/vm/bare.js'

const missing = missingForLoading()
if (missing.length) console.warn(`map-operations.test: skipped, there is no ${missing.join(', no ')}`)

/** CPUs that per-CPU values are of: `0-3` is four. */
const cpus = (): number => {
  const [, first, last] = /^(\d+)(?:-(\d+))?/.exec(readFileSync('/sys/devices/system/cpu/possible', 'utf8'))!
  return Number(last ?? first) + 1
}

type Step =
  | { readonly do: 'update'; readonly keys: readonly number[]; readonly flags?: number }
  | { readonly do: 'delete' | 'lookup'; readonly keys: readonly number[] }
  | { readonly do: 'update-batch'; readonly keys: readonly number[]; readonly flags?: number }
  | { readonly do: 'delete-batch'; readonly keys: readonly number[]; readonly flags?: number }
  | { readonly do: 'lookup-batch' | 'lookup-delete-batch'; readonly count: number; readonly flags?: number }

/** Every way for an operation to fail that does not hang on how keys are hashed. */
const STEPS: readonly Step[] = [
  { do: 'lookup', keys: [0, 9] },
  { do: 'lookup-batch', count: 8 },
  { do: 'delete', keys: [1, 9] },
  { do: 'update', keys: [0], flags: 1 },
  { do: 'update', keys: [0], flags: 2 },
  { do: 'update', keys: [0], flags: 3 },
  { do: 'update', keys: [0], flags: 4 },
  { do: 'update', keys: [0], flags: 8 },
  { do: 'update', keys: [0], flags: 64 },
  { do: 'update', keys: [0, 1, 9] },
  { do: 'lookup', keys: [0, 1, 9] },
  { do: 'update', keys: [1], flags: 1 },
  { do: 'delete-batch', keys: [0, 7, 1] },
  { do: 'update-batch', keys: [0, 1, 2, 3] },
  { do: 'update-batch', keys: [0, 1], flags: 1 },
  { do: 'update-batch', keys: [0, 1], flags: 4 },
  { do: 'update-batch', keys: [] },
  { do: 'lookup-batch', count: 0 },
  { do: 'lookup-batch', count: 8 },
  { do: 'lookup-batch', count: 8, flags: 4 },
  { do: 'lookup-batch', count: 8, flags: 2 },
  { do: 'delete-batch', keys: [1], flags: 1 },
  { do: 'delete-batch', keys: [3, 2] },
  { do: 'lookup-delete-batch', count: 8 },
  { do: 'lookup-delete-batch', count: 8 },
  { do: 'lookup', keys: [0] },
]

const keyBytes = (size: number, key: number) => {
  const bytes = new Uint8Array(size)
  // An LPM key: all bits of its data count.
  if (size === 8) bytes.set([32, 0, 0, 0, 0, 0, 0, key])
  else if (size > 0) bytes[0] = key
  return bytes
}

const joined = (parts: readonly Uint8Array[], least = 8) => {
  const bytes = Buffer.concat(parts)
  return bytes.length >= least ? new Uint8Array(bytes) : new Uint8Array(least)
}

/** What an operation says: names of errors, counts, keys that were found in order of their bytes. */
type Answer = readonly (string | number)[]

const name = (error: number) => (error === 0 ? 'ok' : errnoName(Math.abs(error)))
const sorted = (keys: readonly Uint8Array[]) => keys.map(key => Buffer.from(key).toString('hex')).sort()
/** Calls that are refused outright leave the count as it was given. */
const counted = (error: number, count: number): Answer =>
  ['EINVAL', 'ENOTSUPP'].includes(name(error)) ? [name(error)] : [name(error), count]

interface Sizes {
  readonly keySize: number
  /** Of all CPUs together. */
  readonly valueSize: number
}

function askKernel(fd: number, step: Step, { keySize, valueSize }: Sizes): Answer {
  const value = (key: number) => new Uint8Array(valueSize).fill(key + 1)
  switch (step.do) {
    case 'update':
      return step.keys.map(key => name(mapUpdate(fd, keyBytes(keySize, key), value(key), BigInt(step.flags ?? 0))))
    case 'delete':
      return step.keys.map(key => name(mapDelete(fd, keyBytes(keySize, key))))
    case 'lookup':
      return step.keys.map(key => {
        const found = mapLookup(fd, keyBytes(keySize, key), valueSize)
        return typeof found === 'number' ? name(found) : Buffer.from(found).toString('hex')
      })
    default: {
      const operation = step.do.replace(/-batch$/, '') as 'lookup' | 'lookup-delete' | 'update' | 'delete'
      const given = 'keys' in step ? step.keys : Array.from({ length: step.count }, () => 0)
      const { error, count, keys } = mapBatch(fd, {
        operation,
        count: given.length,
        keys: joined(given.map(key => keyBytes(keySize, key))),
        values: joined(given.map(value)),
        flags: BigInt(step.flags ?? 0),
      })
      const answer = counted(error, count)
      if (!operation.startsWith('lookup') || answer.length === 1) return answer
      return [...answer, ...sorted(Array.from({ length: count }, (_, i) => keys.slice(i * keySize, (i + 1) * keySize)))]
    }
  }
}

function askVm(map: MapAccess, step: Step, { keySize, valueSize }: Sizes): Answer {
  const { def, cpuCount, perCpu } = map.map
  const value = (key: number) => new Uint8Array(valueSize).fill(key + 1)
  const values = (key: number) =>
    perCpu ? Array.from({ length: cpuCount }, () => new Uint8Array(def.valueSize).fill(key + 1)) : value(key)
  switch (step.do) {
    case 'update':
      return step.keys.map(key => {
        try {
          map.set(keyBytes(keySize, key), values(key), step.flags ?? 0)
          return 'ok'
        } catch (error) {
          if (!(error instanceof MapError)) throw error
          return name(error.errno)
        }
      })
    case 'delete':
      return step.keys.map(key => name(map.map.remove(map.map.scratchKey(keyBytes(keySize, key)))))
    case 'lookup':
      return step.keys.map(key => {
        const found = map.getPerCpu(keyBytes(keySize, key))
        return found ? Buffer.concat(found).toString('hex') : 'ENOENT'
      })
    case 'update-batch': {
      const { errno, count } = map.updateBatch(
        step.keys.map(key => keyBytes(keySize, key)),
        step.keys.map(value),
        { flags: step.flags ?? 0 },
      )
      return counted(errno, count)
    }
    case 'delete-batch': {
      const { errno, count } = map.deleteBatch(
        step.keys.map(key => keyBytes(keySize, key)),
        { flags: step.flags ?? 0 },
      )
      return counted(errno, count)
    }
    default: {
      const request = { count: step.count, flags: step.flags ?? 0 }
      const { errno, count, keys } = step.do === 'lookup-batch' ? map.lookupBatch(request) : map.lookupAndDeleteBatch(request)
      const answer = counted(errno, count)
      return answer.length === 1 ? answer : [...answer, ...sorted(keys)]
    }
  }
}

const TYPES = ['HASH', 'PERCPU_HASH', 'LRU_HASH', 'LRU_PERCPU_HASH', 'ARRAY', 'PERCPU_ARRAY', 'LPM_TRIE'] as const

describe.skipIf(missing.length)('operations on maps answer as those of the running kernel', () => {
  for (const type of TYPES)
    it(mapTypeName(MapType[type]), () => {
      const def = mapDef({ name: 'm', type: MapType[type] })
      const fd = mapCreate({ ...def, innerFd: 0, btfFd: 0, vmlinuxValueType: 0 })
      expect(fd).toBeGreaterThan(0)
      try {
        const map = vmOf('exit', [def], { cpus: cpus() }).maps['m']!
        const valueSize = map.map.perCpu ? ((def.valueSize + 7) & ~7) * cpus() : def.valueSize
        const sizes = { keySize: def.keySize, valueSize }
        const rows = STEPS.map(step => ({ step, ours: askVm(map, step, sizes), theirs: askKernel(fd, step, sizes) }))
        const differing = rows.filter(({ ours, theirs }) => JSON.stringify(ours) !== JSON.stringify(theirs))
        expect(differing.map(row => JSON.stringify(row))).toEqual([])
      } finally {
        closeSync(fd)
      }
    })
})
