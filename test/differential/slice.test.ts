/**
 * Random programs compute what the same C computes on a machine, at every level and instruction set. The wanted results were made by clang:
 * `node scripts/run-ts.mjs scripts/differential.ts --write-slice`. The script runs as many more as one likes.
 */
import { describe, expect, it } from 'vitest'
import { passNames } from '../../compiler/passes/pass-list.js'
import { program, source } from './batch.js'
import { compileBatch, type Config, configName, configs } from './compile-batch.js'
import { prepare, runInVm } from './run-object.js'
import { type ProfileName, profiles, sliceSeeds } from './slice.js'
import wanted from './slice.gen.json' with { type: 'json' }

const names = Object.keys(profiles) as ProfileName[]
const texts = new Map(names.map(name => [name, source(sliceSeeds.map(seed => program(seed, profiles[name].features)))]))

function results(profile: ProfileName, config: Config, engine: 'checked' | 'compiled'): Record<string, string> {
  const { object, message, crash } = compileBatch(texts.get(profile)!, config)
  if (!object) throw new Error(crash ?? message)
  return Object.fromEntries(runInVm(prepare(object), engine))
}

describe.each(names)('random programs of %s', name => {
  const cases = configs.filter(config => profiles[name].cpus.includes(config.target))
  it.each(cases.map(config => [configName(config), config] as const))('%s', { timeout: 60_000 }, (_, config) => {
    expect(results(name, config, config.level === '1' ? 'compiled' : 'checked')).toEqual(wanted[name])
  })
})

describe('random programs with a pass left out', () => {
  it.each(passNames())('%s', { timeout: 60_000 }, without => {
    expect(results('v4', { level: '2', target: 'v4', without }, 'checked')).toEqual(wanted.v4)
  })
})
