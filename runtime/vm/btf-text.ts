/**
 * Data of the VM's memory as text, by BTF: what bpf_snprintf_btf and bpf_seq_printf_btf write (btf_type_show of kernel/bpf/btf.c, 6.12).
 * Zero values are left out unless asked for, structs have a line a member unless compact. Pointers are always shown as they are.
 */
import { BtfKind, type BtfComposite, type BtfId, type BtfSet } from '../../linker/btf/btf-types.js'
import { sizeOf, skipModifiers } from '../../linker/btf/btf-file.js'
import type { VmMemory } from './memory.js'

export const BTF_F_COMPACT = 1
export const BTF_F_NONAME = 2
export const BTF_F_PTR_RAW = 4
export const BTF_F_ZERO = 8

/** Types nested deeper than this are left out. */
const MAX_DEPTH = 32

export function btfText(memory: VmMemory, btf: BtfSet, id: BtfId, address: number, flags: number): string {
  const text = new BtfText(memory, btf, flags)
  text.show(id, address)
  return text.out
}

/** Walks a value the way btf_type_show does, with the same state, so that nested arrays come out as the kernel writes them. */
class BtfText {
  out = ''
  private depth = 0
  /** The member being shown, and whether an element of an array is: elements have no names. */
  private member: { readonly name: string; readonly type: BtfId } | undefined
  private arrayMember = false
  private isText = false
  private ended = false

  constructor(
    private readonly memory: VmMemory,
    private readonly btf: BtfSet,
    private readonly flags: number,
  ) {}

  private has(flag: number): boolean {
    return (this.flags & flag) !== 0
  }

  private get indent(): string {
    return this.has(BTF_F_COMPACT) ? '' : '\t'.repeat(this.depth)
  }

  private get newline(): string {
    return this.has(BTF_F_COMPACT) ? '' : '\n'
  }

  private get delimiter(): string {
    return this.depth === 0 ? '' : ','
  }

  private isZero(address: number, size: number): boolean {
    for (let at = address; at < address + size; at++) if (this.memory.bytes[at] !== 0) return false
    return true
  }

  /** btf_show_name: `.member = (type)` and the opening bracket. */
  private name(id: BtfId): string {
    if (this.arrayMember) return ''
    let at = this.member ? this.member.type : id
    let name: string | undefined
    let pointers = ''
    let arrays = ''
    let alias = false
    for (let type = this.btf.type(at); at !== 0; type = this.btf.type(at)) {
      if (type.kind === BtfKind.Typedef) {
        name ??= type.name
        alias = true
        at = type.type
      } else if (type.kind === BtfKind.Array) {
        arrays += '[]'
        at = type.type
      } else if (type.kind === BtfKind.Ptr) {
        pointers += '*'
        at = type.type
      } else if (
        type.kind === BtfKind.Const ||
        type.kind === BtfKind.Volatile ||
        type.kind === BtfKind.Restrict ||
        type.kind === BtfKind.TypeTag
      )
        at = type.type
      else break
    }
    const last = at === 0 ? undefined : this.btf.type(at)
    const isFwd = last?.kind === BtfKind.Fwd
    const isUnion = last?.kind === BtfKind.Union || (isFwd && last.union)
    const isStruct = last?.kind === BtfKind.Struct || isUnion || isFwd
    const open = pointers ? '' : arrays ? '[' : isStruct ? '{' : ''
    if (this.has(BTF_F_NONAME)) return open
    name ??= last && 'name' in last ? last.name : at === 0 ? 'void' : ''
    const isEnum = last?.kind === BtfKind.Enum || last?.kind === BtfKind.Enum64
    const prefix = alias ? '' : isUnion ? 'union' : isStruct ? 'struct' : isEnum ? 'enum' : ''
    const label = this.member && this.member.name !== '' ? `.${this.member.name} = ` : ''
    return `${label}(${prefix}${prefix && name ? ' ' : ''}${name}${pointers && ' '}${pointers}${arrays})${open}`
  }

