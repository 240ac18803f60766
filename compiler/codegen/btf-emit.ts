/**
 * The debug information of a module: .BTF with a FUNC for each function, a VAR for each object and a DATASEC for each section, and
 * .BTF.ext with the types of functions, the lines of instructions and the CO-RE records.
 */
import type { Loc, SourceSet } from '../../base/source.js'
import { BtfBuilder } from '../../linker/btf/btf-builder.js'
import {
  type BtfExt,
  type CoreReloRecord,
  type FuncInfoRecord,
  type LineInfoRecord,
  writeBtfExt,
} from '../../linker/btf/btf-ext.js'
import {
  BTF_LINKAGE_EXTERN,
  BTF_LINKAGE_GLOBAL,
  BTF_LINKAGE_STATIC,
  type BtfId,
  type BtfSecinfo,
} from '../../linker/btf/btf-types.js'
import { Func, type Global, type Module } from '../ir/ir.js'
import { type CompileOptions, replacePrefix } from '../options.js'
import type { Atom } from '../preprocessor/tokens.js'
import type { CType } from '../typecheck/types.js'
import { BtfTypes } from './btf-types-of-c.js'
import type { FunctionCode } from './linear.js'
import type { Place } from './object-image.js'

export interface DebugContext {
  readonly options: CompileOptions
  readonly sources: SourceSet
  readonly text: (atom: Atom) => string
  /** Makes a record or enum complete whose definition nobody needed so far (`TypedUnit.complete`). */
  readonly complete?: (type: CType) => boolean
  place(of: Func | Global): Place | undefined
  sectionName(section: number): string
}

/** A 32-bit field of .BTF or .BTF.ext that holds an offset in a section of the object, or the place of an extern. */
export interface OffsetField {
  readonly at: number
  readonly target: string | Func | Global
}

export interface DebugInfo {
  readonly builder: BtfBuilder
  readonly btf: Uint8Array
  readonly ext: Uint8Array
  readonly btfFields: readonly OffsetField[]
  readonly extFields: readonly OffsetField[]
}

const BTF_HEADER = 24
const EXT_HEADER = 32

const linkage = (of: Func | Global) => (of.binding === 'local' ? BTF_LINKAGE_STATIC : BTF_LINKAGE_GLOBAL)

class DebugEmitter {
  private readonly builder = new BtfBuilder()
  private readonly types: BtfTypes
  private readonly ids = new Map<Func | Global, BtfId>()
  /** Members of DATASECs by section. */
  private readonly datasecs = new Map<string, (BtfSecinfo & { of: Func | Global })[]>()
  private readonly lines = new Map<string, LineInfoRecord[]>()
  private readonly funcs = new Map<string, FuncInfoRecord[]>()
  private readonly cores = new Map<string, CoreReloRecord[]>()
  private readonly paths = new Map<string, string>()
  private readonly places = new Map<Loc, Omit<LineInfoRecord, 'insnOffset'> | undefined>()

  constructor(
    private readonly module: Module,
    private readonly codes: readonly FunctionCode[],
    private readonly context: DebugContext,
  ) {
    this.types = new BtfTypes(this.builder, context.text, context.complete ?? (() => false))
  }

  run(): DebugInfo {
    const referenced = this.referenced()
    for (const global of this.module.globals) if (global.section.startsWith('.maps')) this.global(global, referenced)
    for (const code of this.codes) this.func(code)
    for (const global of this.module.globals) this.global(global, referenced)
    this.types.finish()
    const datasecFields = this.dataSections()
    const ext = this.ext()
    const extBytes = writeBtfExt(ext, this.builder, this.context.options.target.little)
    const btf = this.builder.finish(this.context.options.target.little)
    return { builder: this.builder, btf, ext: extBytes, btfFields: datasecFields, extFields: extFields(ext) }
  }

  /** Externs that code or data of this module refer to. */
  private referenced(): Set<Func | Global> {
    const found = new Set<Func | Global>()
    const byName = new Map<string, Func | Global>([...this.module.globals, ...this.module.funcs].map(each => [each.name, each]))
    for (const code of this.codes)
      for (const { target } of code.relocs) {
        const of = typeof target === 'string' ? byName.get(target) : target
        if (of) found.add(of)
      }
    for (const global of this.module.globals) for (const { target } of global.relocs) found.add(target)
    return found
  }

  // --- .BTF ---

  private global(global: Global, referenced: ReadonlySet<Func | Global>): void {
    const { decl } = global
    if (!decl || this.ids.has(global) || (global.isExtern && !referenced.has(global))) return
    const type = global.section.startsWith('.maps') ? this.types.mapType(decl.type) : this.types.type(decl.type)
    const id = this.builder.addVar(global.name, type, global.isExtern ? BTF_LINKAGE_EXTERN : linkage(global))
    this.ids.set(global, id)
    this.types.declTags(decl.declTags, id)
    if (global.section)
      this.addToSection(global.section, {
        type: id,
        offset: this.context.place(global)?.offset ?? 0,
        size: global.size,
        of: global,
      })
  }

  private addToSection(section: string, info: BtfSecinfo & { of: Func | Global }): void {
    const list = this.datasecs.get(section)
    if (list) list.push(info)
    else this.datasecs.set(section, [info])
  }

