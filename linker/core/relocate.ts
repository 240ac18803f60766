/**
 * CO-RE relocations: what an instruction's number becomes on a certain kernel (libbpf 1.5: bpf_core_calc_relo_insn), and the
 * change of the instruction (bpf_core_patch_insn).
 */
import type { Insns } from '../../assembler/isa/insns.js'
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_B,
  BPF_CALL,
  BPF_DW,
  BPF_H,
  BPF_IMM,
  BPF_JMP,
  BPF_LD,
  BPF_LDX,
  BPF_ST,
  BPF_STX,
  BPF_W,
  BPF_X,
} from '../../assembler/isa/opcodes.js'
import { FormatError } from '../../base/outcome.js'
import { type BtfFile, essentialName, sizeOf, skipModifiers } from '../btf/btf-file.js'
import { type BtfId, BtfKind, type BtfSet, type BtfType } from '../btf/btf-types.js'
import { CoreReloKind, type CoreRelo } from '../object/bpf-object.js'
import {
  type AccessSpec,
  CoreFault,
  describeSpec,
  describeType,
  isEnumBased,
  isFieldBased,
  isTypeBased,
  matchSpec,
  parseSpec,
} from './access-spec.js'
import { kindsCompatible, nameOf, TooDeep } from './type-relations.js'

/** The call that takes the place of an instruction whose relocation failed: no helper has this number (0xbad2310, "bad relo"). */
export const POISON_CALL = 195896080

/** A kernel's types: vmlinux first, then its modules, which are asked only for types that vmlinux does not have. */
export interface CoreTarget {
  readonly vmlinux: BtfSet
  readonly modules: readonly BtfFile[]
}

export interface CoreResult {
  /** The number for the local type. */
  readonly original: bigint
  /** The number for the kernel; 64 bits, unsigned. */
  readonly value: bigint
  /** The kernel has nothing to match: if the instruction is reached, the program must be rejected. */
  readonly poison: boolean
  /** Whether the instruction must hold `original` now. */
  readonly validate: boolean
  /** Sizes of the accessed field, where it matters to loads and stores; 0 elsewhere. */
  readonly originalSize: number
  readonly size: number
  /** Sizes differ in a way that loads and stores cannot follow. */
  readonly badResize: boolean
  /** The access in the local type and in the kernel's (undefined without a match). */
  readonly local: AccessSpec
  readonly target: AccessSpec | undefined
}

interface Candidate {
  readonly btf: BtfSet
  readonly id: BtfId
}

interface Calculation {
  readonly value: bigint
  readonly size: number
  readonly type: BtfId
  readonly validate: boolean
}

const POISON = Symbol('poison')

/** Relocates the instructions of one object for one kernel; remembers candidates between relocations, as libbpf does. */
export class CoreRelocator {
  private readonly candidates = new Map<BtfId, Candidate[]>()

  constructor(
    /** The object's BTF. */
    private readonly local: BtfSet,
    /** Undefined: only relocations that need no kernel can be done. */
    private readonly target: CoreTarget | undefined,
    private readonly little: boolean,
  ) {}

  /** What one relocation becomes. Throws a `CoreFault` where libbpf would refuse the object. */
  calculate(relo: CoreRelo): CoreResult {
    return this.guarded(relo, () => this.calculateUnguarded(relo))
  }

  /** Every type of the kernel in which the relocation's access is found, in order of the candidates. Throws a `CoreFault` as `calculate` does. */
  matches(relo: CoreRelo): AccessSpec[] {
    return this.guarded(relo, () => {
      const type = this.local.type(relo.type)
      if (relo.kind === CoreReloKind.TypeIdLocal || nameOf(type) === '') return []
      const local = parseSpec(this.local, relo)
      return this.candidatesOf(relo.type, type).flatMap(
        candidate => matchSpec(local, relo.kind, candidate.btf, candidate.id) ?? [],
      )
    })
  }

  private guarded<Result>(relo: CoreRelo, work: () => Result): Result {
    try {
      return work()
    } catch (error) {
      if (error instanceof TooDeep) throw new CoreFault(`${describeType(this.local, relo.type)} is nested too deep`)
      if (error instanceof FormatError) throw new CoreFault(error.message)
      throw error
    }
  }

