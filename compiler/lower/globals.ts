/** Objects with static storage: their section, as clang chooses it, and their initial bytes with the addresses among them. */
import { type Func, Global, type GlobalReloc } from '../ir/ir.js'
import { Qualifier } from '../parser/ast.js'
import type { SectionKind } from '../preprocessor/section-pragma.js'
import { evaluate } from '../typecheck/constants.js'
import { spaceOf } from '../typecheck/type-facts.js'
import type { Expr, InitItem, InitValue, VarDecl } from '../typecheck/typed-ast.js'
import { type CType, canonical, qualifiersOf } from '../typecheck/types.js'
import { alignmentOf, bytesOf, isSigned } from './ir-types.js'
import type { ModuleContext } from './module-context.js'

/** The object without its contents: initialisers may refer to each other. */
export function declareVariable(module: ModuleContext, decl: VarDecl): Global {
  const binding = decl.linkage === 'external' ? (decl.weak ? 'weak' : 'global') : 'local'
  const isConst = (qualifiersOf(decl.type) & Qualifier.const) !== 0
  const plainName = decl.asmLabel ?? (decl.owner && decl.linkage === 'none' ? `${decl.owner.name}.${decl.name}` : decl.name)
  const name = binding === 'local' ? module.uniqueName(plainName || '.compoundliteral') : plainName
  const size = objectSize(decl)
  const space = spaceOf(decl.type)
  const section =
    decl.section ??
    (space !== 0
      ? `.addr_space.${space}`
      : decl.isExtern
        ? ''
        : (decl.sections[kindOf(decl, isConst)] ?? `.${kindOf(decl, isConst)}`))
  const global = new Global(name, binding, section, size, Math.max(decl.align, alignmentOf(decl.type)), isConst)
  global.hidden = decl.hidden
  global.isExtern = decl.isExtern
  global.used = decl.used
  global.decl = decl
  return global
}

const kindOf = (decl: VarDecl, isConst: boolean): SectionKind =>
  isConst ? 'rodata' : decl.init && !isZero(decl.init) ? 'data' : 'bss'

/** A flexible array member's initialiser makes the object longer than its type. */
function objectSize(decl: VarDecl): number {
  let size = bytesOf(decl.type)
  for (const item of decl.init?.items ?? []) {
    if (!item.bitField) size = Math.max(size, item.offset + itemSize(item))
  }
  return size
}

function itemSize(item: InitItem): number {
  const plain = canonical(item.type)
  if (plain.kind === 'array' && plain.count === undefined && item.value.kind === 'string') return item.value.bytes.length
  return bytesOf(item.type)
}

/** Whether an initialiser spells nothing but zeros: the object then takes no room in the file. */
function isZero(init: InitValue): boolean {
  return init.items.every(item => {
    const { value } = item
    if (value.kind === 'string') return value.bytes.every(byte => byte === 0)
    return integerConstant(value) === 0n
  })
}

export function initialiseVariable(module: ModuleContext, decl: VarDecl, global: Global): void {
  if (!decl.init || decl.isExtern) return
  const bytes = new Uint8Array(global.size)
  const writer = new ConstantWriter(module, bytes)
  for (const item of decl.init.items) writer.item(item, 0)
  global.relocs = writer.relocs.sort((a, b) => a.offset - b.offset)
  if (global.relocs.length > 0 || bytes.some(byte => byte !== 0)) global.bytes = bytes
}

/** A number a constant expression stands for, whatever conversions are around it. */
function integerConstant(expr: Expr): bigint | undefined {
  if (expr.kind === 'int') return expr.value
  if (expr.kind !== 'convert') {
    const known = evaluate(expr, { constObjects: true })
    return known?.kind === 'int' ? known.value : undefined
  }
  const value = integerConstant(expr.operand)
  if (value === undefined) return undefined
  if (expr.conversion === 'to_bool') return value === 0n ? 0n : 1n
  if (expr.conversion !== 'int') return value
  const size = bytesOf(expr.type) * 8
  return isSigned(expr.type) ? BigInt.asIntN(size, value) : BigInt.asUintN(size, value)
}

interface AddressConstant {
  readonly target: Global | Func
  readonly offset: number
}

class ConstantWriter {
  readonly relocs: GlobalReloc[] = []

  constructor(
    private readonly module: ModuleContext,
    private readonly bytes: Uint8Array,
  ) {}

  item(item: InitItem, at: number): void {
    if (item.bitField) {
      const { field, recordOffset } = item.bitField
      this.bits(item.value, (at + recordOffset) * 8 + field.bitOffset, field.bits!)
    } else this.value(item.value, item.type, at + item.offset)
  }

