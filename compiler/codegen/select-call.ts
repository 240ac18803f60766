/** Selection of calls and inline assembly. */
import { canonical, type CType } from '../typecheck/types.js'
import { type AsmInfo, bitsOf, type Func, type IrType, MAX_ARGS, signed, type Value } from '../ir/ir.js'
import { knownValue } from './asm-constants.js'
import { type AsmInput, CALL, CALLX, type MBlock, NONE, P_ASM, R0 } from './machine.js'
import { fitsOff, type Selector } from './selector.js'

export function selectCall(s: Selector, inst: Value): void {
  switch (inst.op) {
    case 'call':
      call(s, inst, inst.args)
      return
    case 'callhelper':
      call(s, inst, inst.args)
      return
    case 'callindirect':
      indirectCall(s, inst)
      return
    case 'asm': {
      if (!inst.asm!.volatile && inst.asm!.outputs.length > 0 && s.uses[inst.id] === 0) return
      const results: (Value | undefined)[] = inst.asm!.outputs.map(() => undefined)
      if (results.length > 0) results[0] = inst
      s.asmResults.get(inst)?.forEach(result => {
        results[result.offset] = result
      })
      emitAsm(s, inst.asm!, inst.args, results, [])
      return
    }
    default:
      // asmresult: the asm above defines it; bottom up, it is seen before.
      s.asmResults.set(inst.args[0]!, [...(s.asmResults.get(inst.args[0]!) ?? []), inst])
  }
}

function call(s: Selector, inst: Value, args: readonly Value[]): void {
  const callee = inst.op === 'call' ? inst.func! : undefined
  const passed = passArgs(s, args, callee)
  if (passed === undefined) return
  const insn = s.emit(CALL, 0, 0, 0, callee ? -1 : inst.helper)
  insn.args = passed
  if (callee) insn.symbol = { target: callee, addend: 0 }
  takeResult(s, inst)
}

function indirectCall(s: Selector, inst: Value): void {
  const target = s.root(inst.args[0]!)
  const args = inst.args.slice(1)
  if (target.op === 'func') {
    const passed = passArgs(s, args, target.func)
    if (passed === undefined) return
    const insn = s.emit(CALL, 0, 0, 0, -1)
    insn.args = passed
    insn.symbol = { target: target.func!, addend: 0 }
    takeResult(s, inst)
    return
  }
  if (target.op === 'const' && target.value <= 0x7fff_ffffn) {
    const passed = passArgs(s, args, undefined)
    if (passed === undefined) return
    s.emit(CALL, 0, 0, 0, Number(target.value)).args = passed
    takeResult(s, inst)
    return
  }
  const register = s.reg(target)
  const passed = passArgs(s, args, undefined)
  if (passed === undefined) return
  s.emit(CALLX, register).args = passed
  takeResult(s, inst)
}

function takeResult(s: Selector, inst: Value): void {
  const to = s.wanted(inst)
  if (to !== NONE) s.copy(to, R0)
}

/**
 * Moves arguments into r1 to r5. Integers of less than 32 bits are extended, as the callee may expect it; those of 32 are
 * zero-extended, because verifiers take a helper's size for 64 bits and what is above a truncated value fails their check. Answers which
 * registers were set, as `MInsn.args` has it; undefined after an error.
 */
function passArgs(s: Selector, args: readonly Value[], callee: Func | undefined): number | undefined {
  if (args.length > MAX_ARGS) {
    const name = callee ? `'${callee.name}'` : 'the function'
    s.error(
      'G0004',
      `${args.length} arguments in a call of ${name}: eBPF passes at most ${MAX_ARGS}`,
      'pass a pointer to a struct, or make the function static and __always_inline',
    )
    return undefined
  }
  let passed = 0
  args.forEach((arg, i) => {
    const to = i + 1
    // A static function that does not read its parameter gets nothing (constant-arguments). All others need what they declare.
    if (arg.op === 'undef' && callee?.binding === 'local' && !callee.isDeclaration) return
    passed |= 1 << to
    const width = bitsOf(arg.type)
    if (width >= 32 || s.root(arg).op === 'const') {
      if (width < 32 && isSignedParam(callee, i))
        s.push(s.constantInsn(to, 'i32', BigInt.asUintN(32, signed(arg.type, s.root(arg).value))))
      else if (width === 32 && s.root(arg).op !== 'const' && s.alu32) s.zeroExtendTo(to, arg)
      else if (width === 32 && s.root(arg).op !== 'const') s.copy(to, s.zeroExtended(arg))
      else s.moveTo(to, arg)
    } else if (isSignedParam(callee, i)) s.copy(to, s.signExtended(arg, s.alu32 ? 32 : 64))
    else s.copy(to, s.zeroExtended(arg))
  })
  return passed
}

function isSignedParam(callee: Func | undefined, index: number): boolean {
  const type: CType | undefined = callee?.decl?.type.params[index]?.type
  if (!type) return false
  const plain = canonical(type)
  return plain.kind === 'int' ? plain.signed : plain.kind === 'enum' ? plain.underlying.signed : false
}

/** The registers of r0 to r9 that an asm destroys are fixed in its `info`; operands get theirs from the allocator. */
export function emitAsm(
  s: Selector,
  info: AsmInfo,
  args: readonly Value[],
  results: readonly (Value | undefined)[],
  labels: readonly MBlock[],
): void {
  const outputs = info.outputs.map((output, i) => {
    if (output.memory) return NONE
    const result = results[i]
    const wanted = result ? s.wanted(result) : NONE
    return wanted === NONE ? s.out.register() : wanted
  })
  const inputs: AsmInput[] = []
  info.inputs.forEach((input, i) => {
    const value = args[i]!
    if (input.tiedTo !== undefined) {
      const register = outputs[input.tiedTo]!
      s.moveTo(register, value)
      inputs.push({ kind: 'register', register })
    } else inputs.push(asmInput(s, input.constraint, value))
  })
  const insn = s.emit(P_ASM, NONE, NONE)
  insn.asm = { info, outputs, inputs, labels: [...labels] }
}

function asmInput(s: Selector, constraint: 'r' | 'i' | 'm' | 'ri', value: Value): AsmInput {
  const root =
    constraint === 'm' || constraint === 'r' ? s.root(value) : knownValue(s.func, s.root(value), s.context.target.little)
  if (constraint === 'm') {
    const address = s.address(value, 0)
    if (address.slot) return { kind: 'memory', register: NONE, slot: address.slot, offset: address.offset }
    if (fitsOff(address.offset) && !address.core)
      return { kind: 'memory', register: s.baseRegister(address), slot: undefined, offset: address.offset }
    return { kind: 'memory', register: s.reg(value), slot: undefined, offset: 0 }
  }
  if (constraint !== 'r') {
    if (root.op === 'const') return { kind: 'immediate', value: immediateOf(value.type, root.value) }
    if (root.op === 'global') return { kind: 'symbol', symbol: { target: root.global!, addend: root.offset } }
    if (root.op === 'func') return { kind: 'symbol', symbol: { target: root.func!, addend: 0 } }
    if (constraint === 'i')
      s.error('G0006', "an operand with constraint 'i' is not a constant", 'give it a constant, or constraint "r"')
  }
  return { kind: 'register', register: s.reg(value) }
}

const immediateOf = (type: IrType, value: bigint) => signed(type, BigInt.asUintN(bitsOf(type), value))
