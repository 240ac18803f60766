/**
 * Values of a program as C writes them, by BTF: parameters, global variables, elements of maps, registers behind a cast. There is no DWARF in BPF
 * objects, so local variables have no names here; they are in registers and on the stack.
 */
import { sizeOf, skipModifiers } from '../../../linker/btf/btf-file.js'
import { BtfKind, type BtfId, type BtfSet } from '../../../linker/btf/btf-types.js'
import { encodeValue, type BtfValue } from '../btf-values.js'
import { bigOf } from '../long.js'
import type { Machine } from '../machine.js'
import { FUNC_HANDLE, HANDLE_STEP, MAP_HANDLE } from '../memory.js'
import type { Vm } from '../vm.js'
import type { Debugger } from './debugger.js'

/** What an expression cannot be made of; the message says why. */
export class NoValue extends Error {
  override readonly name = 'NoValue'
}

/** Something with a type; type 0 is a plain 64-bit number. Bytes are little endian and a copy. */
export interface TypedBytes {
  readonly btf: BtfSet | undefined
  readonly type: BtfId
  readonly bytes: Uint8Array
}

/** A variable in memory, or in a register. */
export interface Variable {
  readonly name: string
  readonly value: TypedBytes
}

const hex = (value: bigint) => `0x${value.toString(16)}`

function numberBytes(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, value, true)
  return bytes
}

function asNumber(bytes: Uint8Array): bigint {
  let value = 0n
  for (let i = Math.min(bytes.length, 8) - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!)
  return value
}

/** What a number points to: `packet+14`, `map counts`, `function body`; undefined for plain numbers. */
export function pointee(
  machine: Machine,
  functions: readonly { readonly name: string; readonly slot: number }[],
  value: bigint,
): string | undefined {
  const high = Number(BigInt.asIntN(32, value >> 32n))
  const low = Number(BigInt.asUintN(32, value))
  if (high === MAP_HANDLE) return `map ${machine.maps[Math.floor(low / HANDLE_STEP)]?.def.name ?? '?'}`
  if (high === FUNC_HANDLE) return `function ${functions.find(each => each.slot === low)?.name ?? `at ${low}`}`
  if (high !== 0) return undefined
  const region = machine.memory.find(low) ?? machine.memory.find(low - 1)
  if (!region || low > region.end) return undefined
  const frame = /^stack of frame/.test(region.name)
  return frame ? `${region.name} - ${region.end - low}` : `${region.name} + ${low - region.start}`
}

export class Values {
  constructor(private readonly debug: Debugger) {}

  private get vm(): Vm {
    return this.debug.vm
  }

  private get functions() {
    const { recording, position, atEnd } = this.debug
    return atEnd ? [] : recording.program(position).functions
  }

  /** Registers 0 to 10 before the instruction at the position, unsigned, and what each points to. */
  registers(): { readonly value: bigint; readonly pointee: string | undefined }[] {
    const { machine } = this.vm
    return Array.from({ length: 11 }, (_, register) => {
      const value = bigOf(machine.lo[register]!, machine.hi[register]!)
      return { value, pointee: pointee(machine, this.functions, value) }
    })
  }

  /** The parameters of the function at the position, as they were when it was entered. */
  parameters(): Variable[] {
    const { recording, position, atEnd, prepared } = this.debug
    const { btf } = prepared
    const type = atEnd ? 0 : (recording.function(position)?.type ?? 0)
    if (!btf || type === 0) return []
    const func = btf.type(type)
    const proto = func.kind === BtfKind.Func ? btf.type(func.type) : undefined
    if (proto?.kind !== BtfKind.FuncProto) return []
    return proto.params.slice(0, 5).map((param, index) => ({
      name: param.name,
      value: {
        btf,
        type: param.type,
        bytes: numberBytes(recording.argument(position, index + 1)).subarray(0, Math.min(sizeOf(btf, param.type), 8)),
      },
    }))
  }