  private calculateUnguarded(relo: CoreRelo): CoreResult {
    const type = this.local.type(relo.type)
    const local = parseSpec(this.local, relo)
    if (relo.kind === CoreReloKind.TypeIdLocal) {
      const value = BigInt(relo.type)
      const none = { poison: false, validate: false, originalSize: 0, size: 0, badResize: false }
      return { ...none, original: value, value, local, target: undefined }
    }
    if (nameOf(type) === '') throw new CoreFault('a type without a name cannot be looked for in a kernel')
    const candidates = this.candidatesOf(relo.type, type)
    const matching: Candidate[] = []
    let result: CoreResult | undefined
    for (const candidate of candidates) {
      const target = matchSpec(local, relo.kind, candidate.btf, candidate.id)
      if (!target) continue
      const found = this.result(relo, local, target)
      if (!result) result = found
      else if (target.bitOffset !== result.target!.bitOffset)
        throw new CoreFault(
          `${describeSpec(local, relo.kind)} is ambiguous: at bit ${result.target!.bitOffset} or ${target.bitOffset} in different types of that name`,
        )
      else if (found.poison !== result.poison || found.value !== result.value)
        throw new CoreFault(`${describeSpec(local, relo.kind)} is ambiguous: types of that name differ in what it becomes`)
      matching.push(candidate)
    }
    if (!result) return this.result(relo, local, undefined)
    // Later relocations of the same type only look at what matched.
    this.candidates.set(relo.type, matching)
    return result
  }

  private candidatesOf(id: BtfId, type: BtfType): Candidate[] {
    const known = this.candidates.get(id)
    if (known) return known
    if (!this.target) throw new CoreFault(`${describeType(this.local, id)} needs the BTF of a kernel`)
    const name = essentialName(nameOf(type))
    const search = (btf: BtfSet, from: BtfId) =>
      byEssentialName(btf, name)
        .filter(candidate => candidate >= from && kindsCompatible(btf.type(candidate), type))
        .map(candidate => ({ btf, id: candidate }))
    let found = search(this.target.vmlinux, 1)
    if (found.length === 0) found = this.target.modules.flatMap(module => search(module, module.firstId))
    this.candidates.set(id, found)
    return found
  }

  /** bpf_core_calc_relo. */
  private result(relo: CoreRelo, local: AccessSpec, target: AccessSpec | undefined): CoreResult {
    const before = this.calculateOne(relo.kind, local)
    const after = this.calculateOne(relo.kind, target)
    if (before === POISON) throw new CoreFault(`${describeSpec(local, relo.kind)} has no value`)
    if (after === POISON)
      return {
        original: before.value,
        value: 0n,
        poison: true,
        validate: before.validate,
        originalSize: before.size,
        size: 0,
        badResize: false,
        local,
        target,
      }
    return {
      original: before.value,
      value: after.value,
      poison: false,
      validate: before.validate,
      originalSize: before.size,
      size: after.size,
      badResize:
        before.size !== after.size && !canResize(local.btf.type(before.type), target ? target.btf.type(after.type) : undefined),
      local,
      target,
    }
  }

  private calculateOne(kind: number, spec: AccessSpec | undefined): Calculation | typeof POISON {
    const plain = (value: number | bigint, validate = true): Calculation => ({ value: BigInt(value), size: 0, type: 0, validate })
    if (isTypeBased(kind)) {
      if (!spec) return plain(0)
      switch (kind) {
        case CoreReloKind.TypeIdTarget:
          return plain(spec.root, false)
        case CoreReloKind.TypeSize: {
          const size = sizeOf(spec.btf, spec.root)
          if (size < 0) throw new CoreFault(`${describeType(spec.btf, spec.root)} has no size`)
          return plain(size)
        }
        default:
          return plain(1)
      }
    }
    if (isEnumBased(kind)) {
      if (kind === CoreReloKind.EnumvalExists) return plain(spec ? 1 : 0)
      if (!spec) return POISON
      const { type: id, index } = spec.accessors[0]!
      const type = spec.btf.type(id)
      if (type.kind === BtfKind.Enum) return plain(BigInt.asUintN(64, BigInt.asIntN(32, type.values[index]!.value)))
      if (type.kind === BtfKind.Enum64) return plain(BigInt.asUintN(64, type.values[index]!.value))
      throw new CoreFault('an enumerator of what is no enum')
    }
    if (!isFieldBased(kind)) throw new CoreFault(`unknown relocation kind ${kind}`)
    return this.calculateField(kind, spec, plain)
  }

