/** What syscall programs may do of bpf(2) itself: elements of maps, which are known by their numbers as in maps of maps. */
import { NotImplemented } from '../../../base/outcome.js'
import { EBADF, EINVAL, ENOENT } from '../errno.js'
import type { Machine } from '../machine.js'
import { defineHelpers } from './table.js'

const LOOKUP = 1
const UPDATE = 2
const DELETE = 3
const NEXT_KEY = 4
const FREEZE = 22

/** union bpf_attr for operations on elements: map_fd, key, value or next_key, flags. */
function sysBpf(m: Machine): void {
  const command = m.u32(1)
  const size = m.u32(3)
  const at = m.readable(2, size)
  if (![LOOKUP, UPDATE, DELETE, NEXT_KEY, FREEZE].includes(command))
    throw new NotImplemented(`bpf_sys_bpf with command ${command}`, m.where())
  const { view, bytes } = m.memory
  const map = size < 4 ? undefined : m.maps[view.getUint32(at, true)]
  if (!map) {
    m.ret(-EBADF)
    return
  }
  if (command === FREEZE) {
    m.ret(0)
    return
  }
  if (size < (command === DELETE ? 16 : 24)) {
    m.ret(-EINVAL)
    return
  }
  const key = view.getUint32(at + 8, true)
  const value = command === DELETE ? 0 : view.getUint32(at + 16, true)
  switch (command) {
    case UPDATE:
      m.ret(map.update(key, value, size >= 32 ? view.getUint32(at + 24, true) : 0))
      return
    case DELETE:
      m.ret(map.remove(key))
      return
    case LOOKUP: {
      const found = map.valuesOf(bytes.slice(key, key + map.def.keySize))
      if (found) m.memory.write(value, found[0]!)
      m.ret(found ? 0 : -ENOENT)
      return
    }
    default: {
      const keys = [...map.keys()]
      const last = key === 0 ? -1 : keys.findIndex(each => each.every((byte, index) => byte === bytes[key + index]))
      const next = keys[last + 1]
      if (next) m.memory.write(value, next)
      m.ret(next ? 0 : -ENOENT)
    }
  }
}

defineHelpers([
  {
    id: 166,
    name: 'bpf_sys_bpf',
    run: sysBpf,
    partial: 'elements of maps only; a map’s file descriptor is its number, as in maps of maps',
  },
  { id: 168, name: 'bpf_sys_close', run: m => m.ret(0), partial: 'there are no file descriptors: every one closes' },
])
