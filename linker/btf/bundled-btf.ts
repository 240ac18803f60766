/** The subset of a kernel's BTF that ships with bpfc, for machines that have none: see scripts/gen-bundled-btf.ts for what is in it. */
import { type BtfFile, readBtf } from './btf-file.js'
import { bundledBtfBytes } from './bundled-btf-bytes.js'

let decoded: BtfFile | undefined

/** The set, decoded once. Little-endian, from an x86-64 kernel. */
export function bundledBtf(): BtfFile {
  decoded ??= readBtf(bundledBtfBytes())
  return decoded
}
