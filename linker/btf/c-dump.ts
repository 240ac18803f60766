/**
 * BTF as a C header that compiles to the same layouts: what `bpftool btf dump format c` prints, rule by rule (libbpf 1.5, btf_dump.c).
 * Types are first put into an order in which C takes them (what is embedded comes before, what is pointed to may be declared
 * forward), then written; anonymous types stand where they are used, padding is written out where C would not make it.
 */
import { BtfFile, sizeOf } from './btf-file.js'
import {
  type BtfComposite,
  type BtfEnum,
  type BtfFuncProto,
  type BtfId,
  type BtfInt,
  BtfKind,
  type BtfRef,
  type BtfSet,
  type BtfType,
  type BtfTypedef,
  type BtfTypeTag,
  typeFault,
} from './btf-types.js'
import { references } from './remap.js'

const NOT_YET = 0
const NOW = 1
const DONE = 2

/** Deeper nesting than any compiler makes; a bound against malformed input. */
const MAX_DEPTH = 2000

/** Bound on padding members in one dump, for structs that claim to be huge; the kernel's has some thousand. */
const MAX_PADS = 500_000

const TABS = Array.from({ length: 16 }, (_, level) => '\t'.repeat(level))
const indent = (level: number) => TABS[level] ?? '\t'.repeat(level)

/** Kinds of padding members, the biggest first. */
const PADS: readonly (readonly [string, number])[] = [
  ['long', 64],
  ['int', 32],
  ['short', 16],
  ['char', 8],
]

/** GCC's own names for Arm vector types, which other compilers do not know. */
const MISSING_BASE_TYPES: Readonly<Record<string, string>> = {
  __Poly8_t: 'unsigned char',
  __Poly16_t: 'unsigned short',
  __Poly64_t: 'unsigned long long',
  __Poly128_t: 'unsigned __int128',
}

/** Characters gathered before they become bytes. */
const GATHERED = 1 << 13

const utf8 = new TextDecoder()
const utf8Encoder = new TextEncoder()

const roundUp = (value: number, step: number) => Math.ceil(value / step) * step

/** Writes C for types of one BTF; a type is written once, however often it is asked for. */
export class CDump {
  private readonly order: Uint8Array
  private readonly emitted: Uint8Array
  private readonly forward: Uint8Array
  private readonly referenced: Uint8Array
  private readonly resolved: Uint8Array
  private readonly aligned: Uint8Array
  private readonly renamed = new Map<BtfId, string>()
  private readonly typeNames = new Map<string, number>()
  private readonly identNames = new Map<string, number>()
  private queue: BtfId[] = []
  private depth = 0
  private plain = false
  private pads = 0
  private buffer = new Uint8Array(1 << 16)
  private length = 0
  private pending = ''

  constructor(private readonly btf: BtfSet) {
    const { count } = btf
    this.order = new Uint8Array(count)
    this.emitted = new Uint8Array(count)
    this.forward = new Uint8Array(count)
    this.referenced = new Uint8Array(count)
    this.resolved = new Uint8Array(count)
    this.aligned = new Uint8Array(count)
    this.order[0] = DONE
    this.emitted[0] = DONE
    this.markReferenced()
  }

  /** Writes a type's definition, and before it all definitions that it needs. Throws a `FormatError` for types that no C can be. */
  add(id: BtfId): void {
    // Functions and variables are no types; a kernel has more of them than of all else.
    if (this.btf instanceof BtfFile && UNTYPED.has(this.btf.kindOf(id))) return
    this.queue = []
    this.depth = 0
    this.orderType(id, false)
    for (const next of this.queue) this.emitType(next, 0)
  }

  /** What was written since the last call. */
  take(): string {
    return utf8.decode(this.takeBytes())
  }

  /** The same as UTF-8, without a detour through strings. */
  takeBytes(): Uint8Array {
    this.flush()
    const bytes = this.buffer.slice(0, this.length)
    this.length = 0
    return bytes
  }

  /** Appends text. Pieces are gathered for a while: one by one they cost more as bytes, and megabytes of them more as a string. */
  put(text: string): void {
    this.pending += text
    if (this.pending.length > GATHERED) this.flush()
  }

