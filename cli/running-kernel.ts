/** The running kernel as something to prepare objects for: its types and modules, configuration, symbols, version and CPUs. */
import { readdirSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
import { type BtfFile, readBtf } from '../linker/btf/btf-file.js'
import { kernelVersion, type PrepareOptions } from '../linker/object/prepare-options.js'
import { runningKernelConfig } from './kernel-config.js'

/** `kernelBtf`: the types of /sys/kernel/btf/vmlinux, over which those of modules are split. */
export function runningKernel(kernelBtf: BtfFile): PrepareOptions {
  const kconfig = runningKernelConfig()
  const cpus = possibleCpus()
  return {
    kernelBtf,
    modules: loadedModules(kernelBtf),
    kallsyms: symbolAddresses(),
    kernelVersion: runningVersion(),
    ...(kconfig === undefined ? {} : { kconfig }),
    ...(cpus === undefined ? {} : { cpus }),
  }
}

function loadedModules(base: BtfFile): { name: string; btf: BtfFile }[] {
  const folder = '/sys/kernel/btf'
  return readdirSync(folder)
    .filter(name => name !== 'vmlinux')
    .map(name => ({ name, btf: readBtf(readFileSync(`${folder}/${name}`), { base }) }))
}

/** Addresses by name from /proc/kallsyms, read when the first is asked for. */
function symbolAddresses(): (name: string) => bigint | undefined {
  let addresses: Map<string, bigint> | undefined
  return name => {
    if (!addresses) {
      addresses = new Map()
      for (const line of readFileSync('/proc/kallsyms', 'utf8').split('\n')) {
        const [address, , symbol] = line.split(/\s+/)
        if (symbol && !addresses.has(symbol)) addresses.set(symbol, BigInt(`0x${address}`))
      }
    }
    return addresses.get(name)
  }
}

/** get_kernel_version of libbpf 1.5, for the forms of the release that distributions use. */
function runningVersion(): number {
  const [major = 0, minor = 0, patch = 0] = release().split(/[.-]/).map(Number)
  return kernelVersion(major, minor, Number.isNaN(patch) ? 0 : patch)
}

function possibleCpus(): number | undefined {
  try {
    // A list of ranges such as 0-7,64.
    return readFileSync('/sys/devices/system/cpu/possible', 'utf8')
      .trim()
      .split(',')
      .reduce((sum, range) => {
        const [first = 0, last = first] = range.split('-').map(Number)
        return sum + last - first + 1
      }, 0)
  } catch {
    return undefined
  }
}
