/**
 * Makes of an opened object what bpf(2) takes on a certain kernel, in libbpf's order (libbpf 1.5: bpf_object_load): externs
 * resolved, CO-RE applied, subprograms appended, references to maps, data and kernel symbols put into the instructions.
 */
import { Insns } from '../../assembler/isa/insns.js'
import {
  BPF_CALL,
  BPF_DW,
  BPF_IMM,
  BPF_JMP,
  BPF_LD,
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
} from '../../assembler/isa/opcodes.js'
import { kindOf } from '../btf/btf-overlay.js'
import { BTF_LINKAGE_GLOBAL, BtfKind, type BtfSet } from '../btf/btf-types.js'
import { CoreFault } from '../core/access-spec.js'
import { CoreRelocator, patchInsn } from '../core/relocate.js'
import type { BpfObject, MapDef, ObjectFunction } from './bpf-object.js'
import { CoreReloKind } from './bpf-object.js'
import { kconfigValues } from './kconfig.js'
import { findSymbol, type ResolvedExtern, resolveExterns } from './kernel-symbols.js'
import { loadableBtf } from './loadable-btf.js'
import { kernelVersion, KERNEL_VERSION_DEFAULT, type PrepareOptions } from './prepare-options.js'
import type { PreparedFunction, PreparedObject, PreparedProgram } from './prepared.js'
import { attachPrefix, findSectionDef, findSectionPrefix, type SectionDef } from './sections.js'
import { sanitizeBtf } from './sanitize-btf.js'
import { knowsAttachTypes, sanitizeCalls, sanitizeMapFlags } from './sanitize-program.js'
import { prepareStructOps, type StructOpsResult } from './struct-ops.js'
import { AttachType, BPF_F_SLEEPABLE, BPF_F_XDP_HAS_FRAGS, MapType, ProgType } from './uapi.js'

/** Calls of no helper, put where a map is not created or a weak kfunc is absent; the low digits are the map's or extern's index. */
export const POISON_MAP = 2001000000
export const POISON_KFUNC = 2002000000

const CALL = BPF_JMP | BPF_CALL
const LD_IMM64 = BPF_LD | BPF_IMM | BPF_DW

/**
 * Prepares all programs of an object. What keeps one of them (or, as with an unresolved extern, all of them) from being loaded is
 * its `fault`; nothing is thrown for that.
 */
export function prepareObject(object: BpfObject, options: PrepareOptions = {}): PreparedObject {
  return new Preparation(object, options).run()
}

/** A function's instructions as they come out of CO-RE, shared by all programs that use it. */
interface Code {
  readonly insns: Insns
  readonly fault: string | undefined
}

class Preparation {
  private readonly code = new Map<ObjectFunction, Code>()
  private readonly externs: ResolvedExtern[]
  private readonly structOps: StructOpsResult
  private readonly btf: BtfSet | undefined
  /** KERNEL_VERSION of the kernel that it is for. */
  private readonly version: number
  private readonly core: CoreRelocator | undefined
  private readonly maps: MapDef[]
  /** What keeps libbpf from loading anything of the object. */
  private readonly faults: string[] = []

  constructor(
    private readonly object: BpfObject,
    private readonly options: PrepareOptions,
  ) {
    this.externs = resolveExterns(object, options)
    for (const extern of this.externs) if (extern.kind === 'fault') this.faults.push(extern.message)
    this.structOps = prepareStructOps(object, options)
    this.faults.push(...this.structOps.faults)
    this.version = options.kernelVersion ?? KERNEL_VERSION_DEFAULT
    const loadable = loadableBtf(object)
    this.btf = loadable && sanitizeBtf(loadable, this.version)
    this.core =
      object.btf &&
      new CoreRelocator(
        object.btf,
        options.kernelBtf && { vmlinux: options.kernelBtf, modules: (options.modules ?? []).map(module => module.btf) },
        object.little,
      )
    this.maps = object.maps.map((def, index) => sanitizeMapFlags(this.prepareMap(def, index), this.version))
  }

  run(): PreparedObject {
    // Subprograms belong to every program's load in libbpf: a fault in one of them stops all.
    for (const subprogram of this.object.subprograms) {
      const { fault } = this.codeOf(subprogram)
      if (fault) this.faults.push(fault)
    }
    const programs = this.object.programs.map(program => this.program(program))
    return {
      path: this.object.path,
      license: this.object.license,
      programs,
      maps: this.maps,
      btf: this.btf,
      kernelBtf: this.options.kernelBtf,
      kernelVersion: this.object.version || this.version,
    }
  }

