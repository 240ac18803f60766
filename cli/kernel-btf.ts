/** Which kernel's BTF a command works with: a file, the running kernel's, or the subset that ships with bpfc. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { FormatError } from '../base/outcome.js'
import { bundledBtf } from '../linker/btf/bundled-btf.js'
import { btfToC } from '../linker/btf/c-dump.js'
import { type BtfFile, readBtf } from '../linker/btf/btf-file.js'
import { decodeIndexedBtf, encodeIndexedBtf } from '../linker/btf/btf-index.js'
import type { BtfSet } from '../linker/btf/btf-types.js'
import { DeferredBtf } from '../linker/btf/deferred-btf.js'
import { findElfSection } from '../linker/elf/find-section.js'
import { isElf } from '../linker/elf/read-elf.js'
import { cacheFolder } from './cache-folder.js'
import { VmlinuxStore } from './vmlinux-store.js'

export type BtfChoice =
  /** The running kernel's where it has one, else the bundled subset. */
  | { readonly kind: 'default' }
  /** A raw BTF file, an ELF file with a .BTF section, or the word `bundled`. */
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'bundled' }

/** What stands for the subset that ships with bpfc. */
export const BUNDLED = 'bundled'

const RUNNING = '/sys/kernel/btf/vmlinux'

const cache = new Map<string, { set: BtfFile; from: string }>()

/** The types, and where they come from in words. Throws a FormatError for a file that is malformed or cannot be read. */
export function kernelBtf(choice: BtfChoice): { readonly set: BtfFile; readonly from: string } {
  const key = choice.kind === 'file' ? choice.path : choice.kind
  const known = cache.get(key)
  if (known) return known
  const made = choose(choice)
  cache.set(key, made)
  return made
}

/** The types, read when the first is asked for. A file that somebody names is read at once, so that it is refused whether needed or not. */
export const deferredKernelBtf = (choice: BtfChoice): BtfSet =>
  choice.kind === 'file' ? kernelBtf(choice).set : new DeferredBtf(() => kernelBtf(choice).set)

function choose(choice: BtfChoice): { set: BtfFile; from: string } {
  if (choice.kind === 'file' && (choice.path !== BUNDLED || existsSync(BUNDLED)))
    return { set: readFileBtf(choice.path), from: choice.path }
  if (choice.kind === 'default') {
    try {
      return { set: runningBtf(), from: 'the running kernel' }
    } catch {
      // A kernel without BTF, another system, or a container that hides it: the subset serves.
    }
  }
  return { set: bundledBtf(), from: 'the bundled subset' }
}

/** The running kernel's, from a copy with its index in the user's cache folder: /sys hands it out page by page, and then all types are gone through. */
function runningBtf(): BtfFile {
  const store = new VmlinuxStore(cacheFolder(process.env), undefined, 'btf')
  const identity = store.active ? identityOf({ kind: 'default' }) : undefined
  if (identity === undefined) return readBtf(readFileSync(RUNNING))
  const kept = store.get(identity)
  const known = kept && decodeIndexedBtf(kept)
  if (known) return readBtf(known.bytes, { index: known.index })
  const file = readBtf(readFileSync(RUNNING))
  store.put(identity, encodeIndexedBtf(file.bytes, file.index()))
  return file
}

function readFileBtf(path: string): BtfFile {
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

const texts = new Map<string, Uint8Array>()

/** The text of vmlinux.h for a choice: made once, and kept in the user's cache folder for the next process. Do not write into it. */
export function vmlinuxHeader(choice: BtfChoice): Uint8Array {
  const key = choice.kind === 'file' ? choice.path : choice.kind
  let text = texts.get(key)
  if (!text) {
    const store = new VmlinuxStore(cacheFolder(process.env))
    const identity = store.active ? identityOf(choice) : undefined
    text = identity === undefined ? undefined : store.get(identity)
    if (!text) {
      text = new TextEncoder().encode(btfToC(kernelBtf(choice).set))
      if (identity !== undefined) store.put(identity, text)
    }
    texts.set(key, text)
  }
  return text
}

/** What stands for the content of a choice's BTF and takes less than reading it; undefined where nothing does. */
function identityOf(choice: BtfChoice): string | undefined {
  if (choice.kind === 'file' && (choice.path !== BUNDLED || existsSync(BUNDLED))) return undefined
  if (choice.kind === 'default') {
    try {
      // The notes hold the build's number, which the linker makes of all that the kernel consists of.
      return `${statSync(RUNNING).size}-${readFileSync('/sys/kernel/notes').toString('hex')}`
    } catch {
      if (existsSync(RUNNING)) return undefined
    }
  }
  return BUNDLED
}