  /** Variables of the object's data sections, by name, as they are at the position. */
  globals(): Variable[] {
    const { btf } = this.debug.prepared
    const { machine } = this.vm
    const all: Variable[] = []
    for (const map of machine.maps) {
      if (!map.def.data || !btf || map.def.valueType === 0) continue
      const section = btf.type(map.def.valueType)
      if (section.kind !== BtfKind.Datasec) continue
      const base = map.valueBase()
      for (const { type, offset, size } of section.vars) {
        const variable = btf.type(type)
        if (variable.kind !== BtfKind.Var) continue
        const bytes = machine.memory.bytes.slice(base + offset, base + offset + size)
        all.push({ name: variable.name, value: { btf, type: variable.type, bytes } })
      }
    }
    return all
  }

  /**
   * The value of `NAME`, `$r3`, `map[KEY]` (the key as JSON), `*p`, `p->field`, `s.field`, `a[2]`, `(struct event *)r6`, nested as in C.
   * Throws NoValue.
   */
  evaluate(text: string): TypedBytes {
    return new Evaluation(this.debug, this, text).all()
  }

  /** A copy of memory that the program could read, or undefined. */
  read(address: bigint, size: number): Uint8Array | undefined {
    const { memory } = this.vm.machine
    const at = Number(BigInt.asUintN(32, address))
    if (!memory.access(Number(BigInt.asIntN(32, address >> 32n)), at, size, false)) return undefined
    return memory.bytes.slice(at, at + size)
  }

  /** A value as C writes it. */
  format({ btf, type, bytes }: TypedBytes): string {
    if (!btf || type === 0) {
      if (bytes.length !== 8) return [...bytes].map(byte => byte.toString(16).padStart(2, '0')).join(' ')
      return this.pointer(asNumber(bytes), true)
    }
    return this.formatAt(btf, type, bytes, 0)
  }

  private pointer(value: bigint, orNumber = false): string {
    const to = pointee(this.vm.machine, this.functions, value)
    if (to) return `${hex(value)} <${to}>`
    return orNumber ? `${hex(value)} (${BigInt.asIntN(64, value)})` : hex(value)
  }

  private formatAt(btf: BtfSet, id: BtfId, bytes: Uint8Array, at: number): string {
    const { type } = skipModifiers(btf, id)
    switch (type.kind) {
      case BtfKind.Struct:
      case BtfKind.Union:
        return `{ ${type.members
          .map(member => {
            const value =
              member.bitSize > 0
                ? String(bitsOf(bytes, at * 8 + member.bitOffset, member.bitSize))
                : this.formatAt(btf, member.type, bytes, at + member.bitOffset / 8)
            return member.name === '' ? value : `.${member.name} = ${value}`
          })
          .join(', ')} }`
      case BtfKind.Array: {
        const { type: element } = skipModifiers(btf, type.type)
        const size = sizeOf(btf, type.type)
        if (element.kind === BtfKind.Int && element.size === 1 && (element.char || element.name === 'char')) {
          const text = bytes.subarray(at, at + type.nelems)
          const end = text.indexOf(0)
          return JSON.stringify(new TextDecoder().decode(end < 0 ? text : text.subarray(0, end)))
        }
        return `{ ${Array.from({ length: type.nelems }, (_, i) => this.formatAt(btf, type.type, bytes, at + i * size)).join(', ')} }`
      }
      case BtfKind.Ptr:
        return this.pointer(asNumber(bytes.subarray(at, at + 8)))
      case BtfKind.Int: {
        const value = asNumber(bytes.subarray(at, at + type.size))
        if (type.bool) return value === 0n ? 'false' : 'true'
        return String(type.signed ? BigInt.asIntN(type.size * 8, value) : value)
      }
      case BtfKind.Enum:
      case BtfKind.Enum64: {
        const value = asNumber(bytes.subarray(at, at + type.size))
        const number = type.signed ? BigInt.asIntN(type.size * 8, value) : value
        return type.values.find(each => BigInt(each.value) === number)?.name ?? String(number)
      }
      default:
        return `<${sizeOf(btf, id)} bytes>`
    }
  }
}

function bitsOf(bytes: Uint8Array, bit: number, width: number): bigint {
  let value = 0n
  for (let i = width - 1; i >= 0; i--) value = (value << 1n) | BigInt((bytes[(bit + i) >> 3]! >> ((bit + i) & 7)) & 1)
  return value
}

