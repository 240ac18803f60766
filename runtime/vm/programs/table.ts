/**
 * The table of program types: how a run's input becomes the context in memory and the registers at the start, and what is read back
 * at the end. One file a family; `programs/all.ts` names them.
 */
import { NotImplemented } from '../../../base/outcome.js'
import type { Machine, Redirect } from '../machine.js'
import type { FaultReport } from '../fault.js'
import type { Streams } from '../helpers/print.js'
import type { SampleInput } from '../helpers/samples.js'
import type { StackInput } from '../helpers/stacks.js'
import type { DeviceMetadata } from '../helpers/xdp-metadata.js'
import type { RemoteEvent } from './lirc.js'
import type { Fixture } from '../kernel-objects.js'
import type { IteratorItem } from './iterators.js'
import type { SockoptInput, SockoptResult, SysctlInput } from './cgroup-hooks.js'
import type { SocketFixture, VmSocket } from '../sockets.js'
import type { Step } from '../trace.js'

/** Numbers for fields of a context, by the names of its uapi struct; arrays for its arrays. */
export type FieldValues = Readonly<Record<string, number | bigint | readonly number[]>>

/** What a run is given. Which parts matter depends on the program's type. */
export interface RunInput {
  /** XDP and skb programs: the packet, from its Ethernet header. */
  readonly packet?: Uint8Array
  /** The context itself: its bytes, or fields of it by name. */
  readonly ctx?: Uint8Array | FieldValues
  /** The socket that the packet, message, address or option belongs to; a fixture becomes a socket once. */
  readonly socket?: VmSocket | SocketFixture
  /** cgroup/getsockopt and setsockopt: the call. */
  readonly sockopt?: SockoptInput
  /** cgroup/sysctl: which is read, or written. */
  readonly sysctl?: SysctlInput
  /** sk_msg: sizes of the pieces in which the message lies; one piece when left out. Programs see the first. */
  readonly fragments?: readonly number[]
  /** Tracing programs: the arguments of the traced function or tracepoint; a fixture becomes a kernel object and its address the argument. */
  readonly args?: readonly (number | bigint | Fixture)[]
  /** Iterators: the object to show, by the names of the context's fields; usually given by `iterate`. */
  readonly item?: IteratorItem
  /** kretprobe, fexit, fmod_ret: what the traced function returned. */
  readonly result?: number | bigint
  /** Perf events: branches and counter of the sample. */
  readonly sample?: SampleInput
  /** Call stacks for bpf_get_stack and bpf_get_stackid, innermost address first. */
  readonly stack?: StackInput
  /** Sessions (kprobe.session): whether this is the call at the function's return. */
  readonly returning?: boolean
  /** What bpf_get_attach_cookie answers. */
  readonly cookie?: bigint
  /** What bpf_get_func_ip answers. */
  readonly ip?: bigint
  /** Tracepoints: a struct of the kernel's BTF, filled with fields, as context. */
  readonly event?: Fixture
  /** Runs the program so often on the same context, as BPF_PROG_TEST_RUN's `repeat`; the result is the last one's. */
  readonly repeat?: number
  /** XDP: what the device says of the packet (bpf_xdp_metadata_rx_*). */
  readonly metadata?: DeviceMetadata
  /** cgroup_sock_addr on UNIX sockets: the address, without a zero at its end. */
  readonly socketPath?: string
  /** Called before each instruction; such a run is interpreted. */
  readonly onStep?: (step: Step) => void
  /** Instructions this run may take; the VM's budget otherwise. */
  readonly budget?: number
}

