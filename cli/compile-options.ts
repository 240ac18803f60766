/** From flags to `CompileOptions`: what `bpfc build`, `check`, `run` and the clang driver share. */
import { resolve } from 'node:path'
import type { CompileOptions, Cpu, PredefineOption, PrefixReplacement, Standard } from '../compiler/options.js'
import { shippedDirectories } from '../compiler/include/shipped-headers.js'
import { type BtfChoice, vmlinuxHeader } from './kernel-btf.js'

export interface CompileFlags {
  cpu: Cpu
  little: boolean
  standard: Standard | undefined
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
  prefixMap: PrefixReplacement[]
  macroPrefixMap: PrefixReplacement[]
  noStrictAliasing: boolean
  disabledPasses: string[]
  workingDirectory: string | undefined
  btf: BtfChoice
}

export const defaultFlags = (): CompileFlags => ({
  cpu: 'v3',
  little: true,
  standard: undefined,
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
  macroPrefixMap: [],
  noStrictAliasing: false,
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

const STANDARDS: Readonly<Record<string, Standard['edition']>> = {
  '89': '89',
  '90': '89',
  '9899:1990': '89',
  '9899:199409': '94',
  '99': '99',
  '9x': '99',
  '9899:1999': '99',
  '11': '11',
  '1x': '11',
  '9899:2011': '11',
  '17': '17',
  '18': '17',
  '9899:2017': '17',
  '9899:2018': '17',
  '2x': '23',
  '23': '23',
  '9899:2024': '23',
  '2y': '2y',
}

/** The value of `-std=`, by clang's names; undefined for what is no C standard. */
export function parseStandard(text: string): Standard | undefined {
  const match = /^(gnu|c|iso)(.+)$/.exec(text)
  const edition = match && Object.hasOwn(STANDARDS, match[2]!) ? STANDARDS[match[2]!] : undefined
  if (!match || !edition || (match[1] === 'iso') !== match[2]!.startsWith('9899:')) return undefined
  return { edition, strict: match[1] !== 'gnu' }
}

export function toCompileOptions(flags: CompileFlags, cwd: string): CompileOptions {
  return {
    target: { cpu: flags.cpu, little: flags.little },
    ...(flags.standard && { standard: flags.standard }),
    optimize: flags.optimize,
    debug: flags.debug,
    predefines: flags.predefines,
    includes: {
      quote: flags.quote,
      user: flags.user,
      system: flags.system,
      standard: standardIncludes(flags),
      // What stands in for the machine's headers comes behind all of them, so that a set is never mixed of both.
      after: flags.machineFirst && flags.standardIncludes ? [...flags.after, shippedDirectories.system] : flags.after,
    },
    prefixMap: flags.prefixMap,
    macroPrefixMap: flags.macroPrefixMap,
    workingDirectory: resolve(flags.workingDirectory ?? cwd),
    noStrictAliasing: flags.noStrictAliasing,
    disabledPasses: new Set(flags.disabledPasses),
    vmlinux: () => vmlinuxHeader(flags.btf),
  }
}

function standardIncludes(flags: CompileFlags): string[] {
  const { own, system } = shippedDirectories
  if (!flags.standardIncludes) return []
  return flags.machineFirst ? [own, ...MACHINE_INCLUDES] : [own, system, ...MACHINE_INCLUDES]
}
