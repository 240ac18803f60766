/**
 * What random programs once brought to light, reduced (scripts/differential-reduce.ts), or written beside it: `cases/NAME.c` defines `test_N` and
 * says PROGRAM(N). The wanted results were made by clang, together with those of the slice.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { source } from './batch.js'
import { compileBatch, configName, configs } from './compile-batch.js'
import { prepare, runInVm } from './run-object.js'
import wanted from './slice.gen.json' with { type: 'json' }

const folder = new URL('./cases/', import.meta.url)
const text = source(readdirSync(folder).map(name => readFileSync(new URL(name, folder), 'utf8')))

it.each(configs.map(config => [configName(config), config] as const))('%s', (_, config) => {
  const { object, message, crash } = compileBatch(text, config)
  if (!object) throw new Error(crash ?? message)
  const prepared = prepare(object)
  expect(Object.fromEntries(runInVm(prepared, 'checked'))).toEqual(wanted.cases)
  expect(Object.fromEntries(runInVm(prepared, 'compiled'))).toEqual(wanted.cases)
})
