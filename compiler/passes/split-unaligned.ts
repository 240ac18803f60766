/**
 * Accesses wider than their alignment become several, joined by shifts, as the target asks for (the kernel refuses misaligned stack
 * accesses everywhere, and others where the machine cannot do them). The widest pieces the alignment allows are used.
 */
import { bitsOf, type Func, type IrType, type Value } from '../ir/ir.js'
import { alignmentAt } from './alignment.js'
import type { FunctionPass } from './pass.js'
import { Replacements } from './rewrite.js'

export const splitUnaligned: FunctionPass = {
  kind: 'function',
  name: 'split-unaligned',
  run(func, _module, options) {
    const little = options.target.little
    const replacements = new Replacements()
    let changed = false
    for (const block of func.blocks) {
      let out: Value[] | undefined
      for (let i = 0; i < block.insts.length; i++) {
        const inst = block.insts[i]!
        const type = inst.op === 'load' ? inst.type : inst.op === 'store' ? inst.args[1]!.type : undefined
        if (type === undefined || misfit(inst, type) === 0) {
          out?.push(inst)
          continue
        }
        out ??= block.insts.slice(0, i)
        changed = true
        const piece = misfit(inst, type)
        if (inst.op === 'load') replacements.set(inst, splitLoad(func, inst, piece, little, out))
        else splitStore(func, inst, type, piece, little, out)
      }
      if (out) block.insts = out
    }
    replacements.apply(func)
    return changed
  },
}

/** Bytes of the pieces an access must be cut into; 0 when it may stay. */
function misfit(inst: Value, type: IrType): number {
  const size = bitsOf(type) / 8
  if (size <= 1 || inst.align >= size) return 0
  const align = alignmentAt(inst.args[0]!, inst.offset, inst.align)
  if (align < size) return align
  inst.align = align
  return 0
}

const integerOf = (bytes: number): IrType => (bytes === 8 ? 'i64' : bytes === 4 ? 'i32' : bytes === 2 ? 'i16' : 'i8')

function splitLoad(func: Func, inst: Value, piece: number, little: boolean, out: Value[]): Value {
  const size = bitsOf(inst.type) / 8
  const wide: IrType = size === 8 ? 'i64' : 'i32'
  const make = (op: Value['op'], type: IrType, args: Value[]): Value => {
    const value = func.value(op, type, args, inst.loc)
    out.push(value)
    return value
  }
  let sum: Value | undefined
  for (let at = 0; at < size; at += piece) {
    const part = make('load', integerOf(piece), [inst.args[0]!])
    part.offset = inst.offset + at
    part.align = piece
    part.volatile = inst.volatile
    const shift = 8 * (little ? at : size - piece - at)
    let value = make('zext', wide, [part])
    if (shift > 0) value = make('shl', wide, [value, func.const(wide, shift)])
    sum = sum ? make('or', wide, [sum, value]) : value
  }
  if (inst.type === 'ptr') return make('inttoptr', 'ptr', [sum!])
  return inst.type === wide ? sum! : make('trunc', inst.type, [sum!])
}

function splitStore(func: Func, inst: Value, type: IrType, piece: number, little: boolean, out: Value[]): void {
  const size = bitsOf(type) / 8
  const make = (op: Value['op'], result: IrType, args: Value[]): Value => {
    const value = func.value(op, result, args, inst.loc)
    out.push(value)
    return value
  }
  let stored = inst.args[1]!
  if (stored.type === 'ptr') stored = make('ptrtoint', 'i64', [stored])
  const wide = stored.type
  const pieceType = integerOf(piece)
  for (let at = 0; at < size; at += piece) {
    const shift = BigInt(8 * (little ? at : size - piece - at))
    let part: Value
    if (stored.op === 'const') part = func.const(pieceType, stored.value >> shift)
    else {
      const moved = shift > 0n ? make('lshr', wide, [stored, func.const(wide, shift)]) : stored
      part = make('trunc', pieceType, [moved])
    }
    const store = make('store', 'void', [inst.args[0]!, part])
    store.offset = inst.offset + at
    store.align = piece
    store.volatile = inst.volatile
  }
}