  private flush(): void {
    const { pending } = this
    if (this.length + pending.length * 3 > this.buffer.length) {
      const bigger = new Uint8Array(Math.max(this.buffer.length * 2, this.length + pending.length * 3))
      bigger.set(this.buffer.subarray(0, this.length))
      this.buffer = bigger
    }
    this.length += utf8Encoder.encodeInto(pending, this.buffer.subarray(this.length)).written
    this.pending = ''
  }

  /**
   * A declaration of a name with that type, as in `int (*name)(void)`; anonymous types are written out, indented by `level`.
   * `plain` leaves const, volatile, restrict and type tags out, for those who write into the object.
   */
  declare(id: BtfId, name: string, level = 0, plain = false): string {
    this.flush()
    const start = this.length
    this.plain = plain
    this.declaration(id, name, level)
    this.plain = false
    this.flush()
    const text = utf8.decode(this.buffer.subarray(start, this.length))
    this.length = start
    return text
  }

  private enter(id: BtfId): void {
    if (++this.depth > MAX_DEPTH) throw typeFault(this.btf, id, 'F0204', `BTF type ${id} is nested more than ${MAX_DEPTH} deep`)
  }

  /** An anonymous enum that nothing refers to is a definition of its own; any other is written where it is used. */
  private markReferenced(): void {
    const { btf, referenced } = this
    const mark = (id: BtfId) => {
      if (id < referenced.length) referenced[id] = 1
    }
    for (let set: BtfSet | undefined = btf; set; set = set instanceof BtfFile ? set.base : undefined) {
      if (set instanceof BtfFile) set.eachReference(mark)
      else for (let id = 1; id < set.count; id++) references(set.type(id)).forEach(mark)
    }
  }

  /**
   * btf_dump_order_type: queues what must be defined. Gives true where the type must be complete ("strong"), false where a forward
   * declaration does.
   */
  private orderType(id: BtfId, throughPointer: boolean): boolean {
    const state = this.order[id]
    if (state === DONE) return true
    const type = this.btf.type(id)
    if (state === NOW) {
      if ((type.kind === BtfKind.Struct || type.kind === BtfKind.Union) && throughPointer && type.name !== '') return false
      throw typeFault(this.btf, id, 'F0204', `BTF type ${id} contains itself`)
    }
    this.enter(id)
    try {
      switch (type.kind) {
        case BtfKind.Int:
        case BtfKind.Float:
          this.order[id] = DONE
          return false
        case BtfKind.Ptr: {
          const strong = this.orderType(type.type, true)
          this.order[id] = DONE
          return strong
        }
        case BtfKind.Array:
          return this.orderType(type.type, false)
        case BtfKind.Struct:
        case BtfKind.Union:
          if (throughPointer && type.name !== '') return false
          this.order[id] = NOW
          for (const member of type.members) this.orderType(member.type, false)
          if (type.name !== '') this.queue.push(id)
          this.order[id] = DONE
          return true
        case BtfKind.Enum:
        case BtfKind.Enum64:
        case BtfKind.Fwd:
          if (type.name !== '' || this.referenced[id] === 0) this.queue.push(id)
          this.order[id] = DONE
          return true
        case BtfKind.Typedef: {
          const strong = this.orderType(type.type, throughPointer)
          if (throughPointer && !strong) return false
          this.queue.push(id)
          this.order[id] = DONE
          return true
        }
        case BtfKind.Volatile:
        case BtfKind.Const:
        case BtfKind.Restrict:
        case BtfKind.TypeTag:
          return this.orderType(type.type, throughPointer)
        case BtfKind.FuncProto: {
          let strong = this.orderType(type.type, throughPointer)
          for (const param of type.params) if (this.orderType(param.type, throughPointer)) strong = true
          return strong
        }
        default:
          this.order[id] = DONE
          return false
      }
    } finally {
      this.depth--
    }
  }

