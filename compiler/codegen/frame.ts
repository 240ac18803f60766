/**
 * The stack frame: places for local objects and for spilled values, below r10. Spilled values that are never needed at the same time share a
 * place. The kernel gives 512 bytes to a whole chain of calls (MAX_BPF_STACK, kernel/bpf/verifier.c check_max_stack_depth).
 */
import type { Segments } from './intervals.js'
import type { FrameSlot, MFunc } from './machine.js'

/** Bytes of stack for a chain of calls. */
export const MAX_STACK = 512

const up = (value: number, align: number) => Math.ceil(value / align) * align

/** Sets the offsets of all slots and the size of the frame. */
export function layOutFrame(func: MFunc, homes: ReadonlyMap<FrameSlot, Segments>): void {
  let depth = 0
  for (const slot of func.slots) {
    if (slot.spill) continue
    depth = up(depth + slot.size, slot.align)
    slot.offset = -depth
  }
  const spills = func.slots.filter(slot => slot.spill)
  const range = (slot: FrameSlot) => {
    const segments = homes.get(slot)!
    return { slot, start: segments[0]!, end: segments[segments.length - 1]! }
  }
  const places: { offset: number; end: number }[] = []
  for (const { slot, start, end } of spills.map(range).sort((a, b) => a.start - b.start || a.slot.id - b.slot.id)) {
    let place = places.find(each => each.end <= start)
    if (!place) {
      depth = up(depth + slot.size, slot.align)
      place = { offset: -depth, end }
      places.push(place)
    }
    place.end = end
    slot.offset = place.offset
  }
  func.frameSize = up(depth, 8)
}

/** A local object, or all spilled values together. */
export interface FrameContent {
  readonly name: string
  readonly bytes: number
}

/** What takes the space of a frame, largest first. */
export function frameContents(func: MFunc): FrameContent[] {
  const named = func.slots
    .filter(slot => !slot.spill)
    .map(slot => ({ name: slot.name ?? 'a temporary object', bytes: slot.size }))
  const spilled = new Set(func.slots.filter(slot => slot.spill).map(slot => slot.offset)).size
  if (spilled > 0) named.push({ name: 'values that found no register', bytes: spilled * 8 })
  return named.sort((a, b) => b.bytes - a.bytes)
}
