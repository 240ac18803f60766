/**
 * Cgroup hooks on socket options and sysctls (kernel/bpf/cgroup.c, 6.12). Both see a value that somebody reads or sets, may change it,
 * and allow the call by returning 1. The helpers of sysctl programs are here too: nobody else has them.
 */
import { AttachType } from '../../../linker/object/uapi.js'
import { E2BIG, EINVAL } from '../errno.js'
import { VmFault } from '../fault.js'
import { defineHelpers } from '../helpers/table.js'
import type { Machine } from '../machine.js'
import type { PacketBuffer } from './packet-buffer.js'
import { type ContextField, defineProgramKind, scratchRegion, writeFields } from './table.js'
import { packetBuffer } from './xdp.js'

const PAGE = 4096
const SOCKOPT_BYTES = 40

/** A call of setsockopt or getsockopt; which of the two is in the program's section. */
export interface SockoptInput {
  readonly level: number
  readonly name: number
  /** setsockopt: what is set. getsockopt: what the kernel answered. */
  readonly value?: Uint8Array
  /** Length that the caller gave; the value's by default. */
  readonly length?: number
  /** getsockopt: the kernel's result, 0 or a negative errno. */
  readonly retval?: number
}

export interface SockoptResult {
  readonly level: number
  readonly name: number
  /** The buffer up to the length that the program left. */
  readonly value: Uint8Array
  /** -1 in setsockopt: the kernel's own handler is passed over. */
  readonly length: number
  readonly retval: number
}

const sockoptFields: readonly ContextField[] = [
  { name: 'level', offset: 24, size: 4 },
  { name: 'optname', offset: 28, size: 4 },
  { name: 'optlen', offset: 32, size: 4 },
  { name: 'retval', offset: 36, size: 4 },
]

defineProgramKind({
  types: [25],
  setUp(m, program, input) {
    const address = scratchRegion(m, 'bpf_sockopt', SOCKOPT_BYTES)
    const { view } = m.memory
    const { level, name, value = new Uint8Array(0), length = value.length, retval = 0 } = input.sockopt ?? { level: 0, name: 0 }
    const set = program.expectedAttachType === AttachType.CGROUP_SETSOCKOPT
    const room = Math.min(PAGE, set ? Math.max(16, length) : length)
    const buffer = packetBuffer(m, 'option', address, { data: 8, dataEnd: 16, dataMeta: -1, len: -1 }, room)
    const whole = new Uint8Array(room)
    whole.set(value.subarray(0, room))
    buffer.load(whole)
    m.extras.set('option buffer', buffer)
    m.memory.writePointer(address, m.socket?.address ?? 0)
    for (const [index, word] of [level, name, set ? length : value.length, retval].entries())
      view.setInt32(address + 24 + index * 4, word, true)
    if (input.ctx && !(input.ctx instanceof Uint8Array)) writeFields(m, address, sockoptFields, input.ctx, 'bpf_sockopt')
    m.setArg(1, address)
    return { address, size: SOCKOPT_BYTES }
  },
  resultAfter(m) {
    const word = (at: number) => m.memory.view.getInt32(m.context + at, true)
    const bytes = (m.extras.get('option buffer') as PacketBuffer).bytes()
    const length = word(32)
    return {
      sockopt: { level: word(24), name: word(28), value: bytes.slice(0, Math.max(0, length)), length, retval: word(36) },
    }
  },
})

/** A read of a sysctl, or a write where `newValue` is given. */
export interface SysctlInput {
  /** The path below /proc/sys: `net/ipv4/ip_forward`. */
  readonly name: string
  readonly value?: string
  readonly newValue?: string
  readonly position?: number
}

interface SysctlState {
  readonly name: string
  readonly value: Uint8Array
  newValue: Uint8Array | undefined
  changed: boolean
}

const SYSCTL_BYTES = 8

