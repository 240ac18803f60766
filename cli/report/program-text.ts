/** The instructions of functions as `bpfc dump` shows them: numbered, with C lines, relocations and CO-RE accesses. Made as bytes: there may be 100,000 of them. */
import { InsnTexts } from '../../assembler/syntax/insn-texts.js'
import type { PseudoCStyle } from '../../assembler/syntax/pseudo-c.js'
import type { Paint } from '../../base/colour.js'
import { ascii, TextBytes } from '../../base/text-bytes.js'
import { type BpfObject, CoreReloKind, type LineInfo, type ObjectFunction } from '../../linker/object/bpf-object.js'
import type { CliContext } from '../context.js'
import type { InstructionNames } from '../instruction-names.js'

/** Bytes gathered before they are written. */
const GATHERED = 1 << 16

const coreNames = new Map<number, string>(Object.entries(CoreReloKind).map(([name, kind]) => [kind, name]))
export const coreName = (kind: number): string => coreNames.get(kind) ?? String(kind)

export function relocText(reloc: ObjectFunction['relocs'][number], object: BpfObject): string {
  switch (reloc.kind) {
    case 'map':
      return `map ${object.maps[reloc.map]!.name}`
    case 'data':
      return `${object.maps[reloc.map]!.data?.section ?? object.maps[reloc.map]!.name}+${reloc.offset}`
    case 'extern':
      return `${object.externs[reloc.extern]!.kind} ${object.externs[reloc.extern]!.name}`
    case 'subprogram':
      return `${reloc.call ? 'call' : 'address of'} ${object.subprograms[reloc.subprogram]?.name ?? '?'}`
  }
}

export interface ProgramTextOptions {
  readonly style: PseudoCStyle
  /** With C lines. */
  readonly source: boolean
  readonly paint: Paint
}

export class ProgramText {
  private readonly out = new TextBytes(GATHERED * 2)
  private readonly texts: InsnTexts
  private readonly fileNames = new Map<string, string>()
  /** As relocations, by index of the map: the most frequent ones. */
  private readonly mapNames: (Uint8Array | undefined)[] = []

  constructor(
    private readonly object: BpfObject,
    private readonly namesOf: InstructionNames,
    private readonly options: ProgramTextOptions,
    private readonly context: CliContext,
  ) {
    this.texts = new InsnTexts(options.style)
  }

  /** Writes one function. */
  write(func: ObjectFunction): void {
    const { out, texts } = this
    const { paint } = this.options
    const lines = this.options.source ? func.lineInfo : []
    // All come by rising slot; a slot has one relocation of each kind at most, and of several C lines the last counts.
    const { relocs, coreRelos, insns } = func
    const { code, length } = insns
    let nextLine = 0
    let nextReloc = 0
    let nextCore = 0
    const names = this.namesOf.of(func)
    const number = new SlotNumber()
    for (let slot = 0; slot < length; slot++, number.increment()) {
      if (out.end > GATHERED) this.flush()
      if (nextLine < lines.length && lines[nextLine]!.slot <= slot) {
        while (nextLine < lines.length && lines[nextLine]!.slot <= slot) nextLine++
        const line = lines[nextLine - 1]!
        if (line.slot === slot) out.text(this.line(line))
      }
      out.append(number.digits)
      out.append(texts.at(insns, slot, names))
      while (nextReloc < relocs.length && relocs[nextReloc]!.slot < slot) nextReloc++
      if (nextReloc < relocs.length && relocs[nextReloc]!.slot === slot) out.append(this.relocation(relocs[nextReloc]!))
      while (nextCore < coreRelos.length && coreRelos[nextCore]!.slot < slot) nextCore++
      if (nextCore < coreRelos.length && coreRelos[nextCore]!.slot === slot) {
        const { kind, type, access } = coreRelos[nextCore]!
        out.text(paint('cyan', `    # CO-RE ${coreName(kind)} [${type}] ${access}`))
      }
      out.byte(10)
      // The second half of a 64-bit immediate.
      if (code[slot] === 0x18) {
        slot++
        number.increment()
      }
    }
    this.flush()
  }

  private relocation(reloc: ObjectFunction['relocs'][number]): Uint8Array {
    const make = () => ascii(this.options.paint('cyan', `    # ${relocText(reloc, this.object)}`))
    if (reloc.kind !== 'map') return make()
    return (this.mapNames[reloc.map] ??= make())
  }

  private line({ path, line, text }: LineInfo): string {
    let name = this.fileNames.get(path)
    if (name === undefined) this.fileNames.set(path, (name = path.split('/').pop()!))
    return `${this.options.paint('dim', `; ${text.trim() || `${path}:${line}`} @ ${name}:${line}`)}\n`
  }

  private flush(): void {
    const bytes = this.out.finish()
    if (this.context.outBytes) this.context.outBytes(bytes)
    else this.context.out(new TextDecoder().decode(bytes))
    this.out.advance(0)
  }
}

/** A number that counts up as text, to the right of six columns. */
class SlotNumber {
  digits = ascii('     0')

  increment(): void {
    const { digits } = this
    for (let at = digits.length - 1; at >= 0; at--) {
      const digit = digits[at]!
      if (digit !== 57) {
        digits[at] = digit === 32 ? 49 : digit + 1
        return
      }
      digits[at] = 48
    }
    this.digits = ascii(`1${'0'.repeat(digits.length)}`)
  }
}
