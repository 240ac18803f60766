/**
 * bpftool and libbpf are the judges of static linking: the selftests' objects that are made to be linked, linked by bpfc and by
 * bpftool, give libbpf the same programs, and about as much BTF.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readBtf } from '../../linker/btf/btf-file.js'
import { validateBtf } from '../../linker/btf/validate.js'
import { readElf } from '../../linker/elf/read-elf.js'
import { linkObjects } from '../../linker/merge.js'
import { libbpfView, missingForLibbpf, objectFolder, works } from './oracle.js'

const GROUPS: readonly (readonly string[])[] = [
  ['test_static_linked1', 'test_static_linked2'],
  ['linked_funcs1', 'linked_funcs2'],
  ['linked_maps1', 'linked_maps2'],
  ['linked_vars1', 'linked_vars2'],
  ['test_subskeleton_lib2', 'test_subskeleton_lib', 'test_subskeleton'],
  ['test_usdt', 'test_usdt_multispec'],
]

const missing = missingForLibbpf(works('bpftool', 'version') ? '' : 'bpftool')
if (missing.length) console.warn(`merge.test: skipped, there is no ${missing.join(', no ')}`)

const btfOf = (path: string) =>
  readBtf(readElf(new Uint8Array(readFileSync(path))).sections.find(section => section.name === '.BTF')!.data)

describe.skipIf(missing.length > 0)('linkObjects', () => {
  it('links the selftests’ objects as bpftool does', { timeout: 300_000 }, () => {
    const scratch = mkdtempSync(join(tmpdir(), 'bpfc-merge-'))
    const folder = objectFolder(scratch, GROUPS.flat())
    let compared = 0
    for (const group of GROUPS) {
      const paths = group.map(name => join(folder, `${name}.o`))
      if (!paths.every(path => existsSync(path))) continue
      const [own, peer] = [join(scratch, 'own.o'), join(scratch, 'peer.o')]
      writeFileSync(own, linkObjects(paths.map(path => ({ path, bytes: new Uint8Array(readFileSync(path)) }))))
      validateBtf(btfOf(own))
      expect(spawnSync('bpftool', ['gen', 'object', peer, ...paths]).status, group[0]).toBe(0)
      const view = (path: string) => libbpfView(scratch, scratch, [path]).map(({ obj: _obj, ...row }) => row)
      const [mine, theirs] = [view('own.o'), view('peer.o')]
      expect(
        mine.every(row => !row.error),
        `${group[0]}: ${mine.find(row => row.error)?.error}`,
      ).toBe(true)
      // Some releases of bpftool give objects of linked_maps that libbpf cannot open.
      if (theirs.some(row => row.prog === null)) continue
      // Type ids may differ; the order of maps and functions may not.
      const strip = (rows: typeof mine) => rows.map(({ funcs, ...row }) => ({ ...row, funcs: funcs.map(([slot]) => slot) }))
      expect(strip(mine), group[0]).toEqual(strip(theirs))
      expect(btfOf(own).count / btfOf(peer).count, group[0]).toBeLessThanOrEqual(1.02)
      compared++
    }
    expect(compared).toBeGreaterThan(3)
  })
})
