import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cacheFolder } from '../../cli/cache-folder.js'
import { StoredHeaderCache } from '../../cli/header-cache.js'
import { VmlinuxStore } from '../../cli/vmlinux-store.js'
import { encodeHeaderRun } from '../../compiler/preprocessor/header-run-file.js'
import { indexHeader } from '../../compiler/preprocessor/header-index.js'

const big = (word: string) =>
  new TextEncoder().encode(Array.from({ length: 12_000 }, (_, i) => `struct ${word}_${i} { int member; };\n`).join(''))

describe('indexes of headers between runs', () => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bpfc-cache-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('finds in another process what was put, by content and not by name', () => {
    const bytes = big('a')
    const run = indexHeader(bytes, 0)
    new StoredHeaderCache(folder, '1').put('x.h', bytes, 0, run)
    const again = new StoredHeaderCache(folder, '1').get('elsewhere/y.h', bytes, 0)!
    expect(Buffer.compare(encodeHeaderRun(again, bytes.length, 0), encodeHeaderRun(run, bytes.length, 0))).toBe(0)
    expect(new StoredHeaderCache(folder, '1').get('x.h', big('b'), 0)).toBeUndefined()
    expect(new StoredHeaderCache(folder, '2').get('x.h', bytes, 0)).toBeUndefined()
  })

  it('sees in the same process that a file has changed', () => {
    const cache = new StoredHeaderCache(undefined, '')
    cache.put('x.h', big('a'), 0, indexHeader(big('a'), 0))
    expect(cache.get('x.h', big('a'), 0)).toBeDefined()
    expect(cache.get('x.h', big('b'), 0)).toBeUndefined()
  })

  it('takes no damaged entry', () => {
    const bytes = big('a')
    new StoredHeaderCache(folder, '1').put('x.h', bytes, 0, indexHeader(bytes, 0))
    const [file] = readdirSync(folder)
    writeFileSync(join(folder, file!), 'no index')
    expect(new StoredHeaderCache(folder, '1').get('x.h', bytes, 0)).toBeUndefined()
  })

  it('goes on where the folder cannot be made, and leaves nothing of small headers', () => {
    const bytes = big('a')
    writeFileSync(join(folder, 'file'), '')
    const cache = new StoredHeaderCache(join(folder, 'file', 'below'), '1')
    const run = indexHeader(bytes, 0)
    cache.put('x.h', bytes, 0, run)
    expect(cache.get('x.h', bytes, 0)).toBe(run)
    const small = new TextEncoder().encode('struct a { int b; };')
    new StoredHeaderCache(folder, '1').put('s.h', small, 0, indexHeader(small, 0))
    expect(readdirSync(folder)).toEqual(['file'])
  })

  it('has the text of vmlinux.h for the same BTF and the same maker, and none that was cut off', () => {
    const text = big('v')
    new VmlinuxStore(folder, 'maker').put('a kernel', text)
    expect(Buffer.compare(new VmlinuxStore(folder, 'maker').get('a kernel')!, text)).toBe(0)
    expect(new VmlinuxStore(folder, 'maker').get('another kernel')).toBeUndefined()
    expect(new VmlinuxStore(folder, 'other').get('a kernel')).toBeUndefined()
    const file = join(folder, readdirSync(folder)[0]!)
    writeFileSync(file, readFileSync(file).subarray(0, 100_000))
    expect(new VmlinuxStore(folder, 'maker').get('a kernel')).toBeUndefined()
    expect(new VmlinuxStore(undefined, 'maker').active).toBe(false)
  })

  it('stands where the user keeps such things', () => {
    expect(cacheFolder({ BPFC_CACHE: 'off' })).toBeUndefined()
    expect(cacheFolder({ BPFC_CACHE: '/c' })).toBe('/c')
    expect(cacheFolder({ XDG_CACHE_HOME: '/x' })).toBe(join('/x', 'bpfc'))
  })
})
