/** Helpers on storage that hangs on tasks, sockets, inodes and cgroups. */
import { ENOENT } from '../errno.js'
import { VmFault } from '../fault.js'
import { CgroupStorage } from '../maps/cgroup-storage.js'
import { LocalStorage } from '../maps/storage.js'
import type { Machine } from '../machine.js'
import { defineHelpers } from './table.js'

const BPF_LOCAL_STORAGE_GET_F_CREATE = 1

function storage(m: Machine): LocalStorage {
  const map = m.map(1)
  if (!(map instanceof LocalStorage)) throw new VmFault(`map ${map.def.name} is no local storage`)
  return map
}

/** What storage hangs on: a socket is one owner, whichever of its structs the program has. */
const ownerOf = (m: Machine) => m.sockets.at(m.u32(2))?.address ?? m.u32(2)

function get(m: Machine): void {
  const map = storage(m)
  if (m.isNull(2)) {
    m.retAddress(0)
    return
  }
  const initial = m.isNull(3) ? 0 : m.readable(3, map.def.valueSize)
  m.retAddress(map.of(ownerOf(m), (m.u32(4) & BPF_LOCAL_STORAGE_GET_F_CREATE) !== 0, initial))
}

const drop = (m: Machine) => m.ret(m.isNull(2) ? -ENOENT : storage(m).drop(ownerOf(m)))

function cgroupStorage(m: Machine): void {
  const map = m.map(1)
  if (!(map instanceof CgroupStorage)) throw new VmFault(`map ${map.def.name} is no cgroup storage`)
  m.retAddress(map.valueBase())
}

defineHelpers([
  { id: 81, name: 'bpf_get_local_storage', run: cgroupStorage },
  { id: 107, name: 'bpf_sk_storage_get', run: get },
  { id: 108, name: 'bpf_sk_storage_delete', run: drop },
  { id: 145, name: 'bpf_inode_storage_get', run: get },
  { id: 146, name: 'bpf_inode_storage_delete', run: drop },
  { id: 156, name: 'bpf_task_storage_get', run: get },
  { id: 157, name: 'bpf_task_storage_delete', run: drop },
  { id: 210, name: 'bpf_cgrp_storage_get', run: get },
  { id: 211, name: 'bpf_cgrp_storage_delete', run: drop },
])
