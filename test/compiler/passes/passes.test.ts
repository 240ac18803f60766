/**
 * Each pass alone on text IR: `cases/NAME.ir` names the passes in its first line (`; passes: sroa mem2reg`, then options), the result is
 * `golden/NAME.ir`. Regenerate with `npx vitest run test/compiler/passes -u`. The IR must be valid before and after.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { DiagnosticSink } from '../../../base/diagnostics.js'
import { printModule } from '../../../compiler/ir/print.js'
import { readModule } from '../../../compiler/ir/read.js'
import { validateFunc, validateModule } from '../../../compiler/ir/validate.js'
import type { Pass } from '../../../compiler/passes/pass.js'
import { passLists, passNames, runPasses } from '../../../compiler/passes/pass-list.js'
import { testOptions } from './test-options.js'

const folder = new URL('./cases/', import.meta.url)
const cases = readdirSync(folder).filter(name => name.endsWith('.ir'))

function passNamed(name: string): Pass {
  const pass = passLists['2'].find(each => each.name === name)
  if (!pass) throw new Error(`no pass ${name}`)
  return pass
}

describe('passes on text IR', () => {
  it.each(cases)('%s', async name => {
    const text = readFileSync(new URL(name, folder), 'utf8')
    const head = /^; passes: (.*)\n/.exec(text)
    expect(head, 'the first line names the passes').not.toBeNull()
    const words = head![1]!.split(/\s+/)
    const { module, text: names } = readModule(text)
    expect(validateModule(module)).toEqual([])
    const options = testOptions(words)
    const sink = new DiagnosticSink()
    if (words[0] === 'all') {
      runPasses(module, options, sink, (pass, func) => {
        expect([pass.name, func ? validateFunc(func) : validateModule(module)]).toEqual([pass.name, []])
      })
    } else {
      for (const word of words) {
        if (/^(v[1-4]|big)$/.test(word)) continue
        const pass = passNamed(word)
        if (pass.kind === 'module') pass.run(module, options, sink)
        else for (const func of module.funcs) if (!func.isDeclaration) pass.run(func, module, options, sink)
        expect([word, validateModule(module)]).toEqual([word, []])
      }
    }
    const messages = sink.all.map(each => `; ${each.severity} ${each.code}: ${each.message}\n`).join('')
    await expect(messages + printModule(module, { text: names })).toMatchFileSnapshot(`./golden/${name}`)
  })

  it('every pass of the lists has a case that names it', () => {
    const named = cases.flatMap(name => readFileSync(new URL(name, folder), 'utf8').split('\n')[0]!.split(/\s+/))
    expect(passNames().filter(name => !named.includes(name))).toEqual([])
  })

  it('leaves a disabled pass out', () => {
    const { module } = readModule('func @f(%0: i32) -> i32 {\nb0:\n  %1: i32 = add %0, i32 0\n  ret %1\n}\n')
    const ran = new Set<string>()
    runPasses(module, { ...testOptions(), disabledPasses: new Set(['mem2reg']) }, new DiagnosticSink(), pass =>
      ran.add(pass.name),
    )
    expect(ran.has('mem2reg')).toBe(false)
    expect(ran.has('sroa')).toBe(true)
  })
})
