/** Which kernel's BTF a command works with: a file, the running kernel's, or the subset that ships with bpfc. */
import { existsSync, readFileSync } from 'node:fs'
import { FormatError } from '../base/outcome.js'
import { bundledBtf } from '../linker/btf/bundled-btf.js'
import type { BtfSet } from '../linker/btf/btf-types.js'
import { btfToC } from '../linker/btf/c-dump.js'
import { readBtf } from '../linker/btf/btf-file.js'
import { findElfSection } from '../linker/elf/find-section.js'
import { isElf } from '../linker/elf/read-elf.js'

export type BtfChoice =
  /** The running kernel's where it has one, else the bundled subset. */
  | { readonly kind: 'default' }
  /** A raw BTF file, an ELF file with a .BTF section, or the word `bundled`. */
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'bundled' }

/** What stands for the subset that ships with bpfc. */
export const BUNDLED = 'bundled'

const RUNNING = '/sys/kernel/btf/vmlinux'

const cache = new Map<string, { set: BtfSet; from: string }>()

/** The types, and where they come from in words. Throws a FormatError for a file that is malformed or cannot be read. */
export function kernelBtf(choice: BtfChoice): { readonly set: BtfSet; readonly from: string } {
  const key = choice.kind === 'file' ? choice.path : choice.kind
  const known = cache.get(key)
  if (known) return known
  const made = choose(choice)
  cache.set(key, made)
  return made
}

function choose(choice: BtfChoice): { set: BtfSet; from: string } {
  if (choice.kind === 'file' && (choice.path !== BUNDLED || existsSync(BUNDLED)))
    return { set: readFileBtf(choice.path), from: choice.path }
  if (choice.kind === 'default') {
    try {
      return { set: readBtf(readFileSync(RUNNING)), from: 'the running kernel' }
    } catch {
      // A kernel without BTF, another system, or a container that hides it: the subset serves.
    }
  }
  return { set: bundledBtf(), from: 'the bundled subset' }
}

function readFileBtf(path: string): BtfSet {
  let bytes: Uint8Array
  try {
    bytes = readFileSync(path)
  } catch (error) {
    throw new FormatError('D0001', `cannot read BTF from ${path}: ${(error as NodeJS.ErrnoException).code}`, -1)
  }
  if (!isElf(bytes)) return readBtf(bytes)
  const section = findElfSection(bytes, '.BTF')
  if (!section) throw new FormatError('F0201', `${path} has no .BTF section`, -1)
  return readBtf(section.data, { origin: section.offset })
}

/** The text of vmlinux.h for a choice. */
export function vmlinuxHeader(choice: BtfChoice): Uint8Array {
  return new TextEncoder().encode(btfToC(kernelBtf(choice).set))
}
