/**
 * Kernel objects in the VM's memory, laid out by a kernel's BTF and filled from a fixture: a `task_struct`, a `sock`, a tracepoint's
 * record. Pointers in a fixture are objects again (fixtures, strings, bytes), so CO-RE reads and bpf_probe_read_* find what the test put.
 */
import { type BtfComposite, BtfKind, type BtfId, type BtfMember, type BtfSet } from '../../linker/btf/btf-types.js'
import { sizeOf, skipModifiers } from '../../linker/btf/btf-file.js'
import type { Machine } from './machine.js'
import { writeNumber } from './programs/table.js'

/** A value for a field: a number, text (for char arrays and pointers to char), bytes, a nested struct, or an array of them. */
export type FixtureValue =
  | number
  | bigint
  | boolean
  | string
  | Uint8Array
  | readonly FixtureValue[]
  | { readonly [field: string]: FixtureValue }
  | Fixture

/** An object of a struct or union of the kernel's BTF, by name. Fields left out are zero. */
export interface Fixture {
  readonly struct: string
  readonly fields?: { readonly [field: string]: FixtureValue }
  /** Bytes that follow the struct, at these offsets: dynamic parts of tracepoint records (`__data_loc`), flexible arrays. */
  readonly tail?: readonly { readonly offset: number; readonly bytes: Uint8Array | string }[]
}

const encoder = new TextEncoder()

const isFixture = (value: unknown): value is Fixture =>
  typeof value === 'object' && value !== null && 'struct' in value && typeof (value as Fixture).struct === 'string'

export class KernelObjects {
  /** Objects built already, so that two pointers to one fixture are equal. */
  private readonly built = new Map<object, number>()

  constructor(
    private readonly m: Machine,
    private readonly btf: BtfSet | undefined,
  ) {}

  private types(): BtfSet {
    if (!this.btf) throw new RangeError("kernel objects need a kernel's BTF: prepare the object with `kernelBtf`")
    return this.btf
  }

  /** The id of a struct or union by name. */
  structId(name: string): BtfId {
    const btf = this.types()
    const id = btf.byName(name).find(each => {
      const { kind } = btf.type(each)
      return kind === BtfKind.Struct || kind === BtfKind.Union
    })
    if (id === undefined) throw new RangeError(`the kernel's BTF has no struct ${name}`)
    return id
  }

  /** Whether the kernel's BTF has a struct of this name. */
  has(struct: string): boolean {
    return this.btf?.byName(struct).some(id => this.btf!.type(id).kind === BtfKind.Struct) ?? false
  }

  /** Builds an object and returns its address. The same fixture is built once. */
  build(fixture: Fixture): number {
    const known = this.built.get(fixture)
    if (known !== undefined) return known
    const id = this.structId(fixture.struct)
    const size = sizeOf(this.types(), id)
    const given = (fixture.tail ?? []).map(({ offset, bytes }) => ({
      offset,
      bytes: typeof bytes === 'string' ? encoder.encode(bytes) : bytes,
    }))
    const { fields, tail } = this.located(id, fixture.fields ?? {}, given, size)
    const end = tail.reduce((far, { offset, bytes }) => Math.max(far, offset + bytes.length + 1), size)
    const region = this.m.memory.region(`struct ${fixture.struct}`, end)
    this.built.set(fixture, region.start)
    this.fill(region.start, id, fields, fixture.struct)
    for (const { offset, bytes } of tail) this.m.memory.write(region.start + offset, bytes)
    return region.start
  }

  /**
   * Tracepoint records hold texts and arrays behind their struct; a field `__data_loc_NAME` says where, its length in the upper half (of `__rel_loc_`
   * counted from the field's end). Given as text or bytes, they are put there with a zero behind text.
   */
  private located(
    struct: BtfId,
    given: { readonly [field: string]: FixtureValue },
    tail: readonly { readonly offset: number; readonly bytes: Uint8Array }[],
    size: number,
  ): { readonly fields: typeof given; readonly tail: typeof tail } {
    const fields = { ...given }
    const behind = [...tail]
    let end = tail.reduce((far, { offset, bytes }) => Math.max(far, offset + bytes.length + 1), size)
    for (const [name, value] of Object.entries(given)) {
      const kind = /^__(data|rel)_loc_/.exec(name)?.[1]
      if (!kind || !(typeof value === 'string' || value instanceof Uint8Array)) continue
      const bytes = typeof value === 'string' ? encoder.encode(`${value}\0`) : value
      const field = this.member(struct, name)
      const from = kind === 'rel' && field ? field.bitOffset / 8 + 4 : 0
      fields[name] = (bytes.length << 16) | (end - from)
      behind.push({ offset: end, bytes })
      end += bytes.length
    }
    return { fields, tail: behind }
  }