  private prepareMap(def: MapDef, index: number): MapDef {
    if (def.type === MapType.STRUCT_OPS) return this.structOps.maps.get(index) ?? def
    if (index === this.object.kconfigMap && def.data) {
      const { bytes, faults } = kconfigValues(this.object.externs, def.valueSize, this.object.little, this.options)
      this.faults.push(...faults)
      return { ...def, data: { ...def.data, bytes } }
    }
    if (def.type === MapType.PERF_EVENT_ARRAY && def.maxEntries === 0 && this.options.cpus)
      return { ...def, maxEntries: this.options.cpus }
    return def
  }

  /** bpf_object__relocate_core, for one function. */
  private codeOf(fn: ObjectFunction): Code {
    const known = this.code.get(fn)
    if (known) return known
    const insns = new Insns(fn.insns.length)
    insns.copy(0, fn.insns, 0, fn.insns.length)
    let fault: string | undefined
    for (const relo of fn.coreRelos) {
      // Without a kernel the instruction stays as compiled: right for the object's own types.
      if (!this.core || (!this.options.kernelBtf && relo.kind !== CoreReloKind.TypeIdLocal)) continue
      try {
        patchInsn(insns, relo.slot, this.core.calculate(relo))
      } catch (error) {
        if (!(error instanceof CoreFault)) throw error
        fault ??= `${fn.name}: CO-RE relocation of instruction ${relo.slot}: ${error.message}`
      }
    }
    for (const reloc of fn.relocs) if (reloc.kind === 'subprogram' && !reloc.call) insns.src[reloc.slot] = BPF_PSEUDO_FUNC
    const code = { insns, fault }
    this.code.set(fn, code)
    return code
  }

  private program(main: ObjectFunction): PreparedProgram {
    const def = (this.options.anyLoader ? findSectionPrefix : findSectionDef)(main.section)
    const { placed, fault: callFault } = this.place(main)
    const insns = this.assemble(placed)
    dropDescriptors(insns)
    sanitizeCalls(insns, this.version)
    this.relocateData(placed, insns)
    const type = def?.type ?? ProgType.UNSPEC
    const attach = this.attachTarget(main, def)
    const structOps = this.structOps.programs.get(main.name)
    const fault = this.faults[0] ?? this.codeOf(main).fault ?? callFault ?? this.loadFault(main, def) ?? attach.fault
    return {
      name: main.name,
      section: main.section.replace(/^\?/, ''),
      type,
      expectedAttachType: structOps ? structOps.member : this.expectedAttachType(def),
      sleepable: def?.sleepable ?? false,
      flags: (def?.sleepable ? BPF_F_SLEEPABLE : 0) | (def?.xdpFrags ? BPF_F_XDP_HAS_FRAGS : 0),
      attachName: attach.name,
      attachBtfId: structOps?.type ?? attach.id,
      insns,
      functions: placed.map(([fn, slot]) => this.preparedFunction(fn, slot)),
      lineInfo: placed.flatMap(([fn, slot]) =>
        slot === 0 ? fn.lineInfo : fn.lineInfo.map(row => ({ ...row, slot: row.slot + slot })),
      ),
      autoload: !main.section.startsWith('?') && !this.structOps.unused.has(main.name),
      fault,
    }
  }

  private loadFault(main: ObjectFunction, def: SectionDef | undefined): string | undefined {
    if (!def) return `section ${main.section} names no program type`
    if (def.type === ProgType.STRUCT_OPS && !this.structOps.programs.has(main.name))
      return `${main.name}: no struct_ops map that is created uses this program`
    return undefined
  }

  private preparedFunction(fn: ObjectFunction, slot: number): PreparedFunction {
    const type = fn.funcInfo?.type ?? 0
    const func = type === 0 ? undefined : this.btf?.type(type)
    return { name: fn.name, slot, type, linkage: func?.kind === BtfKind.Func ? func.linkage : 0 }
  }

  private expectedAttachType(def: SectionDef | undefined): number {
    if (!def) return 0
    // Kernels with multi-uprobe links take USDT probes as such.
    if (def.usdt && this.version >= kernelVersion(6, 6)) return AttachType.TRACE_UPROBE_MULTI
    if (def.attachOptional && !knowsAttachTypes(this.version)) return 0
    return def.expectedAttachType
  }

