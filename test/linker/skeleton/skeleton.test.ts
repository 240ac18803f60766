/**
 * Skeletons of the fixture object: golden files (which the type check reads too), and the TypeScript one at work over a backend
 * that is a table.
 */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cSkeleton } from '../../../linker/skeleton/c-skeleton.js'
import { tsSkeleton } from '../../../linker/skeleton/ts-skeleton.js'
import { kitchen, kitchenBytes } from '../object/kitchen.js'
import { type Backend, bind, object } from './golden/kitchen.skel.js'

const golden = (name: string) => join(import.meta.dirname, 'golden', name)

/** Maps as tables of bytes. */
class TableBackend implements Backend {
  readonly tables = new Map<string, Map<string, Uint8Array>>()
  readonly runs: unknown[] = []
  private table(map: string) {
    if (!this.tables.has(map)) this.tables.set(map, new Map())
    return this.tables.get(map)!
  }
  lookup(map: string, key: Uint8Array) {
    return this.table(map).get(key.join())
  }
  update(map: string, key: Uint8Array, value: Uint8Array) {
    this.table(map).set(key.join(), value)
  }
  remove(map: string, key: Uint8Array) {
    return this.table(map).delete(key.join())
  }
  keys(map: string) {
    return [...this.table(map).keys()].map(key => Uint8Array.from(key.split(',').map(Number)))
  }
  run(program: string, input: unknown) {
    this.runs.push([program, input])
    return 2
  }
}

describe('tsSkeleton', () => {
  it('writes a module that type-checks', async () => {
    await expect(tsSkeleton(kitchen(), kitchenBytes('el'), 'kitchen.bpfel.o')).toMatchFileSnapshot(golden('kitchen.skel.ts'))
  })

  it('holds the object', () => {
    expect(object).toEqual(kitchenBytes('el'))
  })

  it('encodes and decodes keys and values by their types', () => {
    const backend = new TableBackend()
    const { maps, globals, programs } = bind(backend)
    maps.counters.set(7, { packets: 1n << 40n, bytes: [1, 2, 3] })
    expect(backend.lookup('counters', Uint8Array.of(7, 0, 0, 0))).toEqual(
      Uint8Array.of(0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0),
    )
    expect(maps.counters.get(7)).toEqual({ packets: 1n << 40n, bytes: [1, 2, 3] })
    expect([...maps.counters.entries()]).toEqual([[7, { packets: 1n << 40n, bytes: [1, 2, 3] }]])
    expect(maps.counters.delete(7)).toBe(true)
    expect(maps.counters.get(7)).toBeUndefined()
    globals.data.start.set(9)
    expect(globals.data.start.get()).toBe(9)
    expect(globals.rodata.limit.readonly).toBe(true)
    expect(programs.count.run('packet')).toBe(2)
    expect(backend.runs).toEqual([['count', 'packet']])
  })
})

describe('cSkeleton', () => {
  it('writes a header in the shape of bpftool', async () => {
    const header = cSkeleton(kitchen(), Uint8Array.of(0x7f, 0, 0x45), 'kitchen')
    await expect(header).toMatchFileSnapshot(golden('kitchen.skel.h'))
  })
})
