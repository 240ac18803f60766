/** Which random programs the suite runs, and what each kind of them may use. */
import type { Cpu } from '../../compiler/options.js'
import type { Features } from './random-c.js'

interface Profile {
  readonly features: Features
  readonly cpus: readonly Cpu[]
}

export const profiles = {
  /** What every instruction set has. */
  v1: { features: { signedDivision: false, atomics: false }, cpus: ['v1', 'v2', 'v3', 'v4'] as Cpu[] },
  v3: { features: { signedDivision: false, atomics: true }, cpus: ['v3', 'v4'] as Cpu[] },
  v4: { features: { signedDivision: true, atomics: true }, cpus: ['v3', 'v4'] as Cpu[] },
} satisfies Record<string, Profile>

export type ProfileName = keyof typeof profiles

export const sliceSeeds: readonly number[] = Array.from({ length: 16 }, (_, i) => 1 + i)
