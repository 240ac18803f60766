import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { transform } from 'esbuild'
import { afterAll, describe, expect, it } from 'vitest'
// @ts-expect-error a script without types
import { arrayLoops } from '../../scripts/array-loops.mjs'

const source = `
export const log: unknown[] = []
const list: readonly number[] = [1, 2, 3]
for (const x of list) for (const y of list) if (y === x) log.push([x, y]); else continue
const growing = [1]
for (const x of growing) if (x < 4) growing.push(x + 1)
log.push(growing)
const later: (() => number)[] = []
for (const x of list) later.push(() => x)
for (const call of later) log.push(call())
const pairs: [string, number][] = [['a', 1], ['b', 2]]
for (const [name, value] of pairs) { log.push(value, name) }
for (const { length, 0: first = 'none' } of ['xy', '']) log.push(first, length)
for (const [first, ...rest] of [[1, 2, 3]]) log.push(first, rest)
for (const x of new Set([7])) log.push(x)
for (const [name, value] of new Map(pairs)) log.push(name, value)
for (const set of [new Set([8, 9])]) for (const x of set) log.push(x)
for (const [a, b] of [new Set([5, 6])]) log.push(a, b)
for (const x of new Uint8Array([250, 6])) log.push(x)
for (const x of list.map(n => { let sum = 0; for (const m of list) sum += n * m; return sum })) log.push(x)
for (const c of 'no') log.push(c)
outer: for (const x of list) for (const y of list) { if (y > x) continue outer; if (x === 3) break outer; log.push(x * y) }
`

describe('loops over arrays in the bundles', () => {
  const folder = mkdtempSync(join(tmpdir(), 'array-loops-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  it('do what the loops as written do', async () => {
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: { target: 'es2023', lib: ['es2023'], types: [], strict: true } }),
    )
    writeFileSync(join(folder, 'a.ts'), source)
    const kept = join(folder, 'cache/loops.json')
    const load = async (): Promise<string> => {
      let contents = ''
      const onLoad = (_: unknown, callback: (args: { path: string }) => { contents: string }) => {
        contents = callback({ path: join(folder, 'a.ts') }).contents
      }
      ;(await arrayLoops(folder, ['a.ts'], kept)).setup({ onLoad })
      return contents
    }
    const text = await load()
    const heads = [...text.matchAll(/for \(const (.*? of .*?)\) /g)].map(([, head]) => head)
    expect(heads).toEqual(['x of new Set([7])', '[name, value] of new Map(pairs)', 'x of set', 'm of list', "c of 'no'"])
    const logOf = async (written: string): Promise<unknown> => {
      const { code } = await transform(written, { loader: 'ts' })
      return (await import(`data:text/javascript,${encodeURIComponent(code)}`)).log
    }
    expect(await logOf(text)).toEqual(await logOf(source))
    expect(await load()).toBe(text)
  })
})
