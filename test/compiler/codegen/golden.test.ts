/**
 * Text IR to machine code, one feature a file: `cases/NAME.ir` says in its first line for which -mcpu, `golden/NAME.s` is what came out.
 * Remake with `npx vitest run test/compiler/codegen -u`.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Cpu } from '../../../compiler/options.js'
import { compile, listing, read } from './harness.js'

const folder = join(import.meta.dirname, 'cases')

describe('machine code', () => {
  it.each(readdirSync(folder).filter(name => name.endsWith('.ir')))('%s', async name => {
    const text = readFileSync(join(folder, name), 'utf8')
    const [, cpus, about] = /^; cpu (.*)\n((?:;.*\n)*)/.exec(text)!
    const parts = cpus!.split(' ').map(cpu => `--- ${cpu}\n${listing(compile(read(text), cpu as Cpu))}`)
    await expect(about! + parts.join('')).toMatchFileSnapshot(join(import.meta.dirname, 'golden', name.replace('.ir', '.s')))
  })
})