  /** bpf_object__reloc_code: which functions a program consists of and at which slot each starts, in libbpf's order. */
  private place(main: ObjectFunction): { placed: [ObjectFunction, number][]; fault: string | undefined } {
    const starts = new Map<ObjectFunction, number>([[main, 0]])
    let length = main.insns.length
    let fault: string | undefined
    // Depth first: a subprogram is appended at its first call, and its own calls are followed before its caller's next.
    const visit = (root: ObjectFunction) => {
      const stack: { fn: ObjectFunction; next: number }[] = [{ fn: root, next: 0 }]
      while (stack.length > 0) {
        const top = stack[stack.length - 1]!
        const reloc = top.fn.relocs[top.next++]
        if (!reloc) {
          stack.pop()
          continue
        }
        if (reloc.kind !== 'subprogram') continue
        const callee = this.object.subprograms[reloc.subprogram]
        if (!callee) {
          fault ??= `${top.fn.name}: instruction ${reloc.slot} calls what is no function of .text`
          continue
        }
        if (starts.has(callee)) continue
        starts.set(callee, length)
        length += callee.insns.length
        stack.push({ fn: callee, next: 0 })
      }
    }
    visit(main)
    const callback = this.exceptionCallback(main)
    if (typeof callback === 'string') fault ??= callback
    else if (callback && !starts.has(callback)) {
      starts.set(callback, length)
      length += callback.insns.length
      visit(callback)
    }
    return { placed: [...starts], fault }
  }

  /** bpf_prog_assign_exc_cb: the subprogram that a declaration tag `exception_callback:NAME` of the program names. */
  private exceptionCallback(main: ObjectFunction): ObjectFunction | string | undefined {
    const names = this.exceptionTags().get(main.name)
    if (names?.length !== 1) return undefined
    const [name] = names
    const callbacks = this.object.subprograms.filter(subprogram => subprogram.name === name)
    if (callbacks.length === 0) return `${main.name}: its exception callback ${name} is not there`
    if (callbacks.length > 1) return `${main.name}: more than one subprogram is called ${name} as its exception callback`
    if (callbacks[0]!.binding === 'local' || callbacks[0]!.hidden)
      return `${main.name}: its exception callback ${name} must be global and not hidden`
    return callbacks[0]
  }

  private tags: Map<string, string[]> | undefined

  private exceptionTags(): Map<string, string[]> {
    if (this.tags) return this.tags
    this.tags = new Map()
    const { btf } = this.object
    for (let id = 1; btf && id < btf.count; id++) {
      if (kindOf(btf, id) !== BtfKind.DeclTag) continue
      const tag = btf.type(id)
      if (tag.kind !== BtfKind.DeclTag || tag.componentIdx !== -1 || !tag.name.startsWith('exception_callback:')) continue
      const func = btf.type(tag.type)
      if (func.kind !== BtfKind.Func || func.linkage !== BTF_LINKAGE_GLOBAL) continue
      const names = this.tags.get(func.name) ?? []
      names.push(tag.name.slice('exception_callback:'.length))
      this.tags.set(func.name, names)
    }
    return this.tags
  }

  /** Copies the functions behind each other and aims their calls. */
  private assemble(placed: readonly [ObjectFunction, number][]): Insns {
    const [last, lastStart] = placed[placed.length - 1]!
    const insns = new Insns(lastStart + last.insns.length)
    const starts = new Map(placed)
    for (const [fn, start] of placed) {
      insns.copy(start, this.codeOf(fn).insns, 0, fn.insns.length)
      for (const reloc of fn.relocs) {
        if (reloc.kind !== 'subprogram') continue
        const callee = this.object.subprograms[reloc.subprogram]
        if (callee) insns.imm[start + reloc.slot] = starts.get(callee)! - (start + reloc.slot) - 1
      }
    }
    return insns
  }

  /** bpf_object__relocate_data. */
  private relocateData(placed: readonly [ObjectFunction, number][], insns: Insns): void {
    for (const [fn, start] of placed)
      for (const reloc of fn.relocs) {
        const slot = start + reloc.slot
        if (reloc.kind === 'map' || reloc.kind === 'data') {
          const def = this.maps[reloc.map]!
          if (def.autocreate === false || def.type === MapType.UNSPEC) {
            for (let i = 0; i < 2; i++) insns.set(slot + i, CALL, 0, 0, 0, POISON_MAP + reloc.map)
          } else {
            insns.src[slot] = reloc.kind === 'map' ? BPF_PSEUDO_MAP_FD : BPF_PSEUDO_MAP_VALUE
            insns.imm[slot] = reloc.map
            if (reloc.kind === 'data') insns.imm[slot + 1] = reloc.offset
          }
        } else if (reloc.kind === 'extern') this.relocateExtern(insns, slot, reloc.extern)
      }
  }

