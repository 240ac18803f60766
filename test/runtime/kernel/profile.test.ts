/** The table of kernels: every rule is dated and says where it is to be read; a version is a selection of rows. */
import { describe, expect, it } from 'vitest'
import {
  type KernelRule,
  type KernelRuleName,
  kernelProfile,
  kernelProfiles,
  kernelRules,
  versionAtLeast,
} from '../../../runtime/kernel/profile.js'

const rules = Object.entries(kernelRules) as [KernelRuleName, KernelRule][]

describe('rules of kernels', () => {
  it.each(rules)('%s is dated and has a source', (_name, rule) => {
    expect(rule.since).toMatch(/^\d\.\d+$/)
    expect(rule.source.length).toBeGreaterThan(3)
    // A stable update is only worth a word for versions before the rule's own.
    for (const version of rule.stable ?? []) expect(versionAtLeast(version, rule.since)).toBe(false)
  })

  it('a newer kernel has every rule of an older one, but for its own stable updates', () => {
    kernelProfiles.forEach((profile, i) => {
      const older = kernelProfiles[i - 1]
      for (const [name, rule] of rules)
        if (older?.[name] && !rule.stable?.includes(older.version)) expect(`${name} ${profile[name]}`).toBe(`${name} true`)
    })
  })

  it('stable updates count', () => {
    expect(kernelProfile('6.1')).toMatchObject({ longJumps: true, v4: false, uninitStack: true, refineBoth: false })
    expect(kernelProfile('6.12')).toMatchObject({ forkSignMasks: true, constantKeys: false })
  })
})