  /** btf_dump_emit_type; `container` is the definition that is being prepared, 0 at top level. */
  private emitType(id: BtfId, container: BtfId): void {
    if (this.emitted[id] === DONE) return
    const type = this.btf.type(id)
    if (this.emitted[id] === NOW) {
      this.emitInside(id, type, container)
      return
    }
    this.enter(id)
    switch (type.kind) {
      case BtfKind.Int: {
        const alias = MISSING_BASE_TYPES[type.name]
        if (alias) this.put(`typedef ${alias} ${type.name};\n\n`)
        this.emitted[id] = DONE
        break
      }
      case BtfKind.Enum:
      case BtfKind.Enum64:
        if (container === 0) {
          this.enumDefinition(id, type, 0)
          this.put(';\n\n')
        }
        this.emitted[id] = DONE
        break
      case BtfKind.Ptr:
      case BtfKind.Volatile:
      case BtfKind.Const:
      case BtfKind.Restrict:
      case BtfKind.TypeTag:
      case BtfKind.Array:
        this.emitType(type.type, container)
        break
      case BtfKind.Fwd:
        this.put(`${type.union ? 'union' : 'struct'} ${this.typeName(id, type)};\n\n`)
        this.emitted[id] = DONE
        break
      case BtfKind.Typedef:
        this.emitted[id] = NOW
        this.emitType(type.type, id)
        if (this.forward[id] === 0) this.typedefDefinition(id, type)
        this.emitted[id] = DONE
        break
      case BtfKind.Struct:
      case BtfKind.Union:
        this.emitted[id] = NOW
        if (container === 0 || type.name === '')
          for (const member of type.members) this.emitType(member.type, type.name === '' ? container : id)
        else if (this.forward[id] === 0 && id !== container) this.forwardDeclaration(id, type)
        if (container === 0) {
          this.compositeDefinition(id, type, 0)
          this.put(';\n\n')
          this.emitted[id] = DONE
        } else this.emitted[id] = NOT_YET
        break
      case BtfKind.FuncProto:
        this.emitType(type.type, container)
        for (const param of type.params) this.emitType(param.type, container)
        break
    }
    this.depth--
  }

  /** A type is referred to while it is being written: a forward declaration must do. */
  private emitInside(id: BtfId, type: BtfType, container: BtfId): void {
    if (this.forward[id] !== 0) return
    if (type.kind === BtfKind.Struct || type.kind === BtfKind.Union) {
      if (id !== container && type.name !== '') this.forwardDeclaration(id, type)
    } else if (type.kind === BtfKind.Typedef) {
      this.typedefDefinition(id, type)
      this.forward[id] = 1
    }
  }

  private forwardDeclaration(id: BtfId, type: BtfComposite): void {
    this.put(`${this.compositeHead(id, type)};\n\n`)
    this.forward[id] = 1
  }

  private typedefDefinition(id: BtfId, type: BtfTypedef): void {
    // Compilers have this one built in.
    if (type.name === '__builtin_va_list') return
    const name = this.identName(id, type)
    if (type.type === 0 && name === '__gnuc_va_list') this.put('typedef __builtin_va_list __gnuc_va_list')
    else {
      this.put('typedef ')
      this.declaration(type.type, name, 0)
    }
    this.put(';\n\n')
  }

  private compositeHead(id: BtfId, type: BtfComposite): string {
    const word = type.kind === BtfKind.Struct ? 'struct' : 'union'
    return type.name === '' ? word : `${word} ${this.typeName(id, type)}`
  }

  private compositeDefinition(id: BtfId, type: BtfComposite, level: number): void {
    this.enter(id)
    const isStruct = type.kind === BtfKind.Struct
    const packed = isStruct && this.isPacked(type)
    this.put(`${this.compositeHead(id, type)} {`)
    let offset = 0
    let afterBitfield = false
    for (const member of type.members) {
      const bits = member.bitSize
      this.padding(id, offset, member.bitOffset, packed ? 1 : this.alignOf(member.type), afterBitfield && bits !== 0, level + 1)
      this.put(`\n${indent(level + 1)}`)
      this.declaration(member.type, member.name, level + 1)
      if (bits !== 0) this.put(`: ${bits}`)
      this.put(';')
      afterBitfield = bits !== 0
      offset = member.bitOffset + (bits !== 0 ? bits : Math.max(0, sizeOf(this.btf, member.type)) * 8)
    }
    if (isStruct) this.padding(id, offset, type.size * 8, this.alignOf(id), false, level + 1)
    this.put(type.members.length > 0 || type.size > 0 ? `\n${indent(level)}}` : '}')
    if (packed) this.put(' __attribute__((packed))')
    this.depth--
  }

