/** The kernel that an object is prepared for. Whatever is left out is taken as on a current kernel, as far as that is possible. */
import type { BtfFile } from '../btf/btf-file.js'
import type { BtfSet } from '../btf/btf-types.js'

export interface PrepareOptions {
  /** The kernel's types. Without them CO-RE relocations stay as compiled (for the object's own types), and what must be looked up is a fault. */
  readonly kernelBtf?: BtfSet
  /** Types of loaded modules, split over the kernel's, by name; numbered from 1 in what is prepared. */
  readonly modules?: readonly { readonly name: string; readonly btf: BtfFile }[]
  /** Text of the kernel's configuration, lines like `CONFIG_X=y`; for `.kconfig` externs. */
  readonly kconfig?: string | undefined
  /** Address of a kernel symbol, for externs without type. Without it such an extern gets a made-up address, none if it is weak. */
  readonly kallsyms?: (name: string) => bigint | undefined
  /** Types of the program whose functions `freplace/NAME` programs take the place of, as it is loaded. Without it such a program is a fault. */
  readonly attachProgram?: BtfSet
  /** KERNEL_VERSION(a, b, c) of the kernel: 65536 a + 256 b + c. Default: 6.12. */
  readonly kernelVersion?: number
  /** A section that libbpf does not know counts as the longest part of its name, cut at a `/`, that it knows: `tc/entry` as `tc`. */
  readonly anyLoader?: boolean
  /** Possible CPUs, for perf event arrays of size 0. */
  readonly cpus?: number
}

export const KERNEL_VERSION_DEFAULT = (6 << 16) | (12 << 8)

/** KERNEL_VERSION of uapi linux/version.h. */
export const kernelVersion = (major: number, minor: number, patch = 0): number =>
  (major << 16) + (minor << 8) + Math.min(patch, 255)