  /** Sets fields of an object that was built before. */
  update(address: number, struct: string, fields: { readonly [field: string]: FixtureValue }): void {
    this.fill(address, this.structId(struct), fields, struct)
  }

  /** Sets those of the fields that this kernel's struct has. */
  updateKnown(address: number, struct: string, fields: { readonly [field: string]: FixtureValue }): void {
    const id = this.structId(struct)
    const known = Object.entries(fields).filter(([path]) => this.member(id, path))
    this.fill(address, id, Object.fromEntries(known), struct)
  }

  /** Address of a member of an object in memory; `path` as in fixtures. */
  addressOf(address: number, struct: string, path: string): number {
    const found = this.member(this.structId(struct), path)
    if (!found) throw new RangeError(`${struct} has no field ${path} in this kernel's BTF`)
    return address + found.bitOffset / 8
  }

  /** A pointer or number of 32 bits in an object: what a member of it holds. */
  word(address: number, struct: string, path: string): number {
    return this.m.memory.view.getUint32(this.addressOf(address, struct, path), true)
  }

  /** A member of one bit. */
  flag(address: number, struct: string, path: string): boolean {
    const found = this.member(this.structId(struct), path)
    if (!found) throw new RangeError(`${struct} has no field ${path} in this kernel's BTF`)
    return ((this.m.memory.bytes[address + (found.bitOffset >> 3)]! >> (found.bitOffset & 7)) & 1) === 1
  }

  /** The struct that the pointers in a member point to; undefined for other members. */
  target(struct: string, path: string): string | undefined {
    const found = this.member(this.structId(struct), path)
    if (!found) return undefined
    const { type } = skipModifiers(this.types(), found.member.type)
    if (type.kind !== BtfKind.Ptr) return undefined
    const { type: target } = skipModifiers(this.types(), type.type)
    return 'name' in target ? target.name : undefined
  }

  /** Members of a struct, in order; those of nameless structs and unions in their place. */
  members(struct: string): string[] {
    const names = (id: BtfId): string[] => {
      const { type } = skipModifiers(this.types(), id)
      if (type.kind !== BtfKind.Struct && type.kind !== BtfKind.Union) return []
      return type.members.flatMap(member => (member.name === '' ? names(member.type) : [member.name]))
    }
    return names(this.structId(struct))
  }

  /** Puts bytes where programs can read them (user memory, say); text gets a terminating zero. Returns the address. */
  place(name: string, content: string | Uint8Array): number {
    const bytes = typeof content === 'string' ? encoder.encode(`${content}\0`) : content
    const region = this.m.memory.region(name, Math.max(1, bytes.length))
    this.m.memory.write(region.start, bytes)
    return region.start
  }

  /** Offset in bytes and type of a member, looked up through anonymous members; `a.b` goes into a member struct. */
  member(struct: BtfId, path: string): { readonly member: BtfMember; readonly bitOffset: number } | undefined {
    const btf = this.types()
    const { type } = skipModifiers(btf, struct)
    if (type.kind !== BtfKind.Struct && type.kind !== BtfKind.Union) return undefined
    const [first, ...rest] = path.split('.')
    const found = this.find(type, first!)
    if (!found || rest.length === 0) return found
    const inner = this.member(found.member.type, rest.join('.'))
    return inner && { member: inner.member, bitOffset: found.bitOffset + inner.bitOffset }
  }

  private find(type: BtfComposite, name: string): { readonly member: BtfMember; readonly bitOffset: number } | undefined {
    for (const member of type.members) {
      if (member.name === name) return { member, bitOffset: member.bitOffset }
      if (member.name !== '') continue
      const { type: inner } = skipModifiers(this.types(), member.type)
      if (inner.kind !== BtfKind.Struct && inner.kind !== BtfKind.Union) continue
      const found = this.find(inner, name)
      if (found) return { member: found.member, bitOffset: member.bitOffset + found.bitOffset }
    }
    return undefined
  }