  private value(expr: Expr, type: CType, at: number): void {
    const size = bytesOf(type)
    if (expr.kind === 'string' && canonical(type).kind === 'array') {
      const length = canonical(type).kind === 'array' && size === 0 ? expr.bytes.length : size
      this.drop(at, length)
      this.bytes.fill(0, at, at + length)
      this.bytes.set(expr.bytes.subarray(0, length), at)
      return
    }
    const number = integerConstant(expr)
    if (number !== undefined) {
      this.drop(at, size)
      this.number(number, size, at)
      return
    }
    const literal = literalOf(expr)
    if (literal) {
      this.drop(at, size)
      this.bytes.fill(0, at, at + size)
      for (const item of literal.items) this.item(item, at)
      return
    }
    const address = this.address(expr)
    if (address) {
      this.drop(at, 8)
      this.bytes.fill(0, at, at + 8)
      this.relocs.push({ offset: at, target: address.target, addend: address.offset })
      return
    }
    this.module.error('B0408', expr, 'the initialiser of an object with static storage must be a constant')
  }

  /** Forgets addresses written where something else now goes. */
  private drop(at: number, size: number): void {
    for (let i = this.relocs.length - 1; i >= 0; i--) {
      const { offset } = this.relocs[i]!
      if (offset < at + size && offset + 8 > at) this.relocs.splice(i, 1)
    }
  }

  private number(value: bigint, size: number, at: number): void {
    let rest = BigInt.asUintN(size * 8, value)
    for (let i = 0; i < size; i++) {
      this.bytes[at + (this.module.little ? i : size - 1 - i)] = Number(rest & 0xffn)
      rest >>= 8n
    }
  }

  private bits(expr: Expr, start: number, width: number): void {
    const value = integerConstant(expr)
    if (value === undefined) {
      this.module.error('B0408', expr, 'the initialiser of a bit field with static storage must be a constant')
      return
    }
    for (let i = 0; i < width; i++) {
      // Bit `i` from the low end of the field; big-endian fields start at the high end of their bytes.
      const position = this.module.little ? start + i : start + width - 1 - i
      const mask = 1 << (this.module.little ? position & 7 : 7 - (position & 7))
      if ((value >> BigInt(i)) & 1n) this.bytes[position >> 3]! |= mask
      else this.bytes[position >> 3]! &= ~mask
    }
  }

  private address(expr: Expr): AddressConstant | undefined {
    switch (expr.kind) {
      case 'convert':
        return bytesOf(expr.type) === 8 ? this.address(expr.operand) : undefined
      case 'function':
        return { target: this.module.func(expr.decl), offset: 0 }
      case 'address':
        return this.place(expr.object)
      case 'decay':
        return this.place(expr.array)
      case 'preserve_access':
        return this.address(expr.operand)
      case 'pointer_add': {
        const base = this.address(expr.pointer)
        const count = integerConstant(expr.offset)
        if (!base || count === undefined) return undefined
        return { target: base.target, offset: base.offset + Number(expr.subtract ? -count : count) * expr.elementSize }
      }
      case 'arithmetic': {
        const left = this.address(expr.left)
        const right = integerConstant(expr.right)
        if (!left || right === undefined || (expr.op !== '+' && expr.op !== '-')) return undefined
        return { target: left.target, offset: left.offset + Number(expr.op === '+' ? right : -right) }
      }
      default:
        return undefined
    }
  }

  private place(expr: Expr): AddressConstant | undefined {
    switch (expr.kind) {
      case 'function':
        return { target: this.module.func(expr.decl), offset: 0 }
      case 'var':
        return expr.decl.storage === 'static' || expr.decl.isExtern
          ? { target: this.module.global(expr.decl), offset: 0 }
          : undefined
      case 'compound_literal':
        return expr.decl.storage === 'static' ? { target: this.module.global(expr.decl), offset: 0 } : undefined
      case 'string':
        return { target: this.module.string(expr.bytes, expr.elementSize), offset: 0 }
      case 'member': {
        const base = this.place(expr.base)
        return base && { target: base.target, offset: base.offset + (expr.field.bitOffset >> 3) }
      }
      case 'index': {
        const base = expr.baseIsArray ? this.place(expr.base) : this.address(expr.base)
        const index = integerConstant(expr.index)
        return base && index !== undefined
          ? { target: base.target, offset: base.offset + Number(index) * bytesOf(expr.type) }
          : undefined
      }
      case 'deref':
        return this.address(expr.pointer)
      default:
        return undefined
    }
  }
}

/** The initialiser of a compound literal, or of another constant object, used as a value. */
function literalOf(expr: Expr): InitValue | undefined {
  if (expr.kind === 'load') return literalOf(expr.object)
  if (expr.kind === 'convert' && expr.conversion === 'same') return literalOf(expr.operand)
  return expr.kind === 'compound_literal' || expr.kind === 'var' ? expr.decl.init : undefined
}