  /** btf_is_struct_packed: some member is off its natural place, or the size is. */
  private isPacked(type: BtfComposite): boolean {
    let most = 1
    for (const member of type.members) {
      const align = this.alignOf(member.type)
      if (align > 0 && member.bitSize === 0 && member.bitOffset % (8 * align) !== 0) return true
      most = Math.max(most, align)
    }
    return type.size % most !== 0
  }

  /** btf__align_of, remembered. */
  private alignOf(id: BtfId): number {
    const known = this.aligned[id]
    // 255: being worked on (a struct that contains itself), 254: has none.
    if (known === 255) return 0
    if (known) return known === 254 ? 0 : known
    this.aligned[id] = 255
    const align = this.alignOfType(this.btf.type(id))
    this.aligned[id] = align === 0 ? 254 : align
    return align
  }

  private alignOfType(type: BtfType): number {
    switch (type.kind) {
      case BtfKind.Int:
      case BtfKind.Enum:
      case BtfKind.Enum64:
      case BtfKind.Float:
        return Math.min(8, type.size)
      case BtfKind.Ptr:
        return 8
      case BtfKind.Array:
      case BtfKind.Typedef:
      case BtfKind.Volatile:
      case BtfKind.Const:
      case BtfKind.Restrict:
      case BtfKind.TypeTag:
        return this.alignOf(type.type)
      case BtfKind.Struct:
      case BtfKind.Union: {
        let most = 1
        for (const member of type.members) {
          const align = this.alignOf(member.type)
          if (align <= 0) return align
          most = Math.max(most, align)
          if (member.bitSize === 0 && member.bitOffset % (8 * align) !== 0) return 1
        }
        return type.size % most !== 0 ? 1 : most
      }
      default:
        return 0
    }
  }

  /** btf_dump_emit_bit_padding: members without name that fill a gap, all numbers in bits but `align` in bytes. */
  private padding(owner: BtfId, current: number, next: number, align: number, inBitfield: boolean, level: number): void {
    if (current >= next) return
    const pad = (name: string, bits: number) => {
      if (++this.pads > MAX_PADS)
        throw typeFault(this.btf, owner, 'F0204', `BTF structs with more than ${MAX_PADS} members' worth of gaps`)
      this.put(`\n${indent(level)}${name}: ${bits};`)
    }
    let [name, bits] = PADS[3]!
    let start = 0
    for ([name, bits] of PADS) {
      start = roundUp(current, bits)
      if (start <= next) break
    }
    if (start > current && start <= next) {
      // An explicit mark is needed where the next field alone would not bring the compiler to this place.
      if (
        inBitfield ||
        (start === next && roundUp(current, align * 8) !== start) ||
        (start !== next && next - start <= start - current)
      )
        pad(name, inBitfield ? start - current : 0)
      current = start
    }
    for (; next - current >= bits; current += bits) pad(name, bits)
    if (current === next) return
    const rest = next - current
    // The smallest type that holds what is left.
    for (let i = PADS.length - 1; i >= 0; i--)
      if (PADS[i]![1] >= rest) {
        pad(PADS[i]![0], rest)
        return
      }
  }

  private enumDefinition(id: BtfId, type: BtfEnum, level: number): void {
    this.put(type.name === '' ? 'enum' : `enum ${this.typeName(id, type)}`)
    if (type.values.length === 0) return
    const wide = type.kind === BtfKind.Enum64
    const suffix = wide ? (type.signed ? 'LL' : 'ULL') : ''
    this.put(' {')
    for (const { name, value } of type.values) {
      // Enumerators share their names with typedefs.
      const copies = this.count(this.identNames, name)
      this.put(`\n${indent(level + 1)}${copies > 1 ? `${name}___${copies}` : name} = ${value}${suffix},`)
    }
    this.put(`\n${indent(level)}}`)
    if (type.size === 1) this.put(' __attribute__((mode(byte)))')
    else if (type.size === 8 && (!wide || type.values.every(({ value }) => BigInt.asUintN(64, value) >> 32n === 0n)))
      this.put(' __attribute__((mode(word)))')
  }

  private count(names: Map<string, number>, name: string): number {
    const count = (names.get(name) ?? 0) + 1
    names.set(name, count)
    return count
  }

