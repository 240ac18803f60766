/**
 * Types of a BTF as C definitions and declarations, from bytes to bytes (libbpf 1.5, btf_dump.c). Anonymous types stand where they are used, padding
 * is written out where C would not make it.
 */
import { TextBytes } from '../../base/text-bytes.js'
import { asBtfFile } from './btf-builder.js'
import type { BtfFile } from './btf-file.js'
import { type BtfId, BtfKind, type BtfSet, typeFault } from './btf-types.js'
import { bitOffsetOf, bitSizeOf, CLayouts, MAX_DEPTH, MEMBER_BYTES, tooDeep } from './c-layouts.js'
import { CNames } from './c-names.js'
import { DefinitionOrder } from './c-order.js'
import { TypeColumns } from './type-columns.js'

/** Words of a type. */
const INFO = 1
const NELEMS = 5

const PARAM_BYTES = 8

const NOT_YET = 0
const NOW = 1
const DONE = 2

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

const utf8 = new TextDecoder()

const roundUp = (value: number, step: number) => Math.ceil(value / step) * step

/** Text, or the offset of a string among the BTF's. */
type Name = string | number

const isNameless = (name: Name) => name === '' || name === 0

/** Writes C for types of one BTF, from bytes to bytes: a kernel has 150,000 of them. A type is written once, however often it is asked for. */
export class CDump {
  private readonly emitted: Uint8Array
  private readonly forward: Uint8Array
  /** `struct sock *` of types that stand before the name of what they declare; null for others. */
  private readonly prefixes: (string | null | undefined)[]
  private readonly columns: TypeColumns
  private readonly order: DefinitionOrder
  private readonly layouts: CLayouts
  private readonly names: CNames
  private depth = 0
  private plain = false
  private pads = 0
  private out: TextBytes
  private readonly view: BtfFile

  constructor(private readonly btf: BtfSet) {
    const { count } = btf
    this.view = asBtfFile(btf)
    // The kernel's is half as long as its BTF.
    this.out = new TextBytes(this.view.bytes.length)
    this.columns = new TypeColumns(this.view)
    this.order = new DefinitionOrder(this.view, this.columns)
    this.layouts = new CLayouts(this.view, this.columns)
    this.names = new CNames(this.view, this.columns)
    this.emitted = new Uint8Array(count)
    this.forward = new Uint8Array(count)
    this.prefixes = new Array<string | null | undefined>(count)
    this.emitted[0] = DONE
  }

  /** Writes a type's definition, and before it all definitions that it needs. Throws a `FormatError` for types that no C can be. */
  add(id: BtfId): void {
    this.depth = 0
    for (const next of this.order.of(id)) this.emitType(next, 0)
  }

  /** What was written since the last call. */
  take(): string {
    return utf8.decode(this.takeBytes())
  }

  /** The same as UTF-8, without a detour through strings. */
  takeBytes(): Uint8Array {
    const bytes = this.out.finish()
    this.out = new TextBytes()
    return bytes
  }

  /** Appends text: most of it is short and ASCII, for which a loop is faster than an encoder and strings are not joined. */
  put(text: string): void {
    const count = text.length
    const { out } = this
    const buffer = out.room(count * 3)
    let at = out.end
    for (let i = 0; i < count; i++) {
      const code = text.charCodeAt(i)
      if (code > 127) {
        out.text(text)
        return
      }
      buffer[at++] = code
    }
    out.advance(at)
  }

  private putName(name: Name): void {
    if (typeof name === 'string') this.put(name)
    else this.view.putString(name, this.out)
  }

  /**
   * A declaration of a name with that type, as in `int (*name)(void)`; anonymous types are written out, indented by `level`.
   * `plain` leaves const, volatile, restrict and type tags out, for those who write into the object.
   */
  declare(id: BtfId, name: string, level = 0, plain = false): string {
    const start = this.out.end
    this.plain = plain
    this.declaration(id, name, level)
    this.plain = false
    const text = utf8.decode(this.out.finish().subarray(start))
    this.out.advance(start)
    return text
  }

  /** Throws for a type that is not there. */
  private kindOf(id: BtfId): number {
    return this.columns.kinds[id] ?? this.view.kindOf(id)
  }

  private isNamed(id: BtfId): boolean {
    return this.columns.names[id] !== 0
  }

  private enter(id: BtfId): void {
    if (++this.depth > MAX_DEPTH) throw tooDeep(this.view, id)
  }

