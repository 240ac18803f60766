/**
 * The oracle of the kernel tests: libbpf with its headers and the kernel's selftests, on machines that have them.
 *   BPFC_ORACLE   folder with lib/libbpf.a, include, vmlinux, linux-source-6.12 (default ~/.cache/bpfc-oracle)
 *   BPFC_OBJECTS  folder with clang's objects of the selftests; without it tests compile those that they need with clang
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { native } from '../../runtime/live/native.js'

export const oracle = process.env['BPFC_ORACLE'] ?? join(homedir(), '.cache/bpfc-oracle')
export const kernelSource = join(oracle, 'linux-source-6.12')
export const selftests = join(kernelSource, 'tools/testing/selftests/bpf')
export const VMLINUX = '/sys/kernel/btf/vmlinux'
export const CLANG = 'clang-19'
/** Loads every program of objects through libbpf, one line of JSON each. */
export const LOADCHECK = join(oracle, 'loadcheck')

export const works = (command: string, ...args: string[]) => spawnSync(command, args).status === 0

/** How clang compiles the selftests, without input and output. */
export const selftestFlags =
  `-target bpf -g -O2 -mcpu=v3 -D__TARGET_ARCH_x86 -std=gnu11 -fno-strict-aliasing -Wno-everything -DENABLE_ATOMICS_TESTS -I${oracle}/vmlinux -I${selftests} -I${selftests}/include -I${selftests}/progs -I${oracle}/include -I${kernelSource}/tools/include/uapi -idirafter /usr/include/x86_64-linux-gnu -idirafter /usr/include`.split(
    ' ',
  )

/** A line of libbpf-view.c. */
export interface Row {
  readonly obj: string
  /** Null where libbpf refuses the whole object. */
  readonly prog: string | null
  readonly error?: string
  readonly type: number
  readonly attach: number
  readonly flags: number
  readonly btfId: number
  readonly lines: number
  readonly funcs: [number, number][]
  readonly insns: string
}

/** Compiles selftests into a folder, unless a folder with all of them is given; gives the folder. */
export function objectFolder(scratch: string, sample: readonly string[]): string {
  const given = process.env['BPFC_OBJECTS']
  if (given) return given
  for (const name of sample) {
    const source = join(selftests, 'progs', `${name}.c`)
    if (existsSync(source)) spawnSync(CLANG, [...selftestFlags, '-c', source, '-o', join(scratch, `${name}.o`)])
  }
  return scratch
}

/**
 * What libbpf hands to the kernel for objects of a folder; the BTF of each is left in `scratch/btf/NAME.btf`. With `core`, a file of BTF,
 * CO-RE relocations are done against that (libbpf's btf_custom_path).
 */
export function libbpfView(scratch: string, folder: string, names: readonly string[], core?: string): Row[] {
  const program = join(scratch, 'libbpf-view')
  if (!existsSync(program)) buildView(program)
  mkdirSync(join(scratch, 'btf'), { recursive: true })
  const env = { ...process.env, LIBBPF_VIEW_BTF: join(scratch, 'btf'), ...(core !== undefined && { LIBBPF_VIEW_CORE: core }) }
  const output = execFileSync(program, names, { cwd: folder, maxBuffer: 1 << 28, encoding: 'utf8', env })
  return output
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Row)
}

function buildView(program: string): void {
  const source = join(import.meta.dirname, 'libbpf-view.c')
  const includes = [`-I${oracle}/include`, `-I${kernelSource}/tools/include/uapi`]
  execFileSync('cc', [
    '-O2',
    ...includes,
    '-o',
    program,
    source,
    '-Wl,--wrap=syscall',
    join(oracle, 'lib/libbpf.a'),
    '-lelf',
    '-lz',
  ])
}

/** What the machine lacks of the things that comparing with libbpf needs; `more` adds to them. */
export const missingForLibbpf = (...more: string[]): string[] =>
  [
    existsSync(join(oracle, 'lib/libbpf.a')) ? '' : `libbpf in ${oracle}`,
    existsSync(VMLINUX) ? '' : VMLINUX,
    works('cc', '--version') ? '' : 'a C compiler',
    process.env['BPFC_OBJECTS'] || works(CLANG, '--version') ? '' : CLANG,
    ...more,
  ].filter(Boolean)

const hasKoffi = () => {
  try {
    native()
    return true
  } catch {
    return false
  }
}

/** What the machine lacks to load programs into its kernel. */
export const missingForLoading = (): string[] =>
  [process.getuid?.() === 0 ? '' : 'root', hasKoffi() ? '' : 'koffi'].filter(Boolean)