  private fill(address: number, struct: BtfId, fields: { readonly [field: string]: FixtureValue }, what: string): void {
    for (const [path, value] of Object.entries(fields)) {
      const found = this.member(struct, path)
      if (!found) throw new RangeError(`${what} has no field ${path} in this kernel's BTF`)
      const { member, bitOffset } = found
      if (member.bitSize > 0) this.bits(address, bitOffset, member.bitSize, value)
      else this.put(address + bitOffset / 8, member.type, value, `${what}.${path}`)
    }
  }

  private bits(address: number, bitOffset: number, width: number, value: FixtureValue): void {
    let left = BigInt.asUintN(width, BigInt(value as number | bigint | boolean))
    for (let bit = bitOffset; bit < bitOffset + width; bit++, left >>= 1n) {
      const at = address + (bit >> 3)
      const mask = 1 << (bit & 7)
      const { bytes } = this.m.memory
      bytes[at] = left & 1n ? bytes[at]! | mask : bytes[at]! & ~mask
    }
  }

  private put(address: number, id: BtfId, value: FixtureValue, what: string): void {
    const btf = this.types()
    const { id: plain, type } = skipModifiers(btf, id)
    switch (type.kind) {
      case BtfKind.Struct:
      case BtfKind.Union:
        if (value instanceof Uint8Array) this.m.memory.write(address, value.subarray(0, type.size))
        else if (typeof value === 'object' && !Array.isArray(value))
          this.fill(
            address,
            plain,
            (isFixture(value) ? (value.fields ?? {}) : value) as { readonly [field: string]: FixtureValue },
            what,
          )
        else throw new RangeError(`${what} is a struct: give its fields`)
        return
      case BtfKind.Array: {
        const each = sizeOf(btf, type.type)
        if (value instanceof Uint8Array || typeof value === 'string') {
          const bytes = typeof value === 'string' ? encoder.encode(value) : value
          const room = type.nelems === 0 ? bytes.length : each * type.nelems
          // Text ends where it ends, whatever was there before.
          if (typeof value === 'string') this.m.memory.bytes.fill(0, address, address + room)
          this.m.memory.write(address, bytes.subarray(0, room))
        } else if (Array.isArray(value))
          for (const [index, item] of value.entries()) this.put(address + index * each, type.type, item, `${what}[${index}]`)
        else throw new RangeError(`${what} is an array: give a list, text or bytes`)
        return
      }
      case BtfKind.Ptr:
        writeNumber(this.m, address, 8, this.pointer(value, type.type, what))
        return
      case BtfKind.Int:
      case BtfKind.Enum:
      case BtfKind.Enum64:
        if (typeof value === 'string' && type.kind !== BtfKind.Int) {
          const named = type.values.find(each => each.name === value)
          if (!named) throw new RangeError(`${what}: the enum has no ${value}`)
          writeNumber(this.m, address, type.size, named.value)
        } else if (typeof value === 'number' || typeof value === 'bigint') writeNumber(this.m, address, type.size, value)
        else if (typeof value === 'boolean') writeNumber(this.m, address, type.size, value ? 1 : 0)
        else throw new RangeError(`${what} is a number`)
        return
      default:
        throw new RangeError(`${what} cannot be filled from a fixture`)
    }
  }

  /** What a pointer field points to: an address given as number, a fixture, text, bytes, or fields of the pointed-to struct. */
  private pointer(value: FixtureValue, target: BtfId, what: string): number | bigint {
    if (typeof value === 'number' || typeof value === 'bigint') return value
    if (isFixture(value)) return this.build(value)
    if (typeof value === 'string' || value instanceof Uint8Array) return this.place(what, value)
    if (typeof value === 'object' && !Array.isArray(value)) {
      const known = this.built.get(value)
      if (known !== undefined) return known
      const region = this.m.memory.region(what, Math.max(1, sizeOf(this.types(), target)))
      this.built.set(value, region.start)
      this.fill(region.start, target, value as { readonly [field: string]: FixtureValue }, what)
      return region.start
    }
    throw new RangeError(`${what} is a pointer: give an object, text, bytes or an address`)
  }
}