  /** Name of a struct, union or enum; the second of a name is `name___2`, a flavour for CO-RE. */
  private typeName(id: BtfId, type: BtfType): string {
    return this.uniqueName(id, type, this.typeNames)
  }

  private identName(id: BtfId, type: BtfType): string {
    return this.uniqueName(id, type, this.identNames)
  }

  private uniqueName(id: BtfId, type: BtfType, names: Map<string, number>): string {
    const name = 'name' in type ? type.name : ''
    if (name === '') return ''
    if (this.resolved[id] !== 0) return this.renamed.get(id) ?? name
    this.resolved[id] = 1
    if (type.kind === BtfKind.Fwd || (type.kind === BtfKind.Enum && type.values.length === 0)) return name
    const copies = this.count(names, name)
    if (copies === 1) return name
    const unique = `${name}___${copies}`
    this.renamed.set(id, unique)
    return unique
  }

  /** A declaration in C: from the inside out, the way BTF chains types is the reverse of how C writes them. */
  private declaration(id: BtfId, name: string, level: number): void {
    const chain: BtfId[] = []
    for (;;) {
      const type = this.btf.type(id)
      const skip = this.plain && (MODIFIERS[type.kind] !== undefined || type.kind === BtfKind.TypeTag)
      if (!skip) chain.push(id)
      if (!LINKS.has(type.kind)) break
      id = (type as BtfRef | BtfTypeTag | BtfFuncProto).type
      if (chain.length > MAX_DEPTH) throw typeFault(this.btf, id, 'F0204', `BTF type ${id} is nested more than ${MAX_DEPTH} deep`)
    }
    this.chain(chain, name, level)
  }

  /** Modifiers of a type that is no pointer stand before it. */
  private modifiers(chain: BtfId[]): void {
    for (;;) {
      const word = MODIFIERS[this.btf.type(chain[chain.length - 1] ?? 0).kind]
      if (word === undefined) return
      this.put(`${word} `)
      chain.pop()
    }
  }

  private dropModifiers(chain: BtfId[]): void {
    for (;;) {
      const { kind } = this.btf.type(chain[chain.length - 1] ?? 0)
      if (MODIFIERS[kind] === undefined && kind !== BtfKind.TypeTag) return
      chain.pop()
    }
  }

  /** btf_dump_emit_type_chain. */
  private chain(chain: BtfId[], name: string, level: number): void {
    let afterPointer = true
    while (chain.length > 0) {
      const id = chain.pop()!
      const type = this.btf.type(id)
      switch (type.kind) {
        case BtfKind.Void:
          this.modifiers(chain)
          this.put('void')
          break
        case BtfKind.Int:
        case BtfKind.Float:
          this.modifiers(chain)
          this.put((type as BtfInt).name)
          break
        case BtfKind.Struct:
        case BtfKind.Union:
          this.modifiers(chain)
          if (type.name === '') this.compositeDefinition(id, type, level)
          else this.put(this.compositeHead(id, type))
          break
        case BtfKind.Enum:
        case BtfKind.Enum64:
          this.modifiers(chain)
          if (type.name === '') this.enumDefinition(id, type, level)
          else this.put(`enum ${this.typeName(id, type)}`)
          break
        case BtfKind.Fwd:
          this.modifiers(chain)
          this.put(`${type.union ? 'union' : 'struct'} ${this.typeName(id, type)}`)
          break
        case BtfKind.Typedef:
          this.modifiers(chain)
          this.put(this.identName(id, type))
          break
        case BtfKind.Ptr:
          this.put(afterPointer ? '*' : ' *')
          break
        case BtfKind.Volatile:
        case BtfKind.Const:
        case BtfKind.Restrict:
          this.put(` ${MODIFIERS[type.kind]}`)
          break
        case BtfKind.TypeTag:
          this.modifiers(chain)
          this.put(` __attribute__((btf_type_tag("${type.name}")))`)
          break
        case BtfKind.Array: {
          this.dropModifiers(chain)
          if (chain.length === 0) this.nameAfter(name, afterPointer)
          else {
            const several = this.btf.type(chain[chain.length - 1]!).kind === BtfKind.Array
            if (name !== '' && !afterPointer) this.put(' ')
            if (!several) this.put('(')
            this.chain(chain, name, level)
            if (!several) this.put(')')
          }
          this.put(`[${type.nelems}]`)
          return
        }
        case BtfKind.FuncProto:
          this.dropModifiers(chain)
          if (chain.length > 0) {
            this.put(' (')
            this.chain(chain, name, level)
            this.put(')')
          } else this.nameAfter(name, afterPointer)
          this.params(type, level)
          return
        default:
          throw typeFault(this.btf, id, 'F0204', `BTF type ${id} of kind ${type.kind} has no place in a declaration`)
      }
      afterPointer = type.kind === BtfKind.Ptr
    }
    this.nameAfter(name, afterPointer)
  }

