/**
 * A kernel's BTF cut down to what the CO-RE relocations of some objects look at, small enough to ship with a program (as
 * `bpftool gen min_core_btf`): relocating against it gives what relocating against the whole gives.
 */
import { BtfBuilder } from '../btf/btf-builder.js'
import { type BtfId, BtfKind, type BtfSet, typeFault } from '../btf/btf-types.js'
import { remapType } from '../btf/remap.js'
import { type BpfObject, type CoreRelo, CoreReloKind, type ObjectFunction } from '../object/bpf-object.js'
import { CoreRelocator } from './relocate.js'
import { type AccessSpec, CoreFault, isFieldBased } from './access-spec.js'

/**
 * The smaller BTF; `finish` writes it. Types that nothing looks into are `void` in it, struct members that nobody names are gone. Throws a
 * `FormatError` for a relocation that makes no sense in its object.
 */
export function minimizeBtf(objects: readonly BpfObject[], kernel: BtfSet): BtfBuilder {
  const kept = new Kept(kernel)
  for (const object of objects) {
    if (!object.btf) continue
    const relocator = new CoreRelocator(object.btf, { vmlinux: kernel, modules: [] }, object.little)
    for (const fn of [...object.programs, ...object.subprograms])
      for (const relo of fn.coreRelos)
        for (const spec of matches(relocator, object.btf, fn, relo)) {
          if (isFieldBased(relo.kind)) kept.path(spec.root, spec.raw)
          else kept.whole(spec.root, relo.kind === CoreReloKind.TypeMatches, new Set())
        }
  }
  return kept.build()
}

function matches(relocator: CoreRelocator, local: BtfSet, fn: ObjectFunction, relo: CoreRelo): AccessSpec[] {
  try {
    return relocator.matches(relo)
  } catch (error) {
    if (!(error instanceof CoreFault)) throw error
    throw typeFault(local, relo.type, 'F0403', `${fn.name}: CO-RE relocation of instruction ${relo.slot}: ${error.message}`)
  }
}

class Kept {
  private readonly types = new Set<BtfId>()
  /** Indices of the members that are looked at; types in `complete` keep all. */
  private readonly members = new Map<BtfId, Set<number>>()
  private readonly complete = new Set<BtfId>()

  constructor(private readonly btf: BtfSet) {}

  /** A type as the type of a member: through typedefs and arrays to what has substance, not through pointers. */
  private shallow(id: BtfId): BtfId {
    for (;;) {
      if (id === 0) return 0
      this.types.add(id)
      const type = this.btf.type(id)
      switch (type.kind) {
        case BtfKind.Typedef:
        case BtfKind.Volatile:
        case BtfKind.Const:
        case BtfKind.Restrict:
        case BtfKind.TypeTag:
          id = type.type
          break
        case BtfKind.Array:
          this.shallow(type.indexType)
          this.shallow(type.type)
          return id
        default:
          return id
      }
    }
  }

  /** All steps of a field access. */
  path(root: BtfId, raw: readonly number[]): void {
    let id = this.shallow(root)
    for (const step of raw.slice(1)) {
      const type = this.btf.type(id)
      if (type.kind === BtfKind.Struct || type.kind === BtfKind.Union) {
        const known = this.members.get(id)
        if (known) known.add(step)
        else this.members.set(id, new Set([step]))
        id = this.shallow(type.members[step]!.type)
      } else if (type.kind === BtfKind.Array) id = this.shallow(type.type)
      else return
    }
  }

  /** A type that is asked for as such: `deep` follows everything that a match compares. */
  whole(id: BtfId, deep: boolean, seen: Set<BtfId>): void {
    if (id === 0 || seen.has(id)) return
    seen.add(id)
    this.types.add(id)
    const type = this.btf.type(id)
    switch (type.kind) {
      case BtfKind.Struct:
      case BtfKind.Union:
        if (!deep) return
        this.complete.add(id)
        for (const member of type.members) this.whole(member.type, true, seen)
        return
      case BtfKind.Ptr: {
        // Of what a pointer points to, only name and kind are compared.
        const target = this.shallow(type.type)
        if (!deep || this.btf.type(target).kind === BtfKind.FuncProto || this.btf.type(target).kind === BtfKind.Ptr)
          this.whole(target, deep, seen)
        return
      }
      case BtfKind.Typedef:
      case BtfKind.Volatile:
      case BtfKind.Const:
      case BtfKind.Restrict:
      case BtfKind.TypeTag:
      case BtfKind.Func:
        this.whole(type.type, deep, seen)
        return
      case BtfKind.Array:
        this.whole(type.type, deep, seen)
        this.whole(type.indexType, deep, seen)
        return
      case BtfKind.FuncProto:
        this.whole(type.type, deep, seen)
        for (const param of type.params) this.whole(param.type, deep, seen)
        return
    }
  }

  build(): BtfBuilder {
    const builder = new BtfBuilder()
    const order = [...this.types].sort((a, b) => a - b)
    const ids = new Map(order.map((id, i) => [id, i + 1]))
    for (const id of order) {
      const type = this.btf.type(id)
      const wanted = this.members.get(id)
      const cut =
        (type.kind === BtfKind.Struct || type.kind === BtfKind.Union) && !this.complete.has(id)
          ? { ...type, members: type.members.filter((_, i) => wanted?.has(i)) }
          : type
      builder.add(remapType(cut, old => ids.get(old) ?? 0))
    }
    return builder
  }
}
