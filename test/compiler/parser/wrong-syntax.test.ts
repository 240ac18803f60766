/**
 * What is said about wrong programs: `wrong-syntax.txt` has them, one mistake each under a title, and the golden file shows each with
 * its diagnostics. Remade by `npx vitest run test/compiler/parser -u`.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { catalogue } from '../../../base/catalogue.js'
import { parse } from './harness.js'

const cases = readFileSync(join(import.meta.dirname, 'wrong-syntax.txt'), 'utf8')
  .split(/^--- /m)
  .slice(1)
  .map(text => {
    const end = text.indexOf('\n')
    return { title: text.slice(0, end), source: text.slice(end + 1) }
  })

describe('wrong syntax', () => {
  it('is explained as the golden file says', async () => {
    const shown = cases.map(({ title, source }) => {
      const { problems, declarations } = parse(source)
      return `--- ${title}\n${source}>>> ${declarations.length} declarations kept\n${problems.map(line => `${line}\n`).join('')}`
    })
    await expect(shown.join('\n')).toMatchFileSnapshot('golden/wrong-syntax.txt')
  })

  it('uses codes of the catalogue', () => {
    for (const { source } of cases)
      for (const problem of parse(source).problems) expect(catalogue).toHaveProperty(/\[(\w+)\]/.exec(problem)![1]!)
  })

  it('reports each mistake of a long file once', () => {
    const wrong = 'int f%(int a) { int x = 1 return a + ; }\nstruct s% { int a int b; };\n'
    const text = Array.from({ length: 200 }, (_, i) => wrong.replaceAll('%', String(i))).join('')
    expect(parse(text).problems).toHaveLength(400)
  })
})
