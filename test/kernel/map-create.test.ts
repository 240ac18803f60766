/** Definitions of maps that the kernel takes or refuses, each put to the running one (BPF_MAP_CREATE) and to the rules that the VM goes by. */
import { closeSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { MapDef } from '../../linker/object/bpf-object.js'
import { mapCreationErrno } from '../../runtime/kernel/map-creation.js'
import { errnoName } from '../../runtime/live/load-object.js'
import { mapCreate } from '../../runtime/live/bpf-syscall.js'
import { MapType, mapTypeName } from '../../runtime/vm/maps/map.js'
import { missingForLoading } from './oracle.js'
import { mapDef } from '../runtime/vm/bare.js'

const missing = missingForLoading()
if (missing.length) console.warn(`map-create.test: skipped, there is no ${missing.join(', no ')}`)

/** Types that need another map, types of BTF or the kernel's own types beside. */
const others: ReadonlySet<number> = new Set([
  MapType.ARRAY_OF_MAPS,
  MapType.HASH_OF_MAPS,
  MapType.STRUCT_OPS,
  MapType.SK_STORAGE,
  MapType.INODE_STORAGE,
  MapType.TASK_STORAGE,
  MapType.CGRP_STORAGE,
])

const KEYS = [0, 3, 4, 5, 8, 16, 260, 261, 513]
const VALUES = [0, 1, 4, 7, 8, 32, 1016, 1024, 40_000, 70_000, 5 << 20]
const ENTRIES = [0, 1, 5, 4096, 6000, 10_000]
/** Between 64 and 8192 it depends on the kernel's configuration how large a cpumap may be. */
const isOfMachine = ({ type, maxEntries }: MapDef) => type === MapType.CPUMAP && maxEntries > 64 && maxEntries <= 8192
const FLAGS = [...Array.from({ length: 20 }, (_, bit) => 1 << bit), 0, 0x18, 0x180, 3, 5, 6, 0x2400, 0x401]

/** Everything near a definition that is fine: one or two of its numbers changed. */
function around(good: MapDef): MapDef[] {
  const changes: Partial<MapDef>[] = [
    {},
    ...KEYS.map(keySize => ({ keySize })),
    ...VALUES.map(valueSize => ({ valueSize })),
    ...ENTRIES.map(maxEntries => ({ maxEntries })),
    ...FLAGS.map(flags => ({ flags: flags | good.flags })),
    ...FLAGS.map(flags => ({ flags })),
    ...[1n, 15n, 16n, 4096n].map(mapExtra => ({ mapExtra })),
    { keySize: 0, valueSize: 5 << 20 },
    { valueSize: 5 << 20, flags: 1 << 14 },
    { maxEntries: 0, flags: 1 << 14 },
  ]
  return changes.map(change => ({ ...good, ...change }))
}

function kernelErrno(def: MapDef): number {
  const fd = mapCreate({ ...def, innerFd: 0, btfFd: 0, vmlinuxValueType: 0 })
  if (fd < 0) return -fd
  closeSync(fd)
  return 0
}

const name = (errno: number) => (errno === 0 ? 'made' : errnoName(errno))

describe.skipIf(missing.length)('maps are made and refused as by the running kernel', () => {
  for (const type of Object.values(MapType))
    if (!others.has(type))
      it(mapTypeName(type), () => {
        const good = mapDef({ name: 'm', type })
        expect(name(kernelErrno(good))).toBe('made')
        const rows = around(good)
          .filter(def => !isOfMachine(def))
          .map(def => {
            const { keySize, valueSize, maxEntries, flags, mapExtra } = def
            return {
              what: { keySize, valueSize, maxEntries, flags, mapExtra },
              ours: name(mapCreationErrno(def)),
              theirs: name(kernelErrno(def)),
            }
          })
        expect(rows.filter(({ ours, theirs }) => ours !== theirs)).toEqual([])
        expect(rows.length).toBeGreaterThan(80)
      })
})
