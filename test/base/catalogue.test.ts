/** Every code that a source uses stands in the catalogue, under its own letter, and none stands there twice or unused. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { catalogue } from '../../base/catalogue.js'

const root = resolve(import.meta.dirname, '../..')

function* sources(folder: string): Generator<string> {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* sources(path)
    else if (/\.ts$/.test(entry.name) && !path.startsWith('base/catalogue')) yield path
  }
}

const used = new Map<string, string>()
for (const folder of ['base', 'assembler', 'linker', 'compiler', 'runtime', 'cli', 'plugins'])
  if (readdirSync(root).includes(folder))
    for (const path of sources(folder))
      for (const [, code] of readFileSync(join(root, path), 'utf8').matchAll(/[^A-Za-z0-9]([PSTBGFLVRD]\d{4})\b/g))
        used.set(code!, path)

describe('the catalogue', () => {
  it('has every code that is used', () => {
    expect([...used].filter(([code]) => !(code in catalogue)).map(([code, path]) => `${code} in ${path}`)).toEqual([])
  })

  it('has no code that nothing uses', () => {
    expect(Object.keys(catalogue).filter(code => !used.has(code))).toEqual([])
  })

  it('gives each stage its letter', () => {
    const files = readdirSync(join(root, 'base/catalogue'))
    const letters: Readonly<Record<string, string>> = {
      preprocessor: 'P',
      parser: 'S',
      typecheck: 'T',
      restrictions: 'B',
      codegen: 'G',
      formats: 'F',
      linker: 'L',
      verifier: 'V',
      vm: 'R',
      driver: 'D',
    }
    for (const file of files) {
      const letter = letters[file.replace('.ts', '')]
      const codes = [...readFileSync(join(root, 'base/catalogue', file), 'utf8').matchAll(/^ {2}([A-Z]\d{4}):/gm)].map(
        match => match[1]!,
      )
      expect(
        codes.filter(code => code[0] !== letter),
        file,
      ).toEqual([])
      expect(new Set(codes).size, `${file} names a code twice`).toBe(codes.length)
    }
  })
})
