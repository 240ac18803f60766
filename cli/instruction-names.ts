/** What disassembly says beyond the instruction itself: where a jump goes in llvm-objdump's words, names of helpers and callees in bpftool's. */
import { BPF_PSEUDO_CALL, SLOT_BYTES } from '../assembler/isa/opcodes.js'
import type { PseudoCNames, PseudoCStyle } from '../assembler/syntax/pseudo-c.js'
import { type ElfFile, STT_SECTION } from '../linker/elf/elf-types.js'
import type { BpfObject, ObjectFunction } from '../linker/object/bpf-object.js'
import { helperNames } from '../runtime/kernel/helper-names.js'

/** The named places of each section by rising address. */
class SectionLabels {
  private readonly bySection = new Map<number, { readonly value: number; readonly name: string }[]>()

  constructor(elf: ElfFile) {
    for (const { name, type, value, section } of elf.symbols) {
      if (name === '' || type === STT_SECTION) continue
      const known = this.bySection.get(section)
      if (known) known.push({ value, name })
      else this.bySection.set(section, [{ value, name }])
    }
    for (const labels of this.bySection.values()) labels.sort((a, b) => a.value - b.value || (a.name < b.name ? -1 : 1))
  }

  /** `name`, or `name+0x10`: the last label at or before an address; of several at one place llvm-objdump takes the last by name. */
  at(section: number, address: number): string | undefined {
    const labels = this.bySection.get(section)
    if (!labels) return undefined
    let low = 0
    let high = labels.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (labels[middle]!.value <= address) low = middle + 1
      else high = middle
    }
    const label = labels[low - 1]
    if (!label) return undefined
    return address === label.value ? label.name : `${label.name}+0x${(address - label.value).toString(16)}`
  }
}

export class InstructionNames {
  private readonly labels: SectionLabels

  constructor(
    elf: ElfFile,
    private readonly object: BpfObject,
    private readonly style: PseudoCStyle,
  ) {
    this.labels = new SectionLabels(elf)
  }

  of(func: ObjectFunction): PseudoCNames {
    return this.style === 'bpftool' ? this.bpftool(func) : this.llvm(func)
  }

  private llvm(func: ObjectFunction): PseudoCNames {
    return { label: slot => this.labels.at(func.sectionIndex, func.sectionOffset + slot * SLOT_BYTES) }
  }

  private bpftool(func: ObjectFunction): PseudoCNames {
    const { object } = this
    const relocs = new Map(func.relocs.map(reloc => [reloc.slot, reloc]))
    return {
      helper: id => (id > 0 && helperNames[id] !== undefined ? `bpf_${helperNames[id]}` : undefined),
      callee: (slot, kind) => {
        const reloc = relocs.get(slot)
        const name =
          reloc?.kind === 'subprogram'
            ? object.subprograms[reloc.subprogram]?.name
            : reloc?.kind === 'extern'
              ? object.externs[reloc.extern]!.name
              : undefined
        if (name === undefined || kind !== BPF_PSEUDO_CALL) return name
        const distance = func.insns.imm[slot]!
        return `${distance < 0 ? '' : '+'}${distance}#${name}`
      },
    }
  }
}
