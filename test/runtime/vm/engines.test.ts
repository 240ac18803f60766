/** A slice of scripts/engine-differential.ts: programs of fixed seeds on the interpreter and as WebAssembly. */
import { describe, expect, it } from 'vitest'
import { kernelProfile } from '../../../runtime/kernel/profile.js'
import { compareEngines } from './both-engines.js'

describe('generated programs that the verifier accepts', () => {
  it.each([1, 50_001, 90_001])('do the same on both engines, seeds from %i', from => {
    const { compared, differences } = compareEngines(from, 120, 2, kernelProfile('6.18')!)
    expect(differences).toEqual([])
    expect(compared).toBeGreaterThan(90)
  })
})