/** Reads an expression and works it out on the way. */
class Evaluation {
  private at = 0

  constructor(
    private readonly debug: Debugger,
    private readonly values: Values,
    private readonly text: string,
  ) {}

  all(): TypedBytes {
    const value = this.unary()
    if (this.text.slice(this.at).trim() !== '') throw new NoValue(`cannot read ${this.text.slice(this.at).trim()}`)
    return value
  }

  private peek(): string {
    const token = /^\s*(->|[*.()[\]])/.exec(this.text.slice(this.at))
    return token?.[1] ?? ''
  }

  private take(token: string): boolean {
    if (this.peek() !== token) return false
    this.at = this.text.indexOf(token, this.at) + token.length
    return true
  }

  private word(): string {
    const match = /^\s*(\$?[A-Za-z_]\w*|0x[0-9a-fA-F]+|\d+)/.exec(this.text.slice(this.at))
    if (!match)
      throw new NoValue(
        this.text.trim() === '' ? 'say what to print' : `a name is missing at ${JSON.stringify(this.text.slice(this.at))}`,
      )
    this.at += match[0].length
    return match[1]!
  }

  private unary(): TypedBytes {
    if (this.take('*')) return this.behind(this.unary())
    const cast = /^\s*\(\s*(?:const\s+)?(?:(?:struct|union|enum)\s+)?([A-Za-z_]\w*)\s*(\*+)\s*\)/.exec(this.text.slice(this.at))
    if (cast) {
      this.at += cast[0].length
      const value = this.unary()
      return this.cast(cast[1]!, cast[2]!.length, value)
    }
    return this.postfix(this.take('(') ? this.inner() : this.primary())
  }

  private inner(): TypedBytes {
    const value = this.unary()
    if (!this.take(')')) throw new NoValue('a ) is missing')
    return value
  }

  /** A pointer to a named type. The pointer itself is no type of the BTF, so it is kept as one step less of `*`. */
  private cast(name: string, stars: number, value: TypedBytes): TypedBytes {
    for (const btf of [this.debug.prepared.btf, this.debug.prepared.kernelBtf]) {
      const target = btf?.byName(name).find(id => btf.type(id).kind !== BtfKind.Func && btf.type(id).kind !== BtfKind.Var)
      if (!btf || target === undefined) continue
      if (stars > 1) throw new NoValue('only casts to one * are known')
      return new CastPointer(btf, target, value.bytes)
    }
    throw new NoValue(`the object's BTF has no type ${name}`)
  }

  private behind(value: TypedBytes): TypedBytes {
    const { btf } = value
    let target: BtfId = 0
    if (value instanceof CastPointer) target = value.target
    else if (btf) {
      const { type } = skipModifiers(btf, value.type)
      if (type.kind !== BtfKind.Ptr) throw new NoValue('this is no pointer')
      target = type.type
    }
    if (!btf) throw new NoValue('the type behind a register is not known: cast it, as in (struct event *)r1')
    const size = target === 0 ? 0 : sizeOf(btf, target)
    if (size === 0) throw new NoValue('a pointer to void, or to a type that BTF does not have: cast it, as in (struct event *)r1')
    const address = asNumber(value.bytes)
    const bytes = this.values.read(address, size)
    if (!bytes) throw new NoValue(`there are no ${size} readable bytes at ${hex(address)}`)
    return { btf, type: target, bytes }
  }

  private primary(): TypedBytes {
    const name = this.word()
    const { vm, prepared } = this.debug
    if (/^\d/.test(name)) return { btf: undefined, type: 0, bytes: numberBytes(BigInt(name)) }
    const found =
      this.values.parameters().find(each => each.name === name) ?? this.values.globals().find(each => each.name === name)
    if (found) return found.value
    const register = /^\$?r(\d|10)$/.exec(name)
    if (register) {
      const { lo, hi } = vm.machine
      const number = Number(register[1])
      return { btf: undefined, type: 0, bytes: numberBytes(bigOf(lo[number]!, hi[number]!)) }
    }
    if (vm.maps[name]) return this.element(name)
    const known = [
      ...this.values.parameters().map(each => each.name),
      ...this.values.globals().map(each => each.name),
      ...prepared.maps.filter(each => !each.data).map(each => each.name),
    ].filter(Boolean)
    throw new NoValue(
      `there is no ${name} here; BTF knows ${known.join(', ') || 'no names'}. Local variables are in registers and on the stack`,
    )
  }

