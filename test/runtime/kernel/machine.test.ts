import { describe, expect, it } from 'vitest'
import { lockedDown, type MachineFacts, machineAllows, parseKernelConfig } from '../../../runtime/kernel/machine.js'

const config = (text: string): MachineFacts => ({ config: parseKernelConfig(text) })

describe('facts about a machine', () => {
  it('reads a configuration', () => {
    expect([...parseKernelConfig('# x\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C="s"\n')]).toEqual([
      ['CONFIG_A', 'y'],
      ['CONFIG_C', '"s"'],
    ])
  })

  it.each([
    [{}, undefined, false],
    [{ lockdown: 'none' }, false, false],
    [{ lockdown: 'integrity' }, true, false],
    [{ lockdown: 'confidentiality' }, true, true],
    [config('CONFIG_SECURITY_LOCKDOWN_LSM=y\nCONFIG_LOCK_DOWN_KERNEL_FORCE_INTEGRITY=y\n'), true, false],
    [config('CONFIG_SECURITY_LOCKDOWN_LSM=y\nCONFIG_LOCK_DOWN_KERNEL_FORCE_NONE=y\n'), undefined, false],
    [config('CONFIG_BPF=y\n'), false, false],
  ] as const)('%o is locked down: %s, %s', (machine, integrity, confidentiality) => {
    expect(lockedDown(machine as MachineFacts, 'integrity')).toBe(integrity)
    expect(lockedDown(machine as MachineFacts, 'confidentiality')).toBe(confidentiality)
  })

  it('does not guess what a helper hangs on', () => {
    expect(machineAllows({}, 'override_return')).toContain('CONFIG_BPF_KPROBE_OVERRIDE')
    expect(machineAllows(config('CONFIG_BPF=y\n'), 'override_return')).toBe(false)
    expect(machineAllows(config('CONFIG_BPF_KPROBE_OVERRIDE=y\n'), 'override_return')).toBe(true)
    expect(machineAllows({}, 'probe_write_user')).toContain('locked down')
    expect(machineAllows({}, 'map_lookup_elem')).toBe(true)
  })
})
