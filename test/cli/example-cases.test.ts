/** The cases in JSON beside the examples: one file each, as `bpfc test` runs them in the folder. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { bpfc } from '../support/cli.js'

const folder = join(import.meta.dirname, '../../examples')
const examples = readdirSync(folder)

describe('bpfc test on the examples', () => {
  it('there are ten', () => expect(examples).toHaveLength(10))

  it.each(examples)('%s', async name => {
    const base = name.replace('-', '_')
    const files = Object.fromEntries(
      [`${base}.bpf.c`, `${base}.test.json`].map(file => [file, readFileSync(join(folder, name, file))]),
    )
    const { code, out, err } = await bpfc(['test', `${base}.test.json`], files)
    expect([err, code], out).toEqual(['', 0])
  })
})
