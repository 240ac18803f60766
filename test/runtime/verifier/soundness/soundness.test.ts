/** A slice of what scripts/soundness.ts does at length: programs that the verifier accepts keep to what it says of them. */
import { describe, expect, test } from 'vitest'
import type { PreparedProgram } from '../../../../linker/object/prepared.js'
import { kernelProfile } from '../../../../runtime/kernel/profile.js'
import { Randoms } from '../randoms.js'
import { generated, mutated, objectOf } from './programs.js'
import { type Verified, verified, violations } from './witness.js'

const SLICE = 150

describe.each(['6.1', '6.12', '6.18'])('rules of %s', version => {
  test.each([11, 22, 33])(`${2 * SLICE} programs of seed %i`, seed => {
    const kernel = kernelProfile(version)!
    const random = new Randoms(seed * 2654435761)
    const taken: Verified[] = []
    const take = (program: PreparedProgram): boolean => {
      const result = verified(objectOf([program]), program, kernel)
      if (result) taken.push(result)
      return result !== undefined
    }
    const parents: PreparedProgram[] = []
    for (let i = 0; i < SLICE; i++) {
      const program = generated(`p${i}`, random, kernel.v4)
      if (take(program)) parents.push(program)
    }
    expect(parents.length).toBeGreaterThan(SLICE / 6)
    for (let i = 0; i < SLICE; i++) take(mutated(`m${i}`, parents[random.below(parents.length)]!, random))
    const object = objectOf(taken.map(each => each.program))
    expect(violations(object, taken, random, 3)).toEqual([])
    // The watching is real: it sees the numbers of most programs.
    expect(taken.filter(each => each.states !== undefined).length).toBeGreaterThan(taken.length * 0.9)
  })
})

test('a state that is too narrow is noticed', () => {
  const kernel = kernelProfile('6.18')!
  const random = new Randoms(7)
  let found = 0
  for (let i = 0; i < 40; i++) {
    const result = verified(objectOf([generated('p', random)]), generated('p', new Randoms(100 + i)), kernel)
    if (!result?.states) continue
    // Every number that was read from the map is claimed to be zero.
    const claimed = result.states.map(list =>
      list.map(regs =>
        regs.map(reg => {
          if (reg.umax.hi === 0 && reg.umax.lo === 0) return reg
          const copy = reg.clone()
          copy.umax = copy.umin
          return copy
        }),
      ),
    )
    found += violations(objectOf([result.program]), [{ program: result.program, states: claimed }], new Randoms(5), 3).length
  }
  expect(found).toBeGreaterThan(10)
})