  /** bpf_core_calc_field_relo. */
  private calculateField(
    kind: number,
    spec: AccessSpec | undefined,
    plain: (value: number | bigint, validate?: boolean) => Calculation,
  ): Calculation | typeof POISON {
    if (kind === CoreReloKind.FieldExists) return plain(spec ? 1 : 0)
    if (!spec) return POISON
    const last = spec.accessors.at(-1)!
    if (last.name === undefined) {
      const size = sizeOf(spec.btf, last.type)
      if (size < 0) throw new CoreFault(`${describeSpec(spec, kind)} has no size`)
      if (kind === CoreReloKind.FieldByteOffset)
        return { value: BigInt(Math.floor(spec.bitOffset / 8)), size, type: last.type, validate: true }
      if (kind === CoreReloKind.FieldByteSize) return plain(size)
      throw new CoreFault(`${describeSpec(spec, kind)}: signedness and shifts are asked of fields, not of array elements`)
    }
    const owner = spec.btf.type(last.type)
    if (owner.kind !== BtfKind.Struct && owner.kind !== BtfKind.Union) throw new CoreFault('a member of what is no struct')
    const member = owner.members[last.index]!
    const { id, type } = skipModifiers(spec.btf, member.type)
    const bitfield = member.bitSize > 0
    let byteSize = bitfield ? ('size' in type ? type.size : 0) : sizeOf(spec.btf, id)
    if (byteSize < 0 || (bitfield && byteSize === 0)) throw new CoreFault(`${describeSpec(spec, kind)} has no size`)
    const aligned = () => Math.floor(Math.floor(spec.bitOffset / 8) / byteSize) * byteSize
    let byteOffset = bitfield ? aligned() : Math.floor(spec.bitOffset / 8)
    // The smallest load that covers the whole bit field.
    while (bitfield && spec.bitOffset + member.bitSize - byteOffset * 8 > byteSize * 8) {
      if (byteSize >= 8) throw new CoreFault(`${describeSpec(spec, kind)}: no load of at most 8 bytes covers the bit field`)
      byteSize *= 2
      byteOffset = aligned()
    }
    const bitSize = bitfield ? member.bitSize : byteSize * 8
    switch (kind) {
      case CoreReloKind.FieldByteOffset:
        return { value: BigInt(byteOffset), size: bitfield ? 0 : byteSize, type: bitfield ? 0 : id, validate: !bitfield }
      case CoreReloKind.FieldByteSize:
        return plain(byteSize, !bitfield)
      case CoreReloKind.FieldSigned:
        return plain('signed' in type && type.signed ? 1 : 0)
      case CoreReloKind.FieldLshiftU64: {
        const shift = this.little
          ? 64 - (spec.bitOffset + bitSize - byteOffset * 8)
          : (8 - byteSize) * 8 + (spec.bitOffset - byteOffset * 8)
        return plain(BigInt.asUintN(32, BigInt(shift)), !bitfield)
      }
      default:
        return plain(BigInt.asUintN(32, BigInt(64 - bitSize)))
    }
  }
}

/** A load may change its width between pointers, and between unsigned integers: both are extended with zeros. */
function canResize(before: BtfType, after: BtfType | undefined): boolean {
  if (before.kind === BtfKind.Ptr && after?.kind === BtfKind.Ptr) return true
  const unsigned = (type: BtfType | undefined) => type?.kind === BtfKind.Int && !(type.signed && !type.char && !type.bool)
  return unsigned(before) && unsigned(after)
}

const indices = new WeakMap<BtfSet, Map<string, BtfId[]>>()

