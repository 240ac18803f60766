/** Helpers on maps (kernel/bpf/helpers.c, arraymap.c, hashtab.c; 6.12). */
import { NotImplemented } from '../../../base/outcome.js'
import { EINVAL, EOPNOTSUPP } from '../errno.js'
import { ArrayMap } from '../maps/array.js'
import { BloomFilter } from '../maps/bloom-filter.js'
import { HashMap } from '../maps/hash.js'
import { mapTypeName } from '../maps/map.js'
import { MapOfMaps } from '../maps/object-arrays.js'
import { QueueMap } from '../maps/queue-stack.js'
import type { Machine } from '../machine.js'
import { HANDLE_STEP, MAP_HANDLE } from '../memory.js'
import { defineHelpers } from './table.js'

function lookup(m: Machine): void {
  const map = m.map(1)
  if (map instanceof MapOfMaps) {
    const inner = map.at(m.readable(2, map.def.keySize))
    m.lo[0] = (inner ?? 0) * HANDLE_STEP
    m.hi[0] = inner === undefined ? 0 : MAP_HANDLE
    return
  }
  m.retAddress(map.lookup(m.readable(2, map.def.keySize)))
}

function push(m: Machine): void {
  const map = m.map(1)
  if (map instanceof QueueMap || map instanceof BloomFilter) m.ret(map.push(m.readable(2, map.def.valueSize), m.u32(3)))
  else m.ret(-EOPNOTSUPP)
}

function take(m: Machine, remove: boolean): void {
  const map = m.map(1)
  if (map instanceof QueueMap) m.ret(map.take(m.writable(2, map.def.valueSize), remove))
  else if (map instanceof BloomFilter && !remove) m.ret(map.peek(m.readable(2, map.def.valueSize)))
  else m.ret(-EOPNOTSUPP)
}

/** bpf_for_each_map_elem: callback(map, key, value, ctx) until it returns 1; the number of elements visited. */
function forEach(m: Machine): void {
  const map = m.map(1)
  const [mapLow, callbackLow, callbackHigh, ctxLow, ctxHigh] = [m.lo[1]!, m.lo[2]!, m.hi[2]!, m.lo[3]!, m.hi[3]!]
  if (m.u64(4) !== 0n) {
    m.ret(-EINVAL)
    return
  }
  if (!(map instanceof ArrayMap || map instanceof HashMap))
    throw new NotImplemented(`bpf_for_each_map_elem on a ${mapTypeName(map.def.type)} map`, m.where())
  const room = m.memory.region(`key of map ${map.def.name}`, (map.def.keySize + 7) & ~7, { writable: false })
  let visited = 0
  for (const key of map.keys()) {
    m.memory.write(room.start, key)
    const value = map.lookup(room.start)
    if (value === 0) continue
    visited++
    m.lo[1] = mapLow
    m.hi[1] = MAP_HANDLE
    m.setArg(2, room.start)
    m.setArg(3, value)
    m.lo[4] = ctxLow
    m.hi[4] = ctxHigh
    m.call(callbackLow, callbackHigh)
    if (m.lo[0] !== 0) break
  }
  room.end = room.start
  m.ret(visited)
}

function lookupPerCpu(m: Machine): void {
  const map = m.map(1)
  const key = m.readable(2, map.def.keySize)
  if (map instanceof ArrayMap || map instanceof HashMap) m.retAddress(map.lookupOn(key, m.u32(3)))
  else m.retAddress(0)
}

function update(m: Machine): void {
  const map = m.map(1)
  const key = map.def.keySize === 0 ? 0 : m.readable(2, map.def.keySize)
  const flags = m.hi[4] === 0 ? m.u32(4) : 0xffff_ffff
  m.ret(map.update(key, m.readable(3, map.def.valueSize), flags))
}

defineHelpers([
  { id: 1, name: 'bpf_map_lookup_elem', run: lookup },
  { id: 2, name: 'bpf_map_update_elem', run: update },
  { id: 3, name: 'bpf_map_delete_elem', run: m => m.ret(m.map(1).remove(m.readable(2, m.map(1).def.keySize))) },
  { id: 87, name: 'bpf_map_push_elem', run: push },
  { id: 88, name: 'bpf_map_pop_elem', run: m => take(m, true) },
  { id: 89, name: 'bpf_map_peek_elem', run: m => take(m, false) },
  { id: 164, name: 'bpf_for_each_map_elem', run: forEach },
  { id: 195, name: 'bpf_map_lookup_percpu_elem', run: lookupPerCpu },
])
