/** `bpfc dump`: what an object holds, for people. */
import { formatInsn, type PseudoCStyle } from '../../assembler/syntax/pseudo-c.js'
import { ExitCode } from '../../base/outcome.js'
import { dumpJson, dumpRaw } from '../../linker/btf/raw-dump.js'
import { readElf } from '../../linker/elf/read-elf.js'
import type { BpfObject, MapDef, ObjectFunction } from '../../linker/object/bpf-object.js'
import { openElf } from '../../linker/object/open.js'
import { mapTypeName } from '../../runtime/vm/maps/map.js'
import { readInput } from '../read-input.js'
import { reportFaults } from '../input-faults.js'
import { InstructionNames } from '../instruction-names.js'
import type { Subcommand } from '../commands.js'
import type { CliContext } from '../context.js'
import { painter } from '../../base/colour.js'
import { coreName, ProgramText, relocText } from '../report/program-text.js'
import { relocationCells, relocationRows, sectionCells, symbolCells, symbolRows, table } from '../report/elf-tables.js'
import { basicBlocks, controlFlowDot, controlFlowSvg, type Drawing } from '../report/control-flow.js'

const parts = ['sections', 'symbols', 'programs', 'maps', 'btf', 'relocations'] as const
/** Shown only to those who ask for them. */
const asked: readonly string[] = ['symbols', 'btf']
type Part = (typeof parts)[number]

export const dumpCommand: Subcommand = {
  name: 'dump',
  register(program, context, exit) {
    const command = program
      .command('dump')
      .summary('show what an object holds')
      .description(
        'Shows sections, symbols, programs with their C lines, maps, BTF and relocations of a BPF object, whoever compiled it.',
      )
      .argument('<objects...>', 'BPF objects')
      .option('--only <parts>', `comma-separated: ${parts.join(', ')} (default: all but ${asked.join(' and ')})`)
      .option('--prog <name>', 'only this program or subprogram')
      .option('--style <style>', 'instructions as llvm-objdump or as bpftool prints them: llvm, bpftool', 'llvm')
      .option('--no-source', 'without C lines')
      .option('--json', 'everything that is asked for, as one JSON document an object')
      .option('--cfg <format>', 'only the control-flow graphs of the programs: dot or svg')
      .addHelpText(
        'after',
        '\nExamples:\n  bpfc dump prog.bpf.o --prog handle_exec --style bpftool\n  bpfc dump prog.bpf.o --only maps,relocations --json\n  bpfc dump prog.bpf.o --cfg svg > prog.svg',
      )
    command.action(
      (
        paths: string[],
        values: { only?: string; prog?: string; style: string; source: boolean; json?: boolean; cfg?: string },
      ) => {
        const wanted = values.only?.split(',') ?? parts.filter(part => !asked.includes(part))
        const unknown = wanted.find(part => !(parts as readonly string[]).includes(part))
        if (unknown !== undefined)
          command.error(`error: --only ${unknown}: must be of ${parts.join(', ')}`, { exitCode: ExitCode.usage })
        if (values.style !== 'llvm' && values.style !== 'bpftool')
          command.error(`error: --style ${values.style}: must be llvm or bpftool`, { exitCode: ExitCode.usage })
        if (values.cfg !== undefined && values.cfg !== 'dot' && values.cfg !== 'svg')
          command.error(`error: --cfg ${values.cfg}: must be dot or svg`, { exitCode: ExitCode.usage })
        if (values.cfg !== undefined && paths.length > 1)
          command.error('error: --cfg takes one object', { exitCode: ExitCode.usage })
        let code: number = ExitCode.ok
        for (const path of paths) {
          const bytes = readInput(path, context)
          if (typeof bytes === 'number') {
            code = Math.max(code, bytes)
            continue
          }
          const choices = { program: values.prog, style: values.style as PseudoCStyle, source: values.source }
          const fault = reportFaults(path, context, () => {
            if (values.cfg !== undefined) drawControlFlow(path, bytes, values.cfg as 'dot' | 'svg', choices, context)
            else if (values.json) dumpJsonDocument(path, bytes, new Set(wanted as Part[]), choices, context)
            else dump(path, bytes, new Set(wanted as Part[]), choices, context)
            return ExitCode.ok
          })
          code = Math.max(code, fault)
        }
        exit(code)
      },
    )
  },
}

interface Choices {
  readonly program: string | undefined
  readonly style: PseudoCStyle
  readonly source: boolean
}

function dump(path: string, bytes: Uint8Array, wanted: ReadonlySet<Part>, choices: Choices, context: CliContext): void {
  const elf = readElf(bytes)
  const object = openElf(elf, path, { tolerant: true })
  const namesOf = new InstructionNames(elf, object, choices.style)
  const paint = painter(context.colour)
  const head = (title: string) => context.out(`\n${paint('bold', title)}\n`)
  context.out(
    `${paint('bold', path)}: ${bytes.length} bytes, ${object.little ? 'little' : 'big'}-endian, license ${JSON.stringify(object.license)}\n`,
  )
  if (wanted.has('sections')) {
    head('Sections')
    context.out(table(sectionCells(elf)))
  }
  if (wanted.has('symbols')) {
    head('Symbols')
    context.out(table(symbolRows(elf).map(symbolCells)))
  }
  if (wanted.has('programs')) {
    const text = new ProgramText(object, namesOf, { style: choices.style, source: choices.source, paint }, context)
    for (const func of [...object.programs, ...object.subprograms]) {
      if (choices.program !== undefined && func.name !== choices.program) continue
      head(`${func.name} (${func.section}), ${func.insns.length} instructions`)
      text.write(func)
    }
  }
  if (wanted.has('maps') && object.maps.length > 0) {
    head('Maps')
    context.out(table(object.maps.map(mapRow)))
  }
  if (wanted.has('relocations')) {
    const rows = relocationRows(elf)
    if (rows.length > 0) {
      head('Relocations')
      context.out(table(rows.map(relocationCells)))
    }
  }
  if (wanted.has('btf')) {
    head('BTF')
    if (!object.btf) context.out('  none\n')
    else context.out(dumpRaw(object.btf))
  }
}

