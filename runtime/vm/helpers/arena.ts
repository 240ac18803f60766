/** kfuncs of arenas: pages to allocate and to give back. */
import { VmFault } from '../fault.js'
import { Arena } from '../maps/arena.js'
import type { Machine } from '../machine.js'
import { defineKfuncs } from './table.js'

function arena(m: Machine): Arena {
  const map = m.map(1)
  if (!(map instanceof Arena)) throw new VmFault(`map ${map.def.name} is no arena`)
  return map
}

defineKfuncs({
  /** bpf_arena_alloc_pages(map, addr, page_cnt, node_id, flags). */
  bpf_arena_alloc_pages: m => m.retAddress(arena(m).allocate(m.u32(2), m.u32(3))),
  bpf_arena_reserve_pages: m => m.ret(m.u32(3) === 0 ? 0 : arena(m).reserve(m.u32(2), m.u32(3))),
  bpf_arena_free_pages: m => {
    arena(m).release(m.u32(2), m.u32(3))
    m.ret(0)
  },
})
