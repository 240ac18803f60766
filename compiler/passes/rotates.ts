/**
 * Rotations of 32 bits, which hashes are made of. The machine has none, and two shifts and an `or` are five instructions with their moves. Where
 * 32-bit arithmetic leaves the upper half of registers clear, the word is put into both halves and shifted once: four.
 */
import { careOf, isDone } from '../care.js'
import type { Func, Value } from '../ir/ir.js'
import { countUses } from '../ir/uses.js'
import type { FunctionPass } from './pass.js'
import { Replacements } from './rewrite.js'

export const rotates: FunctionPass = {
  kind: 'function',
  name: 'rotates',
  run(func, _module, options) {
    if (Number(options.target.cpu.slice(1)) < 3 || !isDone('alu32', careOf(options, func))) return false
    const uses = countUses(func)
    const replacements = new Replacements()
    const gone = new Set<Value>()
    for (const block of func.blocks)
      block.insts = block.insts.flatMap(inst => {
        const found = rotation(inst, uses)
        if (!found) return inst
        const made = rotate(func, found, inst)
        replacements.set(inst, made[made.length - 1]!)
        for (const arg of inst.args) gone.add(arg)
        return made
      })
    if (replacements.empty) return false
    for (const block of func.blocks) block.insts = block.insts.filter(inst => !gone.has(inst))
    replacements.apply(func)
    return true
  },
}

/** The word that is rotated and the distance to the right. */
interface Rotation {
  readonly word: Value
  readonly right: bigint
}

function rotation({ op, type, args }: Value, uses: Int32Array): Rotation | undefined {
  if (type !== 'i32' || (op !== 'or' && op !== 'xor' && op !== 'add')) return undefined
  const up = args.find(arg => arg.op === 'shl')
  const down = args.find(arg => arg.op === 'lshr')
  if (!up || !down || uses[up.id] !== 1 || uses[down.id] !== 1 || up.args[0] !== down.args[0]) return undefined
  const [left, right] = [up.args[1]!, down.args[1]!]
  if (left.op !== 'const' || right.op !== 'const' || left.value === 0n || left.value + right.value !== 32n) return undefined
  return { word: up.args[0]!, right: right.value }
}

function rotate(func: Func, { word, right }: Rotation, { loc }: Value): Value[] {
  const wide = func.value('zext', 'i64', [word], loc)
  const upper = func.value('shl', 'i64', [wide, func.const('i64', 32)], loc)
  const both = func.value('or', 'i64', [upper, wide], loc)
  const shifted = func.value('lshr', 'i64', [both, func.const('i64', right)], loc)
  return [wide, upper, both, shifted, func.value('trunc', 'i32', [shifted], loc)]
}