/** Ids of all types whose name without flavour is `name`. */
function byEssentialName(btf: BtfSet, name: string): readonly BtfId[] {
  if (btf.byEssentialName) return btf.byEssentialName(name)
  let index = indices.get(btf)
  if (!index) {
    index = new Map()
    for (let id = 1; id < btf.count; id++) {
      const own = nameOf(btf.type(id))
      if (own === '') continue
      const key = essentialName(own)
      const ids = index.get(key)
      if (ids) ids.push(id)
      else index.set(key, [id])
    }
    indices.set(btf, index)
  }
  return index.get(name) ?? []
}

const SIZE_BITS: Readonly<Record<number, number>> = { 8: BPF_DW, 4: BPF_W, 2: BPF_H, 1: BPF_B }
const LD_IMM64 = BPF_LD | BPF_IMM | BPF_DW

/** Puts a poison call where an instruction was (both slots of a 64-bit load). */
function poison(insns: Insns, slot: number): void {
  const slots = insns.code[slot] === LD_IMM64 ? 2 : 1
  for (let i = 0; i < slots; i++) insns.set(slot + i, BPF_JMP | BPF_CALL, 0, 0, 0, POISON_CALL)
}

/**
 * Changes one instruction as its relocation says; true if that is to a call that no kernel takes ("poison"). Throws a `CoreFault` where libbpf would
 * refuse the object.
 */
export function patchInsn(insns: Insns, slot: number, result: CoreResult): boolean {
  const code = insns.code[slot]!
  const unexpected = (have: number | bigint) =>
    new CoreFault(`instruction ${slot} holds ${have} where the object's own types give ${result.original}`)
  switch (code & 7) {
    case BPF_ALU:
    case BPF_ALU64:
      if (code & BPF_X) throw new CoreFault(`instruction ${slot} has no immediate to relocate`)
      if (result.poison) {
        poison(insns, slot)
        return true
      }
      if (result.validate && BigInt.asUintN(64, BigInt(insns.imm[slot]!)) !== result.original) throw unexpected(insns.imm[slot]!)
      insns.imm[slot] = Number(BigInt.asIntN(32, result.value))
      return false
    case BPF_LDX:
    case BPF_ST:
    case BPF_STX: {
      if (result.poison) {
        poison(insns, slot)
        return true
      }
      if (result.validate && BigInt.asUintN(64, BigInt(insns.off[slot]!)) !== result.original) throw unexpected(insns.off[slot]!)
      if (result.value > 0x7fffn) throw new CoreFault(`instruction ${slot}: offset ${result.value} does not fit in 16 bits`)
      if (result.badResize) {
        poison(insns, slot)
        return true
      }
      insns.off[slot] = Number(result.value)
      if (result.size === result.originalSize) return false
      const size = code & 0x18
      if (SIZE_BITS[result.originalSize] !== size)
        throw new CoreFault(`instruction ${slot} does not access the ${result.originalSize} bytes of its field`)
      const bits = SIZE_BITS[result.size]
      if (bits === undefined)
        throw new CoreFault(`instruction ${slot} cannot access the ${result.size} bytes that its field has on this kernel`)
      insns.code[slot] = (code & 0xe0) | bits | (code & 7)
      return false
    }
    case BPF_LD: {
      const next = slot + 1
      if (code !== LD_IMM64 || insns.src[slot] !== 0 || insns.off[slot] !== 0 || next >= insns.length)
        throw new CoreFault(`instruction ${slot} is a load that cannot be relocated`)
      if (insns.code[next] !== 0 || insns.dst[next] !== 0 || insns.src[next] !== 0 || insns.off[next] !== 0)
        throw new CoreFault(`instruction ${slot} is a load that cannot be relocated`)
      if (result.poison) {
        poison(insns, slot)
        return true
      }
      const have = (BigInt.asUintN(32, BigInt(insns.imm[next]!)) << 32n) | BigInt.asUintN(32, BigInt(insns.imm[slot]!))
      if (result.validate && have !== result.original) throw unexpected(have)
      insns.imm[slot] = Number(BigInt.asIntN(32, result.value))
      insns.imm[next] = Number(BigInt.asIntN(32, result.value >> 32n))
      return false
    }
    default:
      throw new CoreFault(`instruction ${slot} of class ${code & 7} cannot be relocated`)
  }
}