  private nameAfter(name: string, afterPointer: boolean): void {
    this.put(name !== '' && !afterPointer ? ` ${name}` : name)
  }

  private params({ params }: BtfFuncProto, level: number): void {
    if (params.length === 0 || (params.length === 1 && params[0]!.type === 0)) {
      this.put('(void)')
      return
    }
    this.put('(')
    params.forEach(({ name, type }, i) => {
      if (i > 0) this.put(', ')
      if (i === params.length - 1 && type === 0) this.put('...')
      else this.declaration(type, name, level)
    })
    this.put(')')
  }
}

/** Kinds that a declaration goes through to reach the type it is about. */
const LINKS: ReadonlySet<number> = new Set([
  BtfKind.Ptr,
  BtfKind.Volatile,
  BtfKind.Const,
  BtfKind.Restrict,
  BtfKind.FuncProto,
  BtfKind.TypeTag,
  BtfKind.Array,
])

/** Kinds that C has no type definition for. */
const UNTYPED: ReadonlySet<number> = new Set([BtfKind.Func, BtfKind.Var, BtfKind.Datasec, BtfKind.DeclTag])

const MODIFIERS: Readonly<Record<number, string>> = {
  [BtfKind.Volatile]: 'volatile',
  [BtfKind.Const]: 'const',
  [BtfKind.Restrict]: 'restrict',
}

export interface CDumpOptions {
  /** Types to write, with all they need; all of them if left out. */
  readonly ids?: readonly BtfId[]
  /** First type to write if no ids are given: a split BTF's own types start after its base's. */
  readonly from?: BtfId
  /** Declares the kernel's kfuncs (functions with declaration tag `bpf_kfunc`) too, as bpftool does since 7.5. */
  readonly kfuncs?: boolean
}

const HEAD = `#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#endif

`

const TAIL = `#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif
`

const END = '\n#endif /* __VMLINUX_H__ */\n'

/** A whole header, with include guard and the pragma that makes accesses relocatable. */
export function btfToC(btf: BtfSet, options: CDumpOptions = {}): string {
  return utf8.decode(btfToCBytes(btf, options))
}

/** The same header as UTF-8, for those who go on with bytes. */
export function btfToCBytes(btf: BtfSet, options: CDumpOptions = {}): Uint8Array {
  const dump = new CDump(btf)
  dump.put(HEAD)
  if (options.ids) for (const id of options.ids) dump.add(id)
  else for (let id = options.from ?? 1; id < btf.count; id++) dump.add(id)
  dump.put(TAIL)
  if (options.kfuncs) dump.put(kfuncDeclarations(btf, dump))
  dump.put(END)
  return dump.takeBytes()
}

/** Declarations of all kfuncs, weak, as a program uses them. */
function kfuncDeclarations(btf: BtfSet, dump: CDump): string {
  const seen = new Set<string>()
  let text = ''
  for (const id of btf.byName('bpf_kfunc')) {
    const tag = btf.type(id)
    const func = tag.kind === BtfKind.DeclTag ? btf.type(tag.type) : undefined
    if (func?.kind !== BtfKind.Func || seen.has(func.name)) continue
    seen.add(func.name)
    text += `extern ${dump.declare(func.type, func.name)} __weak __ksym;\n`
  }
  if (text === '') return ''
  return `
#ifndef BPF_NO_KFUNC_PROTOTYPES
#ifndef __ksym
#define __ksym __attribute__((section(".ksyms")))
#endif
#ifndef __weak
#define __weak __attribute__((weak))
#endif

${text}#endif
`
}
