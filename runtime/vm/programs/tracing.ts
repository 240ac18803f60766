/**
 * Tracing programs: kprobes and uprobes (`struct pt_regs` of x86-64), tracepoints (the event's struct), raw tracepoints, fentry,
 * fexit, fmod_ret, LSM, iterators and struct_ops (eight bytes an argument), perf events.
 */
import { AttachType } from '../../../linker/object/uapi.js'
import type { KernelObjects } from '../kernel-objects.js'
import type { Machine } from '../machine.js'
import { iteratorContext } from './iterators.js'
import { type ContextField, defineProgramKind, type RunInput, scratchRegion, writeFields, writeNumber } from './table.js'

const PT_REGS_BYTES = 168

const ptRegs: readonly ContextField[] = [
  'r15',
  'r14',
  'r13',
  'r12',
  'bp',
  'bx',
  'r11',
  'r10',
  'r9',
  'r8',
  'ax',
  'cx',
  'dx',
  'si',
  'di',
  'orig_ax',
  'ip',
  'cs',
  'flags',
  'sp',
  'ss',
].map((name, index) => ({ name, offset: index * 8, size: 8 }))

/** Registers that carry the first six arguments (System V ABI). */
const ARGUMENT_REGISTERS = ['di', 'si', 'dx', 'cx', 'r8', 'r9']

/** The VM's builder of kernel objects, where fixtures among the arguments go. */
export const KERNEL_OBJECTS = 'kernel objects'

/** Arguments as numbers: fixtures are built and stand for their address. */
function argumentValues(m: Machine, input: RunInput): (number | bigint)[] {
  return (input.args ?? []).map(argument => {
    if (typeof argument !== 'object') return argument
    return (m.extras.get(KERNEL_OBJECTS) as KernelObjects).build(argument)
  })
}

function extras(m: Machine, input: RunInput, count: number): void {
  m.extras.set('cookie', input.cookie ?? 0n)
  m.extras.set('ip', input.ip ?? 0n)
  m.extras.set('arguments', count)
  m.extras.set('returning', input.returning ?? false)
}

function writeContext(m: Machine, address: number, input: RunInput, fields: readonly ContextField[], what: string): void {
  if (input.ctx instanceof Uint8Array) m.memory.write(address, input.ctx)
  else if (input.ctx) writeFields(m, address, fields, input.ctx, what)
}

defineProgramKind({
  types: [2],
  setUp(m, _program, input) {
    const address = scratchRegion(m, 'pt_regs', PT_REGS_BYTES, false)
    const values = argumentValues(m, input)
    for (const [index, value] of values.slice(0, 6).entries()) {
      const register = ptRegs.find(each => each.name === ARGUMENT_REGISTERS[index])!
      writeNumber(m, address + register.offset, 8, value)
    }
    if (input.result !== undefined) writeNumber(m, address + 80, 8, input.result)
    writeContext(m, address, input, ptRegs, 'pt_regs')
    extras(m, input, values.length)
    m.setArg(1, address)
    return { address, size: PT_REGS_BYTES }
  },
})

defineProgramKind({
  types: [5],
  setUp(m, _program, input) {
    extras(m, input, 0)
    const objects = m.extras.get(KERNEL_OBJECTS) as KernelObjects
    if (input.event) {
      const address = objects.build(input.event)
      m.setArg(1, address)
      return { address, size: 0 }
    }
    const bytes = input.ctx instanceof Uint8Array ? input.ctx : new Uint8Array(64)
    const address = scratchRegion(m, 'tracepoint record', bytes.length, false)
    m.memory.write(address, bytes)
    m.setArg(1, address)
    return { address, size: bytes.length }
  },
})

/** Raw tracepoints and all that attaches to a BTF type: the arguments lie in a row, eight bytes each, then the result. */
defineProgramKind({
  types: [17, 24, 26, 27, 28, 29],
  probing: true,
  setUp(m, program, input) {
    if (program.expectedAttachType === AttachType.TRACE_ITER) return iteratorContext(m, program, input.item ?? {})
    const values = argumentValues(m, input)
    const size = 8 * 16
    const address = scratchRegion(m, 'arguments', size)
    for (const [index, value] of values.entries()) writeNumber(m, address + index * 8, 8, value)
    if (input.result !== undefined) writeNumber(m, address + values.length * 8, 8, input.result)
    if (input.ctx instanceof Uint8Array) m.memory.write(address, input.ctx.subarray(0, size))
    extras(m, input, values.length)
    m.setArg(1, address)
    return { address, size }
  },
})

const PERF_EVENT_BYTES = PT_REGS_BYTES + 16

defineProgramKind({
  types: [7],
  setUp(m, _program, input) {
    const address = scratchRegion(m, 'bpf_perf_event_data', PERF_EVENT_BYTES, false)
    writeContext(
      m,
      address,
      input,
      [...ptRegs, { name: 'sample_period', offset: 168, size: 8 }, { name: 'addr', offset: 176, size: 8 }],
      'bpf_perf_event_data',
    )
    extras(m, input, 0)
    m.setArg(1, address)
    return { address, size: PERF_EVENT_BYTES }
  },
})
