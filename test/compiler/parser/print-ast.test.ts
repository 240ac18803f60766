/**
 * The trees of small C files, one file a part of the language, as `printAst` writes them. Remade by
 * `npx vitest run test/compiler/parser -u`; read the difference before you keep it.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { printAst } from '../../../compiler/parser/print-ast.js'
import { parse } from './harness.js'

const cases = join(import.meta.dirname, 'cases')

describe('the tree of', () => {
  it.each(readdirSync(cases).sort())('%s', async file => {
    const { declarations, names, problems } = parse(readFileSync(join(cases, file), 'utf8'))
    expect(problems.filter(problem => problem.includes('error'))).toEqual([])
    await expect(printAst(declarations, names)).toMatchFileSnapshot(join('golden', file.replace(/\.c$/, '.ast')))
  })
})