const chosenFunctions = (object: BpfObject, choices: Choices) =>
  [...object.programs, ...object.subprograms].filter(func => choices.program === undefined || func.name === choices.program)

/** Slots of instructions, without the second halves of 64-bit immediates. */
function* slotsOf(func: ObjectFunction, start = 0, end = func.insns.length): Generator<number> {
  for (let slot = start; slot < end; slot += func.insns.code[slot] === 0x18 ? 2 : 1) yield slot
}

function drawControlFlow(path: string, bytes: Uint8Array, format: 'dot' | 'svg', choices: Choices, context: CliContext): void {
  const elf = readElf(bytes)
  const object = openElf(elf, path, { tolerant: true })
  const namesOf = new InstructionNames(elf, object, choices.style)
  const drawings = chosenFunctions(object, choices).map((func): Drawing => {
    const names = namesOf.of(func)
    const lines = new Map(func.lineInfo.map(line => [line.slot, line]))
    return {
      name: `${func.name} (${func.section})`,
      blocks: basicBlocks(func.insns),
      text: block =>
        [...slotsOf(func, block.start, block.end)].flatMap(slot => {
          const line = choices.source && lines.get(slot)?.text.trim()
          const insn = `${slot}: ${formatInsn(func.insns, slot, choices.style, names)}`
          return line ? [`; ${line}`, insn] : [insn]
        }),
    }
  })
  context.out(format === 'dot' ? controlFlowDot(drawings) : controlFlowSvg(drawings))
}

/** What `dump` shows, for programs: 64-bit numbers as text, everything else as in the object's model. */
function dumpJsonDocument(
  path: string,
  bytes: Uint8Array,
  wanted: ReadonlySet<Part>,
  choices: Choices,
  context: CliContext,
): void {
  const elf = readElf(bytes)
  const object = openElf(elf, path, { tolerant: true })
  const namesOf = new InstructionNames(elf, object, choices.style)
  const document: Record<string, unknown> = {
    object: path,
    bytes: bytes.length,
    endian: object.little ? 'little' : 'big',
    license: object.license,
  }
  if (wanted.has('sections'))
    document['sections'] = elf.sections
      .slice(1)
      .map(({ index, name, type, flags, size, align, offset }) => ({ index, name, type, flags, size, align, offset }))
  if (wanted.has('symbols')) document['symbols'] = symbolRows(elf)
  if (wanted.has('programs'))
    document['programs'] = chosenFunctions(object, choices).map(func => ({
      name: func.name,
      section: func.section,
      binding: func.binding,
      offset: func.sectionOffset,
      instructions: instructionRows(func, object, namesOf, choices),
    }))
  if (wanted.has('maps'))
    document['maps'] = object.maps.map(map => ({
      name: map.name,
      type: mapTypeName(map.type),
      keySize: map.keySize,
      valueSize: map.valueSize,
      maxEntries: map.maxEntries,
      flags: map.flags,
    }))
  if (wanted.has('relocations')) document['relocations'] = relocationRows(elf)
  if (wanted.has('btf')) document['btf'] = object.btf ? JSON.parse(dumpJson(object.btf)).types : null
  context.out(`${JSON.stringify(document)}\n`)
}

function instructionRows(func: ObjectFunction, object: BpfObject, namesOf: InstructionNames, choices: Choices): object[] {
  const lines = choices.source ? new Map(func.lineInfo.map(line => [line.slot, line])) : undefined
  const relocs = new Map(func.relocs.map(reloc => [reloc.slot, reloc]))
  const core = new Map(func.coreRelos.map(relo => [relo.slot, relo]))
  const names = namesOf.of(func)
  const { code, dst, src, off, imm } = func.insns
  return [...slotsOf(func)].map(slot => {
    const line = lines?.get(slot)
    const reloc = relocs.get(slot)
    const relo = core.get(slot)
    return {
      slot,
      text: formatInsn(func.insns, slot, choices.style, names),
      code: code[slot],
      dst: dst[slot],
      src: src[slot],
      off: off[slot],
      imm: imm[slot],
      ...(code[slot] === 0x18 ? { immHigh: imm[slot + 1] } : {}),
      ...(line ? { source: { path: line.path, line: line.line, column: line.column, text: line.text } } : {}),
      ...(reloc ? { relocation: relocText(reloc, object) } : {}),
      ...(relo ? { core: { kind: coreName(relo.kind), type: relo.type, access: relo.access } } : {}),
    }
  })
}

function mapRow(map: MapDef): string[] {
  return [
    map.name,
    mapTypeName(map.type),
    `key ${map.keySize}`,
    `value ${map.valueSize}`,
    `entries ${map.maxEntries}`,
    map.flags ? `flags 0x${map.flags.toString(16)}` : '',
  ]
}
