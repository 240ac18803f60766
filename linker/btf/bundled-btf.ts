/** The subset of a kernel's BTF that ships with bpfc, for machines that have none: see scripts/gen-bundled-btf.ts for what is in it. */
import { bundledBtfBase64 } from './bundled-btf.gen.js'
import { type BtfFile, readBtf } from './btf-file.js'

let decoded: BtfFile | undefined

/** The set, decoded once. Little-endian, from an x86-64 kernel. */
export function bundledBtf(): BtfFile {
  decoded ??= readBtf(Uint8Array.from(atob(bundledBtfBase64), char => char.charCodeAt(0)))
  return decoded
}
