/** Saved interrupt state, kept as eight bytes of the stack (kernel/bpf/verifier.c: process_irq_flag). */
import { RegType } from '../../kernel/reg-types.js'
import { EACCES, type Env } from '../env.js'
import { allTypes, EMPTY_SLOT, RefType, Slot, StackSlot, typeAt } from '../state/frames.js'
import { pointer } from '../state/registers.js'
import { objectSlot } from './dynptr.js'
import { checkMemAccess } from './memory.js'

/** Who saved the state: kfuncs of their own, or those of a lock. One kind cannot restore what the other saved. */
export const IrqClass = { NATIVE: 0, LOCK: 1 } as const
const classNames = ['native', 'lock'] as const

interface IrqCall {
  readonly save: boolean
  readonly kind: (typeof IrqClass)[keyof typeof IrqClass]
}

const irqKfuncs: Readonly<Record<string, IrqCall>> = {
  bpf_local_irq_save: { save: true, kind: IrqClass.NATIVE },
  bpf_local_irq_restore: { save: false, kind: IrqClass.NATIVE },
  bpf_res_spin_lock_irqsave: { save: true, kind: IrqClass.LOCK },
  bpf_res_spin_unlock_irqrestore: { save: false, kind: IrqClass.LOCK },
}

/** process_irq_flag. */
export function processIrqFlag(env: Env, kfunc: string, arg: number): void {
  const regno = arg + 1
  const reg = env.reg(regno)
  if (reg.type !== RegType.PTR_TO_STACK) env.reject(`arg#${arg} doesn't point to an irq flag on stack`)
  const call = irqKfuncs[kfunc]
  if (!call) return env.missing(`kfunc ${kfunc}`)
  const frame = env.frameOf(reg)
  const spi = objectSlot(env, reg, 'irq_flag', 1)
  if (call.save) {
    const used = (): boolean => [0, 1, 2, 3, 4, 5, 6, 7].some(i => typeAt(frame.stack[spi]!, i) === Slot.IRQ_FLAG)
    if (spi === -1 || (spi >= 0 && used())) env.reject(`expected uninitialized irq flag as arg#${arg}`)
    checkMemAccess(env, regno, 0, 8, 'write', -1, false, false)
    save(env, regno, call)
    return
  }
  const slot = spi < 0 ? undefined : frame.stack[spi]!
  if (!slot?.spilled.refObjId || slot.types !== allTypes(Slot.IRQ_FLAG))
    env.reject(`expected an initialized irq flag as arg#${arg}`)
  env.liveStack.markRead(env, reg.frameno, env.insnIdx, spi)
  const { iterState: irqClass, refObjId } = slot.spilled
  if (irqClass !== call.kind)
    env.reject(`irq flag acquired by ${classNames[irqClass]!} kfuncs cannot be restored with ${classNames[call.kind]} kfuncs`)
  restore(env, refObjId)
  frame.setSlot(spi, EMPTY_SLOT)
  env.liveStack.markWrite(env, frame.frameno, spi)
  env.touchSlot(spi)
}

/** mark_stack_slot_irq_flag. */
function save(env: Env, regno: number, { kind }: IrqCall): void {
  const reg = env.reg(regno)
  const frame = env.frameOf(reg)
  const spi = objectSlot(env, reg, 'irq_flag', 1)
  if (spi < 0) env.fail('flag out of the stack')
  const flag = pointer(RegType.PTR_TO_STACK)
  flag.refObjId = env.acquireReference(RefType.IRQ)
  flag.iterState = kind
  env.state.activeIrqId = flag.refObjId
  frame.setSlot(spi, new StackSlot(allTypes(Slot.IRQ_FLAG), flag))
  env.liveStack.markWrite(env, frame.frameno, spi)
  env.touchSlot(spi)
}

/** release_irq_state: what was saved last is restored first. */
function restore(env: Env, id: number): void {
  const { state } = env
  const saved = state.refs.filter(ref => ref.type === RefType.IRQ)
  if (id !== state.activeIrqId) {
    const last = state.refs.find(ref => ref.id === state.activeIrqId)
    env.reject(
      `cannot restore irq state out of order, expected id=${state.activeIrqId} acquired at insn_idx=${last?.insnIdx ?? 0}`,
      EACCES,
    )
  }
  env.releaseReference(id, RefType.IRQ)
  state.activeIrqId = saved[saved.findIndex(ref => ref.id === id) - 1]?.id ?? 0
}