  private func(code: FunctionCode): void {
    const { func } = code
    const place = this.context.place(func)!
    const section = this.context.sectionName(place.section)
    const id = this.funcType(func)
    if (id !== undefined) push(this.funcs, section, { insnOffset: place.offset, type: id })
    for (const { target } of code.relocs)
      if (target instanceof Func && target.isDeclaration && this.funcType(target) !== undefined && target.section) {
        const known = this.datasecs.get(target.section)?.some(info => info.of === target)
        if (!known) this.addToSection(target.section, { type: this.ids.get(target)!, offset: 0, size: 0, of: target })
      }
    for (const { slot, core } of code.cores)
      push(this.cores, section, {
        insnOffset: place.offset + slot * 8,
        type: this.types.type(core.type),
        access: core.access,
        kind: core.kind,
      })
    this.lineInfo(code, section, place.offset)
  }

  private funcType(func: Func): BtfId | undefined {
    const known = this.ids.get(func)
    if (known !== undefined || !func.decl) return known
    const { decl } = func
    const names = func.isDeclaration ? [] : decl.params.map(param => param.name)
    const proto = this.types.proto(decl.type, names)
    const id = this.builder.addFunc(func.name, proto, func.isDeclaration ? BTF_LINKAGE_EXTERN : linkage(func))
    this.ids.set(func, id)
    this.types.declTags(decl.declTags, id)
    decl.type.params.forEach((param, index) => {
      this.types.declTags(param.declTags, id, index)
    })
    return id
  }

  /** DATASECs in order of name; sizes stay 0 as clang leaves them, for the loader to fill in. */
  private dataSections(): OffsetField[] {
    const fields: OffsetField[] = []
    let at = BTF_HEADER
    for (let id = 1; id < this.builder.count; id++) at += encodedSize(this.builder, id)
    for (const name of [...this.datasecs.keys()].sort()) {
      const infos = this.datasecs.get(name)!
      this.builder.addDatasec(
        name,
        0,
        infos.map(({ type, offset, size }) => ({ type, offset, size })),
      )
      infos.forEach(({ of }, i) => {
        const extern = of instanceof Func || of.isExtern
        fields.push({ at: at + 12 + i * 12 + 4, target: extern ? of : name })
      })
      at += 12 + infos.length * 12
    }
    return fields
  }

  // --- .BTF.ext ---

  private ext(): BtfExt {
    const list = <T>(map: Map<string, T[]>) => [...map].map(([section, records]) => ({ section, records }))
    return { funcInfo: list(this.funcs), lineInfo: list(this.lines), coreRelos: list(this.cores) }
  }

  /** A record where the place changes. The first instruction always has one: the kernel asks for it. */
  private lineInfo(code: FunctionCode, section: string, base: number): void {
    const { locs } = code
    let previous = 0
    const first = locs.find(loc => loc !== 0) ?? code.func.endLoc
    for (let slot = 0; slot < locs.length; slot++) {
      const loc = slot === 0 ? locs[0] || first : locs[slot]!
      if (loc === 0 || loc === previous) continue
      previous = loc
      const line = this.line(loc)
      if (line) push(this.lines, section, { insnOffset: base + slot * 8, ...line })
    }
  }

  /** Inlined and unrolled code comes from the same places again and again. */
  private line(loc: Loc): Omit<LineInfoRecord, 'insnOffset'> | undefined {
    if (this.places.has(loc)) return this.places.get(loc)
    const { sources } = this.context
    const position = sources.presumed(loc)
    const text = sources.lineText(loc)
    const line =
      position && text !== undefined
        ? { file: this.path(position.path), text, line: position.line, column: position.column }
        : undefined
    this.places.set(loc, line)
    return line
  }

  /** Absolute, as clang has it, with `-fdebug-prefix-map` applied. */
  private path(path: string): string {
    let known = this.paths.get(path)
    if (known === undefined) {
      const { workingDirectory, prefixMap } = this.context.options
      const absolute = path.startsWith('/') || !workingDirectory ? path : `${workingDirectory.replace(/\/$/, '')}/${path}`
      known = replacePrefix(absolute, prefixMap)
      this.paths.set(path, known)
    }
    return known
  }
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key)
  if (list) list.push(value)
  else map.set(key, [value])
}

/** Bytes of a type in .BTF (Documentation/bpf/btf.rst, section 2). */
function encodedSize(builder: BtfBuilder, id: BtfId): number {
  const type = builder.type(id)
  if ('members' in type) return 12 + type.members.length * 12
  if ('values' in type) return 12 + type.values.length * (type.kind === 19 ? 12 : 8)
  if ('params' in type) return 12 + type.params.length * 8
  if ('vars' in type) return 12 + type.vars.length * 12
  if ('nelems' in type) return 24
  if ('bits' in type || 'componentIdx' in type) return 16
  return 'linkage' in type && type.kind === 14 ? 16 : 12
}

/** Where the instruction offsets of .BTF.ext stand. */
function extFields(ext: BtfExt): OffsetField[] {
  const fields: OffsetField[] = []
  let at = EXT_HEADER
  const part = (sections: readonly { readonly section: string; readonly records: readonly unknown[] }[], size: number) => {
    if (sections.length === 0) return
    at += 4
    for (const { section, records } of sections) {
      at += 8
      for (let i = 0; i < records.length; i++, at += size) fields.push({ at, target: section })
    }
  }
  part(ext.funcInfo, 8)
  part(ext.lineInfo, 16)
  part(ext.coreRelos, 16)
  return fields
}

export function emitDebugInfo(module: Module, codes: readonly FunctionCode[], context: DebugContext): DebugInfo {
  return new DebugEmitter(module, codes, context).run()
}
