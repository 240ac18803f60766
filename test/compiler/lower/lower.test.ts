/**
 * C to IR: `cases/NAME.c` gives `golden/NAME.ir` (as lowered, cleared of unreachable blocks by nothing) and `golden/NAME.opt.ir` (after all passes
 * of -O2). Regenerate with `npx vitest run test/compiler/lower -u`.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { DiagnosticSink } from '../../../base/diagnostics.js'
import { printModule } from '../../../compiler/ir/print.js'
import { validateFunc, validateModule } from '../../../compiler/ir/validate.js'
import { runPasses } from '../../../compiler/passes/pass-list.js'
import { testOptions } from '../passes/test-options.js'
import { lowerC } from './compile-c.js'

const folder = new URL('./cases/', import.meta.url)

describe('C to IR', () => {
  it.each(readdirSync(folder))('%s', async name => {
    const options = testOptions()
    const { module, text } = lowerC(readFileSync(new URL(name, folder), 'utf8'), options)
    expect(validateModule(module)).toEqual([])
    await expect(printModule(module, { text })).toMatchFileSnapshot(`./golden/${name.replace('.c', '.ir')}`)
    const sink = new DiagnosticSink()
    runPasses(module, options, sink, (pass, func) => {
      const faults = func ? validateFunc(func) : validateModule(module)
      if (faults.length > 0) expect([pass.name, faults]).toEqual([pass.name, []])
    })
    expect(sink.all).toEqual([])
    await expect(printModule(module, { text })).toMatchFileSnapshot(`./golden/${name.replace('.c', '.opt.ir')}`)
  })
})
