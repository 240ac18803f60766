/** BTF that a command line names: a raw file, an ELF file with a .BTF section, the word `bundled`, or a folder of them. */
import { FormatError } from '../base/outcome.js'
import { bundledBtf } from '../linker/btf/bundled-btf.js'
import { type BtfFile, readBtf } from '../linker/btf/btf-file.js'
import { findElfSection } from '../linker/elf/find-section.js'
import { isElf } from '../linker/elf/read-elf.js'
import { BUNDLED } from './kernel-btf.js'
import { readInput } from './read-input.js'
import type { CliContext } from './context.js'

/** Where the running kernel has its BTF, and that of its modules. */
const SYSFS = '/sys/kernel/btf/'

/** The types, or an exit code after saying why there are none. Throws a `FormatError` for malformed ones. */
export function readBtfInput(path: string, context: CliContext, base?: BtfFile): BtfFile | number {
  if (path === BUNDLED && !context.host.exists(path)) return bundledBtf()
  // What the running kernel's modules build on need not be said, as with bpftool.
  if (!base && path.startsWith(SYSFS) && path !== `${SYSFS}vmlinux`) {
    const vmlinux = readBtfInput(`${SYSFS}vmlinux`, context)
    if (typeof vmlinux === 'number') return vmlinux
    base = vmlinux
  }
  const bytes = readInput(path, context)
  if (typeof bytes === 'number') return bytes
  const options = base ? { base } : {}
  if (!isElf(bytes)) return readBtf(bytes, options)
  const section = findElfSection(bytes, '.BTF')
  if (!section) throw new FormatError('F0201', 'there is no .BTF section; compile with -g', -1)
  const own = findElfSection(bytes, '.BTF.base')
  if (!own) return readBtf(section.data, { ...options, origin: section.offset })
  // Since Linux 6.11 a module may bring what it needs of its base along; its ids are not those of any vmlinux.
  if (base) throw new FormatError('F0201', 'it builds on its own section .BTF.base: leave --base out', own.offset)
  return readBtf(section.data, { base: readBtf(own.data, { origin: own.offset }), origin: section.offset })
}

/** A kernel that a program is to run on. */
export interface KernelTypes {
  /** For tables: the file's name without `.btf`. */
  readonly name: string
  readonly vmlinux: BtfFile
  readonly modules: readonly BtfFile[]
}

const nameOf = (path: string) =>
  path
    .split('/')
    .pop()!
    .replace(/\.btf$/, '')

/**
 * The kernels that files and folders stand for, in the order given, a folder's by name. A folder with a file `vmlinux` is one
 * kernel with its modules, as /sys/kernel/btf is.
 */
export function readKernels(paths: readonly string[], context: CliContext): KernelTypes[] | number {
  const kernels: KernelTypes[] = []
  for (const path of paths) {
    const names = context.host.list?.(path)
    if (!names) {
      const vmlinux = readBtfInput(path, context)
      if (typeof vmlinux === 'number') return vmlinux
      kernels.push({ name: nameOf(path), vmlinux, modules: [] })
      continue
    }
    const folder = path.replace(/\/$/, '')
    if (names.includes('vmlinux')) {
      const vmlinux = readBtfInput(`${folder}/vmlinux`, context)
      if (typeof vmlinux === 'number') return vmlinux
      const modules: BtfFile[] = []
      for (const name of names) {
        if (name === 'vmlinux') continue
        const module = readBtfInput(`${folder}/${name}`, context, vmlinux)
        if (typeof module === 'number') return module
        modules.push(module)
      }
      kernels.push({ name: folder === '/sys/kernel/btf' ? 'running' : nameOf(folder), vmlinux, modules })
      continue
    }
    for (const name of names) {
      const vmlinux = readBtfInput(`${folder}/${name}`, context)
      if (typeof vmlinux === 'number') return vmlinux
      kernels.push({ name: nameOf(name), vmlinux, modules: [] })
    }
  }
  return kernels
}
