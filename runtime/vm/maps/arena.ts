/**
 * Arenas (kernel/bpf/arena.c): pages that a program shares with user space. Here an arena lies in the VM's memory at one address that is
 * both its user and its kernel address, so casts between the two change nothing. Pages that are not allocated read as
 * zeros, and what is written to them is lost.
 */
import type { MapDef } from '../../../linker/object/bpf-object.js'
import { EBUSY, EINVAL, EOPNOTSUPP } from '../errno.js'
import type { Region } from '../memory.js'
import { defineMap, type MapScope, MapType, VmMap } from './map.js'

const PAGE = 4096
/** Half of GUARD_SZ of the kernel: addresses this far beside an arena do no harm. */
const GUARD = 0x8000

export class Arena extends VmMap {
  private readonly start: number
  /** A region a page, open while the page is allocated. */
  private readonly pages: Region[] = []

  constructor(def: MapDef, scope: MapScope) {
    super(def, scope)
    const { memory } = scope.machine
    // room to start at a page, and the guards around the arena
    const reserved = memory.reserve((def.maxEntries + 1) * PAGE + 2 * GUARD)
    this.start = Math.ceil((reserved + GUARD) / PAGE) * PAGE
    for (let page = 0; page < def.maxEntries; page++)
      this.pages.push(memory.open(`arena ${def.name}`, this.start + page * PAGE, PAGE, { closed: true }))
    memory.forgiving.push({ start: this.start - GUARD, end: this.start + def.maxEntries * PAGE + GUARD })
    if (def.data) {
      this.allocate(this.start, Math.ceil(def.data.bytes.length / PAGE))
      memory.write(this.start, def.data.bytes)
    }
  }

  private readonly reserved = new Set<number>()

  override valueBase(): number {
    return this.start
  }

  /** Address of `count` pages, at `address` if it is not 0; 0 where they are not to be had. */
  allocate(address: number, count: number): number {
    const { pages, start } = this
    if (count < 1 || count > pages.length || address & (PAGE - 1)) return 0
    const isFree = (page: number) =>
      pages[page] !== undefined && !this.reserved.has(page) && pages[page].start === pages[page].end
    let first = address === 0 ? 0 : (address - start) / PAGE
    if (first < 0) return 0
    for (let free = 0; free < count; )
      if (isFree(first + free)) free++
      else if (address !== 0 || first + free >= pages.length) return 0
      else {
        first += free + 1
        free = 0
      }
    for (let page = first; page < first + count; page++) pages[page]!.end = pages[page]!.start + PAGE
    const at = start + first * PAGE
    this.m.memory.bytes.fill(0, at, at + count * PAGE)
    return at
  }

  /** Keeps a range from being allocated: 0, or why not. */
  reserve(address: number, count: number): number {
    const first = (address - this.start) / PAGE
    if (!Number.isInteger(first) || first < 0 || first + count > this.pages.length) return -EINVAL
    const taken = (page: number) => this.reserved.has(page) || this.pages[page]!.start !== this.pages[page]!.end
    for (let page = first; page < first + count; page++) if (taken(page)) return -EBUSY
    for (let page = first; page < first + count; page++) this.reserved.add(page)
    return 0
  }

  release(address: number, count: number): void {
    const first = Math.floor((address - this.start) / PAGE)
    for (let page = Math.max(0, first); page < Math.min(first + count, this.pages.length); page++)
      this.pages[page]!.end = this.pages[page]!.start
  }

  override lookup(): number {
    return 0
  }

  override update(): number {
    return -EOPNOTSUPP
  }

  override remove(): number {
    return -EOPNOTSUPP
  }
}

defineMap([MapType.ARENA], (def, scope) => new Arena(def, scope))
