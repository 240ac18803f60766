/** cgroups that a test made, by id and by their place in the tree (kernel/bpf/helpers.c, bpf_cgroup_*). */
import type { Machine } from '../machine.js'
import { objectsOf } from './files.js'
import { defineKfuncs } from './table.js'

function fromId(m: Machine): void {
  const objects = objectsOf(m)
  const id = m.u64(1)
  const found = m.cgroups.find(cgroup => {
    const node = objects.word(cgroup, 'cgroup', 'kn')
    return node !== 0 && m.memory.view.getBigUint64(objects.addressOf(node, 'kernfs_node', 'id'), true) === id
  })
  m.retAddress(found ?? 0)
}

/** bpf_cgroup_ancestor(cgroup, level): from the cgroup's own list. */
function ancestor(m: Machine): void {
  const objects = objectsOf(m)
  const [cgroup, level] = [m.u32(1), m.s32(2)]
  if (level < 0 || level > objects.word(cgroup, 'cgroup', 'level')) m.retAddress(0)
  else if (level === objects.word(cgroup, 'cgroup', 'level')) m.retAddress(cgroup)
  else m.retAddress(m.memory.view.getUint32(objects.addressOf(cgroup, 'cgroup', 'ancestors') + level * 8, true))
}

defineKfuncs({
  bpf_cgroup_from_id: fromId,
  bpf_cgroup_ancestor: ancestor,
})
