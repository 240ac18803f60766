/** What every test of an example starts with: its C compiled by bpfc, prepared, and verified for the kernels we name in the README. */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { expect } from 'vitest'
import {
  bundledBtf,
  compileSource,
  defaultOptions,
  kernelProfile,
  MemoryHost,
  openObject,
  type PreparedObject,
  prepareObject,
  verifyProgram,
} from '../../index.js'

export interface Example {
  readonly object: Uint8Array
  readonly prepared: PreparedObject
}

/** Compiles an example against the bundled BTF, so that the result is the same on every machine. Expects no diagnostics at all. */
export function compileExample(path: string): Example {
  const name = basename(path)
  const result = compileSource(new MemoryHost({ [name]: readFileSync(path) }), name, defaultOptions())
  expect(result.diagnostics.map(diagnostic => diagnostic.message)).toEqual([])
  expect(result.notImplemented).toBeUndefined()
  const object = result.object!
  return { object, prepared: prepareObject(openObject(object, name), { kernelBtf: bundledBtf() }) }
}

/** Expects that bpfc's verifier accepts every program as each of these kernels; one whose rules are not all there must not reject it. */
export function expectAccepted(prepared: PreparedObject, kernels: readonly string[] = ['6.1', '6.12', '6.18']): void {
  const verdicts = prepared.programs.flatMap(program =>
    kernels.map(version => {
      const { verdict, message } = verifyProgram(prepared, program, { kernel: kernelProfile(version)!, unsettled: true })
      return `${program.name} on ${version}: ${verdict}${verdict === 'accepted' ? '' : `: ${message}`}`
    }),
  )
  expect(verdicts).toEqual(
    prepared.programs.flatMap(program => kernels.map(version => `${program.name} on ${version}: accepted`)),
  )
}
