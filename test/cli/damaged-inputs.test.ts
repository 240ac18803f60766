/** A short slice of what scripts/fuzz-objects.ts does. */
import { describe, expect, it } from 'vitest'
import { damagedInputs, damagedKinds } from '../support/damaged-inputs.js'

describe('commands on damaged inputs', () => {
  it.each(damagedKinds)('%s', { timeout: 120_000 }, async kind => {
    const { make, check } = await damagedInputs(kind)
    const outcomes = new Map<string, number>()
    for (let seed = 1; seed <= 150; seed++) {
      const input = make(seed)
      const outcome = await check(input).catch((error: Error) => {
        throw new Error(`${kind} ${seed}, bpfc ${input.words.join(' ')}: ${error.message}`, { cause: error })
      })
      const code = outcome.slice(0, 1)
      outcomes.set(code, (outcomes.get(code) ?? 0) + 1)
    }
    // Some inputs survive the damage, some do not.
    expect(outcomes.get('0')).toBeGreaterThan(1)
    expect(outcomes.get('1')).toBeGreaterThan(1)
  })
})
