/**
 * Local objects share a place in the frame where none is written while another is in use: inlining brings in many. Two that are both in use
 * somewhere, each on its own way there (as where the ends of failures are one block), need not be kept apart.
 */
import { reversePostorder } from '../ir/cfg.js'
import type { Func, Value } from '../ir/ir.js'
import { type ObjectLife, objectLives } from '../ir/object-lives.js'

/** More than this many objects times blocks is not looked into. */
const MAX_WORK = 1 << 24

export interface SharedPlace {
  readonly members: Value[]
  size: number
  align: number
  /** Of the members; empty for one that is shared with nobody. */
  lives: ObjectLife[]
}

/** Groups of allocas for one place each, in the order of their first members. */
export function shareSlots(func: Func): SharedPlace[] {
  const allocas = func.entry.insts.filter(inst => inst.op === 'alloca')
  const alone = (alloca: Value): SharedPlace => ({
    members: [alloca],
    size: alloca.size,
    align: Math.max(1, alloca.align),
    lives: [],
  })
  const order = reversePostorder(func)
  if (allocas.length < 2 || allocas.length * order.length > MAX_WORK) return allocas.map(alone)
  const lives = objectLives(func, order, allocas)
  const places: SharedPlace[] = []
  const rank = new Map(allocas.map((alloca, i) => [alloca, i]))
  const bySize = [...allocas].sort((a, b) => b.size - a.size || rank.get(a)! - rank.get(b)!)
  for (const alloca of bySize) {
    const life = lives.get(alloca)
    const place = life && places.find(each => each.lives.length > 0 && each.lives.every(other => !disturb(life, other)))
    if (place) {
      place.members.push(alloca)
      place.align = Math.max(place.align, alloca.align)
      place.lives.push(life)
    } else places.push({ ...alone(alloca), lives: life ? [life] : [] })
  }
  const first = (place: SharedPlace) => Math.min(...place.members.map(member => rank.get(member)!))
  return places.sort((a, b) => first(a) - first(b))
}

/** What tells where lives begin has done its work once places are shared. */
export function dropBegins(func: Func): void {
  for (const block of func.blocks)
    if (block.insts.some(inst => inst.op === 'begin')) block.insts = block.insts.filter(inst => inst.op !== 'begin')
}

/** Whether one is written while the other is in use. */
function disturb(a: ObjectLife, b: ObjectLife): boolean {
  return writtenWithin(a.writes, b.spans) || writtenWithin(b.writes, a.spans)
}

function writtenWithin(writes: readonly number[], spans: readonly number[]): boolean {
  if (writes.length === 0 || spans.length === 0) return false
  let w = 0
  for (let i = 0; i < spans.length && w < writes.length; i += 2) {
    while (w < writes.length && writes[w]! < spans[i]!) w++
    if (w < writes.length && writes[w]! < spans[i + 1]!) return true
  }
  return false
}
