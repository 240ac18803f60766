/** Takes out of an object what no loader needs: DWARF, address tables, labels. BTF stays. What `llvm-strip -g` is called for beside a compiler. */
import { type ElfSection, SHT_LLVM_ADDRSIG, STT_FUNC, STT_OBJECT } from './elf/elf-types.js'
import { readElf } from './elf/read-elf.js'
import { rebuildElf } from './elf/rebuild.js'
import { writeElf } from './elf/write-elf.js'

const isDwarf = ({ name }: ElfSection) => name.startsWith('.debug_') || name === '.comment' || name === '.note.GNU-stack'

/** The stripped object in a fresh buffer. Throws a `FormatError` for what is no BPF object. */
export function stripObject(bytes: Uint8Array): Uint8Array {
  const elf = readElf(bytes)
  return writeElf(
    rebuildElf(elf, {
      keepSection: section => !isDwarf(section) && section.type !== SHT_LLVM_ADDRSIG,
      keepLocal: symbol => symbol.type === STT_FUNC || symbol.type === STT_OBJECT,
    }),
  )
}