export interface RunResult {
  /** Register 0 at the end, unsigned; 0 when the run faulted. */
  readonly ret: bigint
  /** Its low half, signed: what BPF_PROG_TEST_RUN reports. */
  readonly retval: number
  /** The packet afterwards, for programs that have one. */
  readonly packet: Uint8Array | undefined
  /** XDP: the metadata before the packet, where the program made some (bpf_xdp_adjust_meta). */
  readonly metadata?: Uint8Array
  /** The context's bytes afterwards. */
  readonly ctx: Uint8Array
  /** Set when the program did what no verified program does; then the rest is as it was at that moment. */
  readonly fault: FaultReport | undefined
  /** Instructions executed. */
  readonly insns: number
  /** Lines of bpf_printk. */
  readonly trace: readonly string[]
  /** What was written to the program's streams (bpf_stream_printk). */
  readonly streams: Streams
  /** Signals that were sent (bpf_send_signal). */
  readonly signals: readonly number[]
  /** cgroup and LSM hooks: what the hook answers its caller, where the program said (bpf_set_retval); else 0. */
  readonly hookResult: number
  /** What redirect helpers asked for, in order. */
  readonly redirects: readonly Redirect[]
  /** The socket that a program chose (bpf_sk_assign, bpf_sk_select_reuseport). */
  readonly socket: VmSocket | undefined
  /** lirc_mode2: keys and movements that the program reported. */
  readonly remote?: readonly RemoteEvent[]
  /** kprobe: what the traced function returns instead of running (bpf_override_return). */
  readonly overridden: bigint | undefined
  /** cgroup/getsockopt and setsockopt: the option as the program left it. */
  readonly sockopt?: SockoptResult
  /** cgroup_sock_addr on UNIX sockets: the address as the program left it. */
  readonly socketPath?: string
  /** cgroup/sysctl: what the program wants written instead. */
  readonly newValue?: string
  /** sock_ops: what the program answered in `reply`, and the bytes of TCP options it reserved. */
  readonly reply?: number
  readonly reserved?: number
  /** sk_msg: bytes that the verdict applies to, and bytes to wait for before the program is asked again; 0 where not said. */
  readonly message?: { readonly applyBytes: number; readonly corkBytes: number }
}

/** What a program type knows of the program. */
export interface ProgramInfo {
  readonly name: string
  readonly section: string
  readonly type: number
  readonly expectedAttachType: number
  readonly attachName: string
}

export interface ProgramKind {
  /** Values of `enum bpf_prog_type`. */
  readonly types: readonly number[]
  /** Loads through bad pointers give 0 instead of a fault: programs that follow BTF pointers. */
  readonly probing?: boolean
  /** Prepares the context and sets the registers; returns the context's address and size. */
  setUp(m: Machine, program: ProgramInfo, input: RunInput): { readonly address: number; readonly size: number }
  /** What changes in the result, e.g. the packet with the header that the program did not see. */
  packetAfter?(m: Machine): Uint8Array | undefined
  /** Parts of the result that only this type has. */
  resultAfter?(m: Machine): Partial<RunResult>
}

const kinds = new Map<number, ProgramKind>()

export function defineProgramKind(kind: ProgramKind): void {
  for (const type of kind.types) kinds.set(type, kind)
}

/** Whether programs of a type can be run. */
export function hasProgramKind(type: number): boolean {
  return kinds.has(type)
}

export function programKind(type: number, section: string): ProgramKind {
  const kind = kinds.get(type)
  if (!kind) throw new NotImplemented(`running programs of section ${section} (type ${type})`)
  return kind
}

/** Offsets and sizes of a context's fields; `count` for arrays. */
export interface ContextField {
  readonly name: string
  readonly offset: number
  readonly size: 1 | 2 | 4 | 8
  readonly count?: number
}

/** Writes fields by name; a name the context does not have is an error that lists those it has. */
export function writeFields(
  m: Machine,
  address: number,
  fields: readonly ContextField[],
  values: FieldValues,
  what: string,
): void {
  for (const [name, value] of Object.entries(values)) {
    const field = fields.find(each => each.name === name)
    if (!field) throw new RangeError(`${what} has no field '${name}'; it has ${fields.map(each => each.name).join(', ')}`)
    const list = typeof value === 'object' ? value : [value]
    for (const [index, item] of list.slice(0, field.count ?? 1).entries())
      writeNumber(m, address + field.offset + index * field.size, field.size, item)
  }
}

export function writeNumber(m: Machine, at: number, size: number, value: number | bigint): void {
  const { view } = m.memory
  if (size === 8) view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), true)
  else if (size === 4) view.setUint32(at, Number(BigInt.asUintN(32, BigInt(value))), true)
  else if (size === 2) view.setUint16(at, Number(BigInt.asUintN(16, BigInt(value))), true)
  else view.setUint8(at, Number(BigInt.asUintN(8, BigInt(value))))
}

/** Memory that a program type needs once a machine, by name. */
export function scratchRegion(m: Machine, name: string, size: number, writable = true): number {
  const known =
    (m.extras.get(`region ${name} ${size}`) as { start: number } | undefined) ?? m.memory.region(name, size, { writable })
  m.extras.set(`region ${name} ${size}`, known)
  m.memory.bytes.fill(0, known.start, known.start + size)
  return known.start
}