  /** btf_show_type_value: a scalar; zero is shown at the top, or when asked for. */
  private put(id: BtfId, text: string, zero: boolean): void {
    if (zero && !this.has(BTF_F_ZERO) && this.depth > 0) return
    this.out += `${this.indent}${this.name(id)}${text}${this.delimiter}${this.newline}`
  }

  show(id: BtfId, address: number): void {
    const { id: plain, type } = skipModifiers(this.btf, id)
    if (this.depth > MAX_DEPTH) return
    if (type.kind === BtfKind.Struct || type.kind === BtfKind.Union || type.kind === BtfKind.Array) {
      if (this.depth > 0 && !this.has(BTF_F_ZERO) && this.isZero(address, sizeOf(this.btf, plain))) return
      this.out += `${this.indent}${this.name(id)}${this.newline}`
      this.depth++
      if (type.kind === BtfKind.Array) this.elements(type, address)
      else this.fields(type, address)
      this.depth--
      this.out += `${this.indent}${type.kind === BtfKind.Array ? ']' : '}'}${this.delimiter}${this.newline}`
    } else this.scalar(id, plain, address)
  }

  private fields(type: BtfComposite, address: number): void {
    for (const member of type.members) {
      this.member = member
      if (member.bitSize > 0) {
        const bits = this.bits(address * 8 + member.bitOffset, member.bitSize)
        this.put(member.type, `0x${bits.toString(16)}`, bits === 0n)
      } else this.show(member.type, address + member.bitOffset / 8)
      this.member = undefined
    }
  }

  private elements({ type: element, nelems }: { readonly type: BtfId; readonly nelems: number }, address: number): void {
    const each = sizeOf(this.btf, element)
    this.isText = skipModifiers(this.btf, element).type.kind === BtfKind.Int && each === 1
    this.ended = false
    for (let index = 0; index < nelems; index++) {
      this.arrayMember = true
      this.member = undefined
      this.show(element, address + index * each)
      this.arrayMember = false
      if (this.ended) break
    }
    this.isText = this.ended = false
  }

  private bits(bit: number, width: number): bigint {
    let value = 0n
    for (let i = width - 1; i >= 0; i--)
      value = (value << 1n) | BigInt((this.memory.bytes[(bit + i) >> 3]! >> ((bit + i) & 7)) & 1)
    return value
  }

  private scalar(id: BtfId, plain: BtfId, address: number): void {
    const type = this.btf.type(plain)
    switch (type.kind) {
      case BtfKind.Ptr: {
        const pointer = this.memory.view.getBigUint64(address, true)
        this.put(id, `0x${pointer.toString(16).padStart(16, '0')}`, pointer === 0n)
        return
      }
      case BtfKind.Int: {
        const value = this.integer(address, type.size, type.signed)
        if (this.isText && type.size === 1) {
          if (this.ended || value === 0n) {
            this.ended = true
            return
          }
          const code = Number(BigInt.asUintN(8, value))
          this.put(id, code >= 0x20 && code < 0x7f ? `'${String.fromCharCode(code)}'` : String(value), false)
        } else if (type.size > 8) this.put(id, `0x${BigInt.asUintN(128, value).toString(16)}`, value === 0n)
        else this.put(id, String(value), value === 0n)
        return
      }
      case BtfKind.Enum:
      case BtfKind.Enum64: {
        const value = this.integer(address, type.size, type.signed)
        const named = type.values.find(each => BigInt(each.value) === value)?.name
        this.put(id, named ?? String(value), named === undefined && value === 0n)
        return
      }
      default:
        this.put(id, '<unsupported kind>', false)
    }
  }

  private integer(address: number, size: number, signed: boolean): bigint {
    let value = 0n
    for (let at = address + size - 1; at >= address; at--) value = (value << 8n) | BigInt(this.memory.bytes[at]!)
    return signed ? BigInt.asIntN(size * 8, value) : value
  }
}