  /** `map[KEY]`. */
  private element(name: string): TypedBytes {
    const map = this.debug.vm.maps[name]!
    const rest = this.text.slice(this.at)
    const key = /^\s*\[/.test(rest) ? closing(rest) : undefined
    if (key === undefined) throw new NoValue(`${name} is a map: give a key, as in ${name}[1], or use the command map ${name}`)
    this.at += key.length
    const { btf } = this.debug.prepared
    const { def } = map.map
    let bytes: Uint8Array | undefined
    try {
      const json = JSON.parse(key.trim().slice(1, -1)) as BtfValue
      bytes = map.get(
        btf ? encodeValue(btf, def.keyType, json, def.keySize) : numberBytes(BigInt(json as number)).slice(0, def.keySize),
      )
    } catch (error) {
      throw new NoValue(`key ${key.trim()}: ${(error as Error).message}`)
    }
    if (!bytes) throw new NoValue(`${name} has no key ${key.trim().slice(1, -1)}`)
    return { btf: def.valueType ? btf : undefined, type: def.valueType, bytes }
  }

  private postfix(start: TypedBytes): TypedBytes {
    let value = start
    for (;;) {
      if (this.take('->')) value = this.field(this.behind(value), this.word())
      else if (this.take('.')) value = this.field(value, this.word())
      else if (this.take('[')) {
        const index = this.word()
        if (!/^\d/.test(index)) throw new NoValue(`[${index}]: must be a number`)
        if (!this.take(']')) throw new NoValue('a ] is missing')
        value = this.item(value, Number(index))
      } else return value
    }
  }

  private field({ btf, type: id, bytes }: TypedBytes, name: string): TypedBytes {
    const found = btf && fieldOf(btf, id, name)
    if (!btf || !found) throw new NoValue(`there is no field ${name}`)
    if (found.bitSize > 0) return { btf: undefined, type: 0, bytes: numberBytes(bitsOf(bytes, found.bitOffset, found.bitSize)) }
    const at = found.bitOffset / 8
    return { btf, type: found.type, bytes: bytes.subarray(at, at + sizeOf(btf, found.type)) }
  }

  private item({ btf, type: id, bytes }: TypedBytes, index: number): TypedBytes {
    const type = btf && skipModifiers(btf, id).type
    if (!btf || type?.kind !== BtfKind.Array) throw new NoValue('this is no array')
    if (index >= type.nelems) throw new NoValue(`the array has ${type.nelems} elements`)
    const size = sizeOf(btf, type.type)
    return { btf, type: type.type, bytes: bytes.subarray(index * size, (index + 1) * size) }
  }
}

/** A pointer made by a cast: BTF may have no pointer to its type. Shown as a plain number. */
class CastPointer implements TypedBytes {
  readonly type = 0
  constructor(
    readonly btf: BtfSet,
    readonly target: BtfId,
    readonly bytes: Uint8Array,
  ) {}
}

/** Text from its `[` to the one that closes it, leaving strings alone; undefined where none does. */
function closing(text: string): string | undefined {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '"') for (at++; at < text.length && text[at] !== '"'; at++) if (text[at] === '\\') at++
    if (character === '[') depth++
    if (character === ']' && --depth === 0) return text.slice(0, at + 1)
  }
  return undefined
}

interface Field {
  readonly type: BtfId
  readonly bitOffset: number
  readonly bitSize: number
}

/** A member by name, also of anonymous structs and unions inside. */
function fieldOf(btf: BtfSet, id: BtfId, name: string): Field | undefined {
  const { type } = skipModifiers(btf, id)
  if (type.kind !== BtfKind.Struct && type.kind !== BtfKind.Union) return undefined
  for (const member of type.members) {
    if (member.name === name) return member
    if (member.name !== '') continue
    const inner = fieldOf(btf, member.type, name)
    if (inner) return { ...inner, bitOffset: inner.bitOffset + member.bitOffset }
  }
  return undefined
}
