/** What passes must not change: random programs give the same results as lowered and after every level of optimisation. */
import { describe, expect, it } from 'vitest'
import { DiagnosticSink } from '../../../base/diagnostics.js'
import { runPasses } from '../../../compiler/passes/pass-list.js'
import { testOptions } from '../passes/test-options.js'
import { lowerC } from './compile-c.js'
import { Interpreter } from './ir-interpreter.js'
import { randomProgram } from './random-c.js'

const inputs: readonly (readonly [bigint, bigint])[] = [
  [0n, 0n],
  [0xffff_ffff_ffff_ffffn, 5n],
  [0x1234_5678_9abc_def0n, 0xfedc_ba98_7654_3210n],
]
const seeds = Array.from({ length: 12 }, (_, i) => 1000 + 77 * i)

describe('meaning of random programs', () => {
  it.each(seeds)('seed %i', seed => {
    const source = randomProgram(seed)
    const results = (level: '0' | '1' | '2' | 's' | undefined, words: string[]): bigint[] => {
      const options = { ...testOptions(words), optimize: level ?? '2' }
      const { module } = lowerC(source, options)
      if (level) runPasses(module, options, new DiagnosticSink(0))
      const func = module.funcs.find(each => each.name === 'test')!
      return inputs.map(args => new Interpreter(module, options.target.little).run(func, args))
    }
    const little = results(undefined, ['v3'])
    expect(results('0', ['v3'])).toEqual(little)
    expect(results('1', ['v2'])).toEqual(little)
    expect(results('2', ['v3'])).toEqual(little)
    expect(results('2', ['v3', 'big'])).toEqual(results(undefined, ['v3', 'big']))
  })
})