defineProgramKind({
  types: [23],
  setUp(m, _program, input) {
    const address = scratchRegion(m, 'bpf_sysctl', SYSCTL_BYTES)
    const { name, value = '', newValue, position = 0 } = input.sysctl ?? { name: '' }
    const encode = (text: string) => new TextEncoder().encode(text)
    const state: SysctlState = {
      name,
      value: encode(value),
      newValue: newValue === undefined || newValue === '' ? undefined : encode(newValue).slice(0, PAGE),
      changed: false,
    }
    m.extras.set('sysctl', state)
    m.memory.view.setUint32(address, newValue === undefined ? 0 : 1, true)
    m.memory.view.setUint32(address + 4, position, true)
    if (input.ctx instanceof Uint8Array) m.memory.write(address, input.ctx.subarray(0, SYSCTL_BYTES))
    else if (input.ctx)
      writeFields(
        m,
        address,
        [
          { name: 'write', offset: 0, size: 4 },
          { name: 'file_pos', offset: 4, size: 4 },
        ],
        input.ctx,
        'bpf_sysctl',
      )
    m.setArg(1, address)
    return { address, size: SYSCTL_BYTES }
  },
  resultAfter(m) {
    const { newValue, changed } = sysctl(m)
    return changed ? { newValue: new TextDecoder().decode(newValue) } : {}
  },
})

function sysctl(m: Machine): SysctlState {
  const state = m.extras.get('sysctl') as SysctlState | undefined
  if (!state) throw new VmFault('a helper of sysctls in a program that has none')
  return state
}

/** copy_sysctl_value: the length, or -E2BIG for a value that had to be cut. */
function copyValue(m: Machine, value: Uint8Array | undefined): void {
  const size = m.u32(3)
  if (size === 0) {
    m.ret(-E2BIG)
    return
  }
  const to = m.writable(2, size)
  m.memory.bytes.fill(0, to, to + size)
  if (!value || value.length === 0) m.ret(-EINVAL)
  else {
    m.memory.write(to, value.subarray(0, value.length < size ? size : size - 1))
    m.ret(value.length < size ? value.length : -E2BIG)
  }
}

/** BPF_F_SYSCTL_BASE_NAME: only the last part of the name. */
const BASE_NAME = 1n

function getName(m: Machine): void {
  const size = m.u32(3)
  const to = m.writable(2, size)
  const { name } = sysctl(m)
  const text = new TextEncoder().encode(m.u64(4) & BASE_NAME ? name.slice(name.lastIndexOf('/') + 1) : name)
  if (size === 0) {
    m.ret(-E2BIG)
    return
  }
  m.memory.write(to, text.subarray(0, size - 1))
  m.memory.bytes[to + Math.min(text.length, size - 1)] = 0
  m.ret(text.length < size ? text.length : -E2BIG)
}

function setNewValue(m: Machine): void {
  const state = sysctl(m)
  const size = m.u32(3)
  if (m.memory.view.getUint32(m.context, true) === 0 || !state.newValue || size === 0) m.ret(-EINVAL)
  else if (size > PAGE - 1) m.ret(-E2BIG)
  else {
    const from = m.readable(2, size)
    state.newValue = m.memory.bytes.slice(from, from + size)
    state.changed = true
    m.ret(0)
  }
}

function getNewValue(m: Machine): void {
  if (m.memory.view.getUint32(m.context, true) !== 0) copyValue(m, sysctl(m).newValue)
  else {
    const to = m.writable(2, m.u32(3))
    m.memory.bytes.fill(0, to, to + m.u32(3))
    m.ret(-EINVAL)
  }
}

defineHelpers([
  { id: 101, name: 'bpf_sysctl_get_name', run: getName },
  { id: 102, name: 'bpf_sysctl_get_current_value', run: m => copyValue(m, sysctl(m).value) },
  { id: 103, name: 'bpf_sysctl_get_new_value', run: getNewValue },
  { id: 104, name: 'bpf_sysctl_set_new_value', run: setNewValue },
])
