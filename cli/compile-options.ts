/** From flags to `CompileOptions`: what `bpfc build`, `check`, `run` and the clang driver share. */
import { resolve } from 'node:path'
import type { CompileOptions, Cpu, PredefineOption } from '../compiler/options.js'
import { shippedDirectories } from '../compiler/include/shipped-headers.js'
import { type BtfChoice, vmlinuxHeader } from './kernel-btf.js'

export interface CompileFlags {
  cpu: Cpu
  little: boolean
  optimize: CompileOptions['optimize']
  debug: boolean
  predefines: PredefineOption[]
  quote: string[]
  user: string[]
  system: string[]
  after: string[]
  standardIncludes: boolean
  /** Search the machine's headers before those that stand in for them, as clang does; else after, so that results do not depend on the machine. */
  machineFirst: boolean
  prefixMap: { from: string; to: string }[]
  disabledPasses: string[]
  workingDirectory: string | undefined
  btf: BtfChoice
}

export const defaultFlags = (): CompileFlags => ({
  cpu: 'v3',
  little: true,
  optimize: '2',
  debug: true,
  predefines: [],
  quote: [],
  user: [],
  system: [],
  after: [],
  standardIncludes: true,
  machineFirst: false,
  prefixMap: [],
  disabledPasses: [],
  workingDirectory: undefined,
  btf: { kind: 'default' },
})

/** Where C headers of the machine live; what does not exist is passed over by the include search. */
export const MACHINE_INCLUDES: readonly string[] = ['/usr/local/include', '/usr/include']

/** `x86` for x64 and so on: the suffix of `__TARGET_ARCH_` that bpf_tracing.h asks for. */
export function targetArch(machine: string): string {
  const names: Readonly<Record<string, string>> = {
    x64: 'x86',
    arm64: 'arm64',
    arm: 'arm',
    riscv64: 'riscv',
    s390x: 's390',
    ppc64: 'powerpc',
    loong64: 'loongarch',
    mips: 'mips',
  }
  return names[machine] ?? 'x86'
}

export function parseCpu(text: string): Cpu | undefined {
  if (text === 'v1' || text === 'v2' || text === 'v3' || text === 'v4') return text
  if (text === 'generic' || text === 'probe') return 'v3'
  return undefined
}

export function toCompileOptions(flags: CompileFlags, cwd: string): CompileOptions {
  return {
    target: { cpu: flags.cpu, little: flags.little },
    optimize: flags.optimize,
    debug: flags.debug,
    predefines: flags.predefines,
    includes: {
      quote: flags.quote,
      user: flags.user,
      system: flags.system,
      standard: standardIncludes(flags),
      after: flags.after,
    },
    prefixMap: flags.prefixMap,
    workingDirectory: resolve(flags.workingDirectory ?? cwd),
    disabledPasses: new Set(flags.disabledPasses),
    vmlinux: () => vmlinuxHeader(flags.btf),
  }
}

function standardIncludes(flags: CompileFlags): string[] {
  const { own, system } = shippedDirectories
  if (!flags.standardIncludes) return []
  return flags.machineFirst ? [own, ...MACHINE_INCLUDES, system] : [own, system, ...MACHINE_INCLUDES]
}
