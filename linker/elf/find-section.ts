/** One section of an ELF file of any machine and class: kernels and their modules carry BTF too, and are no BPF objects. */
import { ByteReader } from '../../base/bytes.js'
import { FormatError } from '../../base/outcome.js'
import { SHT_NOBITS } from './elf-types.js'

export interface FoundSection {
  /** Shares memory with the file. */
  readonly data: Uint8Array
  /** In the file. */
  readonly offset: number
  readonly little: boolean
}

/** The first section of that name with bytes in the file; undefined where there is none. Throws a `FormatError` where the section headers are malformed. */
export function findElfSection(bytes: Uint8Array, name: string): FoundSection | undefined {
  const wide = bytes[4] === 2
  if (!wide && bytes[4] !== 1) throw new FormatError('F0102', `ELF class ${bytes[4]} is neither 32-bit nor 64-bit`, 4)
  if (bytes[5] !== 1 && bytes[5] !== 2)
    throw new FormatError('F0102', `ELF data encoding ${bytes[5]} is neither little nor big endian`, 5)
  const little = bytes[5] === 1
  const file = new ByteReader(bytes, little, 'ELF file')
  const word = (at: number) => (wide ? file.size64(at) : file.u32(at))
  const start = word(wide ? 40 : 32)
  if (start === 0) return undefined
  const counts = wide ? 58 : 46
  const entry = file.u16(counts)
  if (entry !== (wide ? 64 : 40)) throw new FormatError('F0104', `section headers of ${entry} bytes`, counts)
  // Counts that do not fit the header stand in the null section.
  const count = file.u16(counts + 2) || word(start + (wide ? 32 : 20))
  const extended = file.u16(counts + 4)
  const namesIndex = extended === 0xffff ? file.u32(start + (wide ? 40 : 24)) : extended
  if (count > (bytes.length - start) / entry)
    throw new FormatError('F0001', `${count} section headers at offset ${start} do not fit in ${bytes.length} bytes`, counts + 2)
  if (namesIndex >= count) throw new FormatError('F0104', `section ${namesIndex} with the section names is not there`, counts + 4)
  const place = (index: number) => ({
    offset: word(start + index * entry + (wide ? 24 : 16)),
    size: word(start + index * entry + (wide ? 32 : 20)),
  })
  const contents = (index: number): Uint8Array => {
    const { offset, size } = place(index)
    if (offset > bytes.length || size > bytes.length - offset)
      throw new FormatError(
        'F0001',
        `section ${index} (${size} bytes at offset ${offset}) goes beyond the end of the file`,
        start + index * entry,
      )
    return bytes.subarray(offset, offset + size)
  }
  const names = new ByteReader(contents(namesIndex), little, 'section names', place(namesIndex).offset)
  for (let index = 1; index < count; index++) {
    const header = start + index * entry
    if (file.u32(header + 4) === SHT_NOBITS || names.cstring(file.u32(header)) !== name) continue
    return { data: contents(index), offset: place(index).offset, little }
  }
  return undefined
}
