/**
 * Signed division for machines that have none (before -mcpu=v4): on the absolute values, with the sign put back. Division by powers of two is
 * a shift with the rounding towards zero that C asks for.
 */
import { bitsOf, type Func, type IrType, type Op, signed, type Value } from '../ir/ir.js'
import type { FunctionPass } from './pass.js'
import { Replacements } from './rewrite.js'

export const expandDivision: FunctionPass = {
  kind: 'function',
  name: 'expand-division',
  run(func, _module, options) {
    if (options.target.cpu === 'v4') return false
    const replacements = new Replacements()
    for (const block of func.blocks) {
      if (!block.insts.some(inst => inst.op === 'sdiv' || inst.op === 'srem')) continue
      const out: Value[] = []
      for (const inst of block.insts) {
        if (inst.op === 'sdiv' || inst.op === 'srem') replacements.set(inst, expand(func, inst, out))
        else out.push(inst)
      }
      block.insts = out
    }
    if (replacements.empty) return false
    replacements.apply(func)
    return true
  },
}

function expand(func: Func, inst: Value, out: Value[]): Value {
  const type: IrType = inst.type
  const [a, b] = inst.args as [Value, Value]
  const make = (op: Op, args: Value[]): Value => {
    const value = func.value(op, type, args, inst.loc)
    out.push(value)
    return value
  }
  const sign = func.const(type, bitsOf(type) - 1)
  const signOf = (value: Value): Value => make('ashr', [value, sign])
  /** x when the mask is 0, -x when it is all ones. */
  const negateBy = (value: Value, mask: Value): Value => make('sub', [make('xor', [value, mask]), mask])

  const divisor = b.op === 'const' ? signed(type, b.value) : undefined
  const maskA = signOf(a)
  if (divisor !== undefined && divisor !== 0n) {
    const size = divisor < 0n ? -divisor : divisor
    if ((size & (size - 1n)) === 0n && size > 1n) {
      const shift = BigInt(size.toString(2).length - 1)
      // Towards zero: negative dividends get size - 1 added first.
      const bias = make('lshr', [maskA, func.const(type, BigInt(bitsOf(type)) - shift)])
      const biased = make('add', [a, bias])
      if (inst.op === 'srem') return make('sub', [a, make('and', [biased, func.const(type, -size)])])
      const quotient = make('ashr', [biased, func.const(type, shift)])
      return divisor < 0n ? make('sub', [func.const(type, 0), quotient]) : quotient
    }
    const magnitude = negateBy(a, maskA)
    const result = make(inst.op === 'sdiv' ? 'udiv' : 'urem', [magnitude, func.const(type, size)])
    const positive = negateBy(result, maskA)
    return inst.op === 'sdiv' && divisor < 0n ? make('sub', [func.const(type, 0), positive]) : positive
  }
  const maskB = signOf(b)
  const result = make(inst.op === 'sdiv' ? 'udiv' : 'urem', [negateBy(a, maskA), negateBy(b, maskB)])
  return negateBy(result, inst.op === 'sdiv' ? make('xor', [maskA, maskB]) : maskA)
}
