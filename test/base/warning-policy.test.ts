/** What flags make of a warning's group. */
import { expect, it } from 'vitest'
import { FlagPolicy } from '../../base/warning-policy.js'

it.each([
  [[], 'format', 'warning'],
  [['-Werror'], 'format', 'error'],
  [['-Werror', '-Wno-error=format'], 'format', 'warning'],
  [['-Wno-format'], 'bpf-format', undefined],
  // clang has no such warning: what it builds with -Werror must build.
  [['-Werror'], 'bpf-format', 'warning'],
  [['-Werror=bpf-format'], 'bpf-format', 'error'],
  [['-w'], 'format', undefined],
  [[], 'unused-variable', undefined],
  [['-Wall'], 'unused-variable', 'warning'],
] as const)('%j makes of %s: %s', (flags, group, severity) => {
  expect(new FlagPolicy(flags).severityOf(group, false)).toBe(severity)
})