  /** btf_dump_emit_type; `container` is the definition that is being prepared, 0 at top level. */
  private emitType(id: BtfId, container: BtfId): void {
    if (this.emitted[id] === DONE) return
    const { view } = this
    const kind = this.kindOf(id)
    if (this.emitted[id] === NOW) {
      this.emitInside(id, kind, container)
      return
    }
    this.enter(id)
    switch (kind) {
      case BtfKind.Int: {
        const name = view.nameOf(id)
        const alias = MISSING_BASE_TYPES[name]
        if (alias) this.put(`typedef ${alias} ${name};\n\n`)
        this.emitted[id] = DONE
        break
      }
      case BtfKind.Enum:
      case BtfKind.Enum64:
        if (container === 0) {
          this.enumDefinition(id, 0)
          this.put(';\n\n')
        }
        this.emitted[id] = DONE
        break
      case BtfKind.Ptr:
      case BtfKind.Volatile:
      case BtfKind.Const:
      case BtfKind.Restrict:
      case BtfKind.TypeTag:
      case BtfKind.Array: {
        const target = this.columns.targets[id]!
        this.emitType(target, container)
        // There is nothing more to do for it when there is not for what it refers to.
        if (this.emitted[target] === DONE) this.emitted[id] = DONE
        break
      }
      case BtfKind.Fwd: {
        this.put(`${this.forwardHead(id)};\n\n`)
        this.emitted[id] = DONE
        break
      }
      case BtfKind.Typedef:
        this.emitted[id] = NOW
        this.emitType(this.columns.targets[id]!, id)
        if (this.forward[id] === 0) this.typedefDefinition(id)
        this.emitted[id] = DONE
        break
      case BtfKind.Struct:
      case BtfKind.Union: {
        const named = this.isNamed(id)
        this.emitted[id] = NOW
        if (container === 0 || !named) this.emitReferences(id, named ? id : container)
        else if (this.forward[id] === 0 && id !== container) this.forwardDeclaration(id)
        if (container === 0) {
          this.compositeDefinition(id, 0)
          this.put(';\n\n')
          this.emitted[id] = DONE
        } else this.emitted[id] = NOT_YET
        break
      }
      case BtfKind.FuncProto:
        this.emitReferences(id, container)
        break
    }
    this.depth--
  }

  private emitReferences(id: BtfId, container: BtfId): void {
    const count = this.view.referenceCount(id)
    for (let i = 0; i < count; i++) this.emitType(this.view.referenceOf(id, i), container)
  }

  /** A type is referred to while it is being written: a forward declaration must do. */
  private emitInside(id: BtfId, kind: number, container: BtfId): void {
    if (this.forward[id] !== 0) return
    if (kind === BtfKind.Struct || kind === BtfKind.Union) {
      if (id !== container && this.isNamed(id)) this.forwardDeclaration(id)
    } else if (kind === BtfKind.Typedef) {
      this.typedefDefinition(id)
      this.forward[id] = 1
    }
  }

  private forwardDeclaration(id: BtfId): void {
    this.put(`${this.compositeHead(id)};\n\n`)
    this.forward[id] = 1
  }

  private typedefDefinition(id: BtfId): void {
    // Compilers have this one built in.
    if (this.view.nameOf(id) === '__builtin_va_list') return
    const target = this.columns.targets[id]!
    const name = this.names.typedef(id)
    if (target === 0 && name === '__gnuc_va_list') this.put('typedef __builtin_va_list __gnuc_va_list')
    else {
      this.put('typedef ')
      this.declaration(target, name, 0)
    }
    this.put(';\n\n')
  }

  private compositeHead(id: BtfId): string {
    const word = this.kindOf(id) === BtfKind.Struct ? 'struct' : 'union'
    return this.isNamed(id) ? `${word} ${this.names.tag(id)}` : word
  }

  private forwardHead(id: BtfId): string {
    return `${this.view.wordOf(id, INFO) >>> 31 === 1 ? 'union' : 'struct'} ${this.names.tag(id)}`
  }

