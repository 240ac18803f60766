/**
 * Facts about one machine that decide verdicts beside the kernel's version: how the kernel was configured, whether it is locked down.
 * What is left out is unknown: where a verdict hangs on it there is none (`not-implemented`), unless said otherwise below.
 */

export interface MachineFacts {
  /** The kernel's configuration, `CONFIG_X` to `y`, `m`, or a value. When given, it is whole: what is not in it is not set. */
  readonly config?: ReadonlyMap<string, string> | undefined
  /**
   * `integrity`: no bpf_probe_write_user; `confidentiality`: no reading of the kernel's memory either. Unknown counts as not
   * `confidentiality`. Default: what the configuration forces, else unknown.
   */
  readonly lockdown?: 'none' | 'integrity' | 'confidentiality' | undefined
  /** Possible CPUs; default: the profile's. */
  readonly cpus?: number
}

/** Lines `CONFIG_X=y` of a kernel's configuration. */
export function parseKernelConfig(text: string): Map<string, string> {
  const config = new Map<string, string>()
  for (const match of text.matchAll(/^(CONFIG_\w+)=(.*)$/gm)) config.set(match[1]!, match[2]!)
  return config
}

/** Whether an option is built in; undefined where the configuration is not known. */
export const builtIn = (machine: MachineFacts, option: string): boolean | undefined =>
  machine.config ? machine.config.get(option) === 'y' : undefined

/** Whether the kernel refuses what `level` refuses (security_locked_down); undefined where that is not known. */
export function lockedDown(machine: MachineFacts, level: 'integrity' | 'confidentiality'): boolean | undefined {
  const levels = ['none', 'integrity', 'confidentiality'] as const
  let { lockdown } = machine
  if (lockdown === undefined) {
    if (builtIn(machine, 'CONFIG_LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY')) lockdown = 'confidentiality'
    else if (builtIn(machine, 'CONFIG_LOCK_DOWN_KERNEL_FORCE_INTEGRITY')) lockdown = 'integrity'
    // Without the module there is nothing that could lock down later.
    else if (builtIn(machine, 'CONFIG_SECURITY_LOCKDOWN_LSM') === false) lockdown = 'none'
  }
  if (lockdown === undefined) return level === 'confidentiality' ? false : undefined
  return levels.indexOf(lockdown) >= levels.indexOf(level)
}

/** Helpers that a machine may withhold: the name without `bpf_` to what it hangs on. */
const withheld: Readonly<Record<string, 'write-user' | 'read-kernel' | 'override'>> = {
  probe_write_user: 'write-user',
  probe_read: 'read-kernel',
  probe_read_str: 'read-kernel',
  probe_read_kernel: 'read-kernel',
  probe_read_kernel_str: 'read-kernel',
  snprintf_btf: 'read-kernel',
  override_return: 'override',
}

/** Whether a machine has a helper that its kernel's version has; a sentence of what must be known where it is not. */
export function machineAllows(machine: MachineFacts, helper: string): boolean | string {
  switch (withheld[helper]) {
    case 'write-user': {
      const locked = lockedDown(machine, 'integrity')
      return locked === undefined ? `bpf_${helper} where it is not known whether the kernel is locked down` : !locked
    }
    case 'read-kernel':
      return !lockedDown(machine, 'confidentiality')
    case 'override':
      return (
        builtIn(machine, 'CONFIG_BPF_KPROBE_OVERRIDE') ??
        `bpf_${helper} where it is not known whether the kernel has CONFIG_BPF_KPROBE_OVERRIDE`
      )
    default:
      return true
  }
}
