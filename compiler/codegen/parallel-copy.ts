/** Copies that happen at once, put into an order that has the same effect; a cycle takes one more register. */

export interface RegisterCopy {
  readonly to: number
  readonly from: number
}

/** `temporary` gives a fresh register for each cycle. Destinations are distinct. Linear in the number of copies. */
export function orderCopies(copies: readonly RegisterCopy[], temporary: () => number): RegisterCopy[] {
  const out: RegisterCopy[] = []
  const pending = new Map<number, number>()
  const readers = new Map<number, number>()
  for (const { to, from } of copies) {
    if (to === from) continue
    pending.set(to, from)
    readers.set(from, (readers.get(from) ?? 0) + 1)
  }
  const ready = [...pending.keys()].filter(to => !readers.get(to))
  const emit = (to: number) => {
    const from = pending.get(to)!
    out.push({ to, from })
    pending.delete(to)
    const left = readers.get(from)! - 1
    readers.set(from, left)
    if (left === 0 && pending.has(from)) ready.push(from)
  }
  for (;;) {
    while (ready.length > 0) emit(ready.pop()!)
    const next = pending.keys().next()
    if (next.done) return out
    // Only cycles are left: move one value aside, which frees its register.
    const stuck = next.value
    const aside = temporary()
    out.push({ to: aside, from: stuck })
    for (const [to, from] of pending) if (from === stuck) pending.set(to, aside)
    readers.set(aside, readers.get(stuck)!)
    readers.set(stuck, 0)
    ready.push(stuck)
  }
}
