/** Which kernel's BTF a command works with: a file, the running kernel's, or the subset that ships with bpfc. */
import { readFileSync } from 'node:fs'
import { bundledBtf } from '../linker/btf/bundled-btf.js'
import type { BtfSet } from '../linker/btf/btf-types.js'
import { btfToC } from '../linker/btf/c-dump.js'
import { readBtf } from '../linker/btf/btf-file.js'
import { readElf } from '../linker/elf/read-elf.js'

export type BtfChoice =
  /** The running kernel's where it has one, else the bundled subset. */
  | { readonly kind: 'default' }
  /** A raw BTF file, or an ELF file with a .BTF section. */
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'bundled' }

const RUNNING = '/sys/kernel/btf/vmlinux'

const cache = new Map<string, { set: BtfSet; from: string }>()

/** The types, and where they come from in words. Throws a FormatError for a malformed file, and an Error with a message for an unreadable one. */
export function kernelBtf(choice: BtfChoice): { readonly set: BtfSet; readonly from: string } {
  const key = choice.kind === 'file' ? choice.path : choice.kind
  const known = cache.get(key)
  if (known) return known
  const made = choose(choice)
  cache.set(key, made)
  return made
}

function choose(choice: BtfChoice): { set: BtfSet; from: string } {
  if (choice.kind === 'file') return { set: readBtf(btfBytes(choice.path)), from: choice.path }
  if (choice.kind === 'default') {
    try {
      return { set: readBtf(readFileSync(RUNNING)), from: 'the running kernel' }
    } catch {
      // A kernel without BTF, another system, or a container that hides it: the subset serves.
    }
  }
  return { set: bundledBtf(), from: 'the bundled subset' }
}

function btfBytes(path: string): Uint8Array {
  let bytes: Uint8Array
  try {
    bytes = readFileSync(path)
  } catch (error) {
    throw new Error(`cannot read BTF from ${path}: ${(error as NodeJS.ErrnoException).code}`)
  }
  const isElf = bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46
  if (!isElf) return bytes
  const section = readElf(bytes).sections.find(candidate => candidate.name === '.BTF')
  if (!section) throw new Error(`${path} has no .BTF section`)
  return section.data
}

/** The text of vmlinux.h for a choice. */
export function vmlinuxHeader(choice: BtfChoice): Uint8Array {
  return new TextEncoder().encode(btfToC(kernelBtf(choice).set))
}