  private relocateExtern(insns: Insns, slot: number, index: number): void {
    const extern = this.externs[index]!
    if (insns.code[slot] === CALL) {
      if (extern.kind === 'btf') {
        insns.src[slot] = BPF_PSEUDO_KFUNC_CALL
        insns.imm[slot] = extern.id
        insns.off[slot] = extern.module
      } else insns.set(slot, CALL, 0, 0, 0, POISON_KFUNC + index)
      return
    }
    if (extern.kind === 'kconfig') {
      insns.src[slot] = BPF_PSEUDO_MAP_VALUE
      insns.imm[slot] = this.object.kconfigMap
      insns.imm[slot + 1] = extern.offset
    } else if (extern.kind === 'btf') {
      insns.src[slot] = BPF_PSEUDO_BTF_ID
      insns.imm[slot] = extern.id
      insns.imm[slot + 1] = extern.module
    } else {
      const address = extern.kind === 'address' ? extern.address : 0n
      insns.imm[slot] = Number(BigInt.asIntN(32, address))
      insns.imm[slot + 1] = Number(BigInt.asIntN(32, address >> 32n))
    }
  }

  /** libbpf_find_attach_btf_id: what a program that attaches to BTF attaches to. */
  private attachTarget(
    main: ObjectFunction,
    def: SectionDef | undefined,
  ): { name: string; id: number; fault: string | undefined } {
    if (!def?.attachBtf) return { name: '', id: 0, fault: undefined }
    const at = main.section.indexOf('/')
    const name = at < 0 ? '' : main.section.slice(at + 1)
    const fault = (message: string) => ({ name, id: 0, fault: `${main.name}: ${message}` })
    if (at < 0) return fault(`section ${main.section} does not say what it attaches to`)
    if (def.type === ProgType.EXT) {
      const target = this.options.attachProgram
      if (!target) return fault(`the program in which function ${name} is to be replaced is not given`)
      const id = target.byName(name).find(each => target.type(each).kind === BtfKind.Func)
      return id === undefined ? fault(`the program to change has no function ${name}`) : { name, id, fault: undefined }
    }
    if (!this.options.kernelBtf) return fault(`${name} must be looked up in the BTF of a kernel`)
    const { prefix, kind } = attachPrefix(def.expectedAttachType)
    const symbol = name.slice(name.indexOf(':') + 1)
    const found = findSymbol(prefix + symbol, kind === 'func' ? BtfKind.Func : BtfKind.Typedef, this.options)
    return found
      ? { name, id: found.id, fault: undefined }
      : fault(`the kernel has nothing called ${prefix}${symbol} to attach to`)
  }
}

/** File descriptors that stand in the object itself mean nothing: they become the map -1, so that none is taken for an index. */
function dropDescriptors(insns: Insns): void {
  for (let slot = 0; slot < insns.length; slot++) {
    if (insns.code[slot] !== LD_IMM64) continue
    if (insns.src[slot] === BPF_PSEUDO_MAP_FD || insns.src[slot] === BPF_PSEUDO_MAP_VALUE) insns.imm[slot] = -1
    slot++
  }
}

/** Whether a map's BTF types go to the kernel: some map types refuse them (libbpf 1.5: bpf_object__create_map). */
export function mapTakesBtf(type: number): boolean {
  return !NO_BTF.has(type)
}

const NO_BTF: ReadonlySet<number> = new Set([
  MapType.PERF_EVENT_ARRAY,
  MapType.CGROUP_ARRAY,
  MapType.STACK_TRACE,
  MapType.ARRAY_OF_MAPS,
  MapType.HASH_OF_MAPS,
  MapType.DEVMAP,
  MapType.DEVMAP_HASH,
  MapType.CPUMAP,
  MapType.XSKMAP,
  MapType.SOCKMAP,
  MapType.SOCKHASH,
  MapType.QUEUE,
  MapType.STACK,
  MapType.ARENA,
])
