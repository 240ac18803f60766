/** What the verifier's judges are told of the kernel whose answers they compare with: --kernel, --btf, --config, --privileges. */
import { existsSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
import { gunzipSync } from 'node:zlib'
import { readBtf } from '../linker/btf/btf-file.js'
import { parseKernelConfig } from '../runtime/kernel/machine.js'
import { NO_PRIVILEGES, type Privileges } from '../runtime/kernel/privileges.js'
import { kernelProfile } from '../runtime/kernel/profile.js'

/** `--name value` pairs of the command line. */
export function judgeOptions(): ReadonlyMap<string, string> {
  const options = new Map<string, string>()
  for (let i = 2; i < process.argv.length; i += 2) options.set(process.argv[i]!.replace(/^--/, ''), process.argv[i + 1] ?? '')
  return options
}

export const btfPathOf = (options: ReadonlyMap<string, string>): string => options.get('btf') ?? '/sys/kernel/btf/vmlinux'

export const judgedProfile = (options: ReadonlyMap<string, string>) => kernelProfile(options.get('kernel') ?? '6.18')

/** Reads the BTF and the configuration: values of externs, and what helpers there are. */
export function judgedKernel(options: ReadonlyMap<string, string>, version: string) {
  const kernelBtf = readBtf(new Uint8Array(readFileSync(btfPathOf(options))))
  const configPath = options.get('config') ?? '/proc/config.gz'
  const configBytes = existsSync(configPath) ? readFileSync(configPath) : Buffer.alloc(0)
  const kconfig = (configPath.endsWith('.gz') ? gunzipSync(configBytes) : configBytes).toString()
  // `bpf`: CAP_BPF and CAP_NET_ADMIN without CAP_PERFMON.
  const privileges: Privileges | undefined = { bpf: { bpf: true, perfmon: false, netAdmin: true }, none: NO_PRIVILEGES }[
    options.get('privileges') ?? ''
  ]
  const exact = release().startsWith(`${version}.`) ? release() : version
  const [major = 0, minor = 0, patch = 0] = exact.split(/[.-]/).map(Number)
  const kernelVersion = (major << 16) | (minor << 8) | patch
  return { kernelBtf, kconfig, machine: { config: parseKernelConfig(kconfig) }, privileges, kernelVersion }
}
