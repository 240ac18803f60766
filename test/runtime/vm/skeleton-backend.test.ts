/** A TypeScript module of `bpfc skel` for an example: it type-checks, with what is wrong found by tsc, and drives the VM. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { transform } from 'esbuild'
import { afterAll, describe, expect, it } from 'vitest'
import { openObject, packet, prepareObject, type RunResult, Vm, vmBackend } from '../../../index.js'
import { tsSkeleton } from '../../../linker/skeleton/ts-skeleton.js'
import { compileExample } from '../../support/example.js'

const root = join(import.meta.dirname, '../../..')
const example = compileExample(join(root, 'examples/xdp-firewall/xdp_firewall.bpf.c'))
const folder = mkdtempSync(join(tmpdir(), 'bpfc-skel-'))
const XDP_DROP = 1
const XDP_PASS = 2

/** What a user of the module writes; each line behind an @ts-expect-error must not type-check. */
const DRIVER = `import { type Backend, bind, type Changes, object } from './firewall.skel.js'

export const changes: Changes = { maps: { sources: { maxEntries: 64 } }, constants: { packets_per_second: 5 } }
// What load takes for constants: values by name.
export const constants: Readonly<Record<string, number | bigint | boolean>> = { ...changes.constants }
// @ts-expect-error no such map
export const none: Changes = { maps: { source: {} } }

export function drive(backend: Backend) {
  const { maps, globals, programs } = bind(backend)
  const limit: number = globals.rodata.packets_per_second.get()
  globals.rodata.packets_per_second.set(2)
  maps.blocked.set({ length: 16, address: 0x10a }, 1)
  const blocked: number | undefined = maps.blocked.get({ length: 16, address: 0x10a })
  const seen: bigint | undefined = maps.sources.get(0x0702010a)?.window_start
  return { maps, programs, limit, blocked, seen, size: object.length }
}

export function wrong(backend: Backend) {
  const { maps, globals, programs } = bind(backend)
  // @ts-expect-error a key is a struct
  maps.blocked.get(7)
  // @ts-expect-error 64 bits are a bigint
  maps.sources.set(1, { window_start: 1, packets: 1, dropped: 0 })
  // @ts-expect-error a member is missing
  maps.blocked.set({ length: 16 }, 1)
  // @ts-expect-error a global is a number
  globals.rodata.packets_per_second.set('many')
  // @ts-expect-error no such program
  programs.fire
}
`

afterAll(() => rmSync(folder, { recursive: true }))

describe('vmBackend', () => {
  const source = tsSkeleton(openObject(example.object, 'firewall.o'), example.object, 'firewall.o')

  it('type-checks, and what is wrong does not', { timeout: 120_000 }, () => {
    writeFileSync(join(folder, 'firewall.skel.ts'), source)
    writeFileSync(join(folder, 'driver.ts'), DRIVER)
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    expect(existsSync(tsc)).toBe(true)
    const flags =
      '--noEmit --strict --target es2023 --lib es2023,dom --module nodenext --noUncheckedIndexedAccess --isolatedModules'
    const { stdout, status } = spawnSync(process.execPath, [tsc, ...flags.split(' '), 'driver.ts'], {
      cwd: folder,
      encoding: 'utf8',
    })
    expect({ stdout, status }).toEqual({ stdout: '', status: 0 })
  })

  it('reads and sets typed maps and globals, and runs programs', async () => {
    const { code } = await transform(source, { loader: 'ts', format: 'esm' })
    writeFileSync(join(folder, 'firewall.skel.mjs'), code)
    const { bind, object } = (await import(
      pathToFileURL(join(folder, 'firewall.skel.mjs')).href
    )) as typeof import('../../linker/skeleton/golden/kitchen.skel.js')
    expect(object).toEqual(new Uint8Array(example.object))
    const vm = new Vm(prepareObject(openObject(object, 'firewall.o'), {}), { ktime: 5_000_000_000n })
    // The maps of this object, of which the golden module's type knows nothing.
    const { maps, globals, programs } = bind(vmBackend(vm)) as unknown as {
      maps: {
        blocked: TypedMap<{ length: number; address: number }, number>
        sources: TypedMap<number, { window_start: bigint; packets: number; dropped: number }>
      }
      globals: { rodata: { packets_per_second: { get(): number; set(value: number): void } } }
      programs: { firewall: { run(input: unknown): unknown } }
    }
    const verdict = (src: string) => {
      const result = programs.firewall.run(packet.tcp({ src, dst: '192.0.2.1' })) as RunResult
      expect(result.fault).toBeUndefined()
      return result.retval
    }
    maps.blocked.set({ length: 16, address: 0x10a }, 1)
    expect(maps.blocked.get({ length: 16, address: 0x10a })).toBe(1)
    expect([verdict('10.1.2.3'), verdict('10.2.1.7')]).toEqual([XDP_DROP, XDP_PASS])
    expect(maps.sources.get(0x0701020a)).toEqual({ window_start: 5_000_000_000n, packets: 1, dropped: 0 })
    expect([...maps.sources.entries()]).toHaveLength(1)
    expect(globals.rodata.packets_per_second.get()).toBe(100)
    globals.rodata.packets_per_second.set(1)
    expect(globals.rodata.packets_per_second.get()).toBe(1)
    expect(verdict('10.2.1.7')).toBe(XDP_DROP)
    expect(maps.sources.get(0x0701020a)).toEqual({ window_start: 5_000_000_000n, packets: 2, dropped: 1 })
    expect(maps.blocked.delete({ length: 16, address: 0x10a })).toBe(true)
    expect(maps.blocked.delete({ length: 16, address: 0x10a })).toBe(false)
    expect(verdict('10.1.2.3')).toBe(XDP_PASS)
  })

  it('names what is not there', () => {
    const backend = vmBackend(new Vm(example.prepared))
    expect(() => backend.lookup('lost', new Uint8Array(4))).toThrow(/no map lost; there are .*blocked/)
    expect(() => backend.run('lost')).toThrow(/no program lost/)
  })
})

interface TypedMap<Key, Value> {
  get(key: Key): Value | undefined
  set(key: Key, value: Value): void
  delete(key: Key): boolean
  entries(): Iterable<[Key, Value]>
}
