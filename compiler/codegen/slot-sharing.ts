/** Local objects that are never in use at the same time share a place in the frame: inlining brings in many. */
import { reversePostorder } from '../ir/cfg.js'
import type { Func, Value } from '../ir/ir.js'
import { objectLives } from '../ir/object-lives.js'
import { overlap, type Segments } from './intervals.js'

/** More than this many objects times blocks is not looked into. */
const MAX_WORK = 1 << 24

export interface SharedPlace {
  readonly members: Value[]
  size: number
  align: number
  live: Segments
}

/** Groups of allocas for one place each, in the order of their first members. */
export function shareSlots(func: Func): SharedPlace[] {
  const allocas = func.entry.insts.filter(inst => inst.op === 'alloca')
  const alone = (alloca: Value): SharedPlace => ({
    members: [alloca],
    size: alloca.size,
    align: Math.max(1, alloca.align),
    live: [],
  })
  const order = reversePostorder(func)
  if (allocas.length < 2 || allocas.length * order.length > MAX_WORK) return allocas.map(alone)
  const live = objectLives(func, order, allocas)
  const places: SharedPlace[] = []
  const rank = new Map(allocas.map((alloca, i) => [alloca, i]))
  const bySize = [...allocas].sort((a, b) => b.size - a.size || rank.get(a)! - rank.get(b)!)
  for (const alloca of bySize) {
    const segments = live.get(alloca)
    const place = segments && places.find(each => each.live.length > 0 && !overlap(each.live, segments))
    if (place) {
      place.members.push(alloca)
      place.align = Math.max(place.align, alloca.align)
      place.live = merge(place.live, segments)
    } else places.push({ ...alone(alloca), live: segments ? [...segments] : [] })
  }
  const first = (place: SharedPlace) => Math.min(...place.members.map(member => rank.get(member)!))
  return places.sort((a, b) => first(a) - first(b))
}

/** What tells where lives begin has done its work once places are shared. */
export function dropBegins(func: Func): void {
  for (const block of func.blocks)
    if (block.insts.some(inst => inst.op === 'begin')) block.insts = block.insts.filter(inst => inst.op !== 'begin')
}

function merge(a: Segments, b: Segments): Segments {
  const pairs: [number, number][] = []
  for (const list of [a, b]) for (let i = 0; i < list.length; i += 2) pairs.push([list[i]!, list[i + 1]!])
  return pairs.sort((x, y) => x[0] - y[0]).flat()
}