  private compositeDefinition(id: BtfId, level: number): void {
    this.enter(id)
    const file = this.view.holderOf(id)
    const place = file.placeOf(id)
    const info = file.u32At(place + 4)
    const size = file.u32At(place + 8)
    const count = info & 0xffff
    const isStruct = this.kindOf(id) === BtfKind.Struct
    const packed = isStruct && this.layouts.isPacked(id)
    this.put(this.compositeHead(id))
    this.put(' {')
    let offset = 0
    let afterBitfield = false
    const start = `\n${indent(level + 1)}`
    for (let i = 0, at = place + 12; i < count; i++, at += MEMBER_BYTES) {
      const type = file.u32At(at + 4)
      const where = file.u32At(at + 8)
      const bits = bitSizeOf(info, where)
      const next = bitOffsetOf(info, where)
      if (offset < next)
        this.padding(id, offset, next, packed ? 1 : this.layouts.alignOf(type), afterBitfield && bits !== 0, level + 1)
      this.put(start)
      this.declaration(type, file.u32At(at), level + 1)
      if (bits !== 0) {
        this.put(': ')
        this.out.number(bits)
      }
      this.put(';')
      afterBitfield = bits !== 0
      offset = next + (bits !== 0 ? bits : Math.max(0, this.layouts.sizeOf(type)) * 8)
    }
    if (isStruct) this.padding(id, offset, size * 8, this.layouts.alignOf(id), false, level + 1)
    this.put(count > 0 || size > 0 ? `\n${indent(level)}}` : '}')
    if (packed) this.put(' __attribute__((packed))')
    this.depth--
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

  private enumDefinition(id: BtfId, level: number): void {
    const { out, view } = this
    this.put(this.enumHead(id))
    const file = view.holderOf(id)
    const place = file.placeOf(id)
    const info = file.u32At(place + 4)
    const count = info & 0xffff
    if (count === 0) return
    const signed = info >>> 31 === 1
    const wide = this.kindOf(id) === BtfKind.Enum64
    const ending = wide ? (signed ? 'LL,' : 'ULL,') : ','
    this.put(' {')
    const start = `\n${indent(level + 1)}`
    let fits = true
    for (let i = 0, at = place + 12; i < count; i++, at += wide ? 12 : 8) {
      const name = file.u32At(at)
      // Enumerators share their names with typedefs.
      const copies = this.names.enumerator(name)
      this.put(start)
      view.putString(name, out)
      this.put(copies > 1 ? `___${copies} = ` : ' = ')
      const low = file.u32At(at + 4)
      const high = wide ? file.u32At(at + 8) : 0
      if (high !== 0) fits = false
      if (wide) out.number64(low, high, signed)
      else out.number(signed ? low | 0 : low)
      this.put(ending)
    }
    this.put(`\n${indent(level)}}`)
    const size = file.u32At(place + 8)
    if (size === 1) this.put(' __attribute__((mode(byte)))')
    else if (size === 8 && fits) this.put(' __attribute__((mode(word)))')
  }

  private enumHead(id: BtfId): string {
    return this.isNamed(id) ? `enum ${this.names.tag(id)}` : 'enum'
  }

  /** Writes a declaration whose type stands before the name, but for the length of an array; false where it does not. */
  private putSimple(id: BtfId, name: Name): boolean {
    const prefix = this.prefix(id)
    if (prefix !== undefined) {
      this.putNamed(prefix, name)
      return true
    }
    if (this.kindOf(id) !== BtfKind.Array) return false
    const element = this.prefix(this.columns.targets[id]!)
    if (element === undefined) return false
    this.putNamed(element, name)
    this.length(id)
    return true
  }

  private putNamed(prefix: string, name: Name): void {
    this.put(prefix)
    if (!isNameless(name) && !endsWithPointer(prefix)) this.put(' ')
    this.putName(name)
  }

  /** The length of an array, in brackets. */
  private length(id: BtfId): void {
    this.put('[')
    this.out.number(this.view.wordOf(id, NELEMS))
    this.put(']')
  }

  /** What `chain` writes for types without arrays, functions, anonymous types and tags, remembered. */
  private prefix(id: BtfId): string | undefined {
    const known = this.prefixes[id]
    if (known !== undefined) return known ?? undefined
    const made = this.makePrefix(id)
    this.prefixes[id] = made ?? null
    return made
  }

  private makePrefix(id: BtfId): string | undefined {
    const { view } = this
    const kind = this.kindOf(id)
    switch (kind) {
      case BtfKind.Void:
        return 'void'
      case BtfKind.Int:
      case BtfKind.Float:
        return view.nameOf(id)
      case BtfKind.Struct:
      case BtfKind.Union:
        return this.isNamed(id) ? this.compositeHead(id) : undefined
      case BtfKind.Enum:
      case BtfKind.Enum64:
        return this.isNamed(id) ? this.enumHead(id) : undefined
      case BtfKind.Typedef:
        return this.names.typedef(id)
      case BtfKind.Ptr:
      case BtfKind.Const:
      case BtfKind.Volatile:
      case BtfKind.Restrict: {
        this.enter(id)
        const below = this.columns.targets[id]!
        const target = this.prefix(below)
        this.depth--
        if (target === undefined) return undefined
        const kindBelow = this.kindOf(below)
        if (kind === BtfKind.Ptr) return endsWithPointer(target) ? `${target}*` : `${target} *`
        if (kindBelow === BtfKind.Ptr) return `${target} ${MODIFIERS[kind]}`
        return MODIFIERS[kindBelow] === undefined ? `${MODIFIERS[kind]} ${target}` : undefined
      }
      default:
        return undefined
    }
  }

  /** A declaration in C: from the inside out, the way BTF chains types is the reverse of how C writes them. */
  private declaration(id: BtfId, name: Name, level: number): void {
    if (!this.plain && this.putSimple(id, name)) return
    const chain: BtfId[] = []
    for (;;) {
      const kind = this.kindOf(id)
      const skip = this.plain && (MODIFIERS[kind] !== undefined || kind === BtfKind.TypeTag)
      if (!skip) chain.push(id)
      if (!LINKS.has(kind)) break
      id = this.columns.targets[id]!
      if (chain.length > MAX_DEPTH) throw tooDeep(this.view, id)
    }
    this.chain(chain, name, level)
  }

  /** Modifiers of a type that is no pointer stand before it. */
  private modifiers(chain: BtfId[]): void {
    for (;;) {
      const word = MODIFIERS[this.kindOf(chain[chain.length - 1] ?? 0)]
      if (word === undefined) return
      this.put(`${word} `)
      chain.pop()
    }
  }

  private dropModifiers(chain: BtfId[]): void {
    for (;;) {
      const kind = this.kindOf(chain[chain.length - 1] ?? 0)
      if (MODIFIERS[kind] === undefined && kind !== BtfKind.TypeTag) return
      chain.pop()
    }
  }

  /** btf_dump_emit_type_chain. */
  private chain(chain: BtfId[], name: Name, level: number): void {
    const { view } = this
    let afterPointer = true
    while (chain.length > 0) {
      const id = chain.pop()!
      const kind = this.kindOf(id)
      switch (kind) {
        case BtfKind.Void:
          this.modifiers(chain)
          this.put('void')
          break
        case BtfKind.Int:
        case BtfKind.Float:
          this.modifiers(chain)
          this.put(view.nameOf(id))
          break
        case BtfKind.Struct:
        case BtfKind.Union:
          this.modifiers(chain)
          if (this.isNamed(id)) this.put(this.compositeHead(id))
          else this.compositeDefinition(id, level)
          break
        case BtfKind.Enum:
        case BtfKind.Enum64:
          this.modifiers(chain)
          if (this.isNamed(id)) this.put(this.enumHead(id))
          else this.enumDefinition(id, level)
          break
        case BtfKind.Fwd:
          this.modifiers(chain)
          this.put(this.forwardHead(id))
          break
        case BtfKind.Typedef:
          this.modifiers(chain)
          this.put(this.names.typedef(id))
          break
        case BtfKind.Ptr:
          this.put(afterPointer ? '*' : ' *')
          break
        case BtfKind.Volatile:
        case BtfKind.Const:
        case BtfKind.Restrict:
          this.put(` ${MODIFIERS[kind]}`)
          break
        case BtfKind.TypeTag:
          this.modifiers(chain)
          this.put(` __attribute__((btf_type_tag("${view.nameOf(id)}")))`)
          break
        case BtfKind.Array: {
          this.dropModifiers(chain)
          if (chain.length === 0) this.nameAfter(name, afterPointer)
          else {
            const several = this.kindOf(chain[chain.length - 1]!) === BtfKind.Array
            if (!isNameless(name) && !afterPointer) this.put(' ')
            if (!several) this.put('(')
            this.chain(chain, name, level)
            if (!several) this.put(')')
          }
          this.length(id)
          return
        }
        case BtfKind.FuncProto:
          this.dropModifiers(chain)
          if (chain.length > 0) {
            this.put(' (')
            this.chain(chain, name, level)
            this.put(')')
          } else this.nameAfter(name, afterPointer)
          this.params(id, level)
          return
        default:
          throw typeFault(this.btf, id, 'F0204', `BTF type ${id} of kind ${kind} has no place in a declaration`)
      }
      afterPointer = kind === BtfKind.Ptr
    }
    this.nameAfter(name, afterPointer)
  }

  private nameAfter(name: Name, afterPointer: boolean): void {
    if (!isNameless(name) && !afterPointer) this.put(' ')
    this.putName(name)
  }

  private params(id: BtfId, level: number): void {
    const file = this.view.holderOf(id)
    const place = file.placeOf(id)
    const count = file.u32At(place + 4) & 0xffff
    if (count === 0 || (count === 1 && file.u32At(place + 16) === 0)) {
      this.put('(void)')
      return
    }
    this.put('(')
    for (let i = 0, at = place + 12; i < count; i++, at += PARAM_BYTES) {
      const type = file.u32At(at + 4)
      if (i > 0) this.put(', ')
      if (i === count - 1 && type === 0) this.put('...')
      else this.declaration(type, file.u32At(at), level)
    }
    this.put(')')
  }
}

const endsWithPointer = (prefix: string): boolean => prefix.charCodeAt(prefix.length - 1) === 42

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

const MODIFIERS: Readonly<Record<number, string>> = {
  [BtfKind.Volatile]: 'volatile',
  [BtfKind.Const]: 'const',
  [BtfKind.Restrict]: 'restrict',
}
