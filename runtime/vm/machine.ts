/**
 * The state of a running program, and what helpers use of it: registers, memory, maps, the environment, and the outcomes that a run
 * reports (printed text, redirects, events).
 */
import { NotImplemented } from '../../base/outcome.js'
import type { BtfSet } from '../../linker/btf/btf-types.js'
import type { Environment } from './environment.js'
import { VmFault } from './fault.js'
import type { Connection } from './helpers/conntrack.js'
import type { Streams } from './helpers/print.js'
import type { Timer } from './helpers/timers.js'
import { helperName, helpersById, kfuncsByName, poison } from './helpers/table.js'
import { callBack, FRAME_BYTES } from './interpreter.js'
import { bigOf } from './long.js'
import type { VmMap } from './maps/map.js'
import { MAP_HANDLE, type Region, VmMemory } from './memory.js'
import type { ProgramImage } from './program-image.js'
import type { PacketBuffer } from './programs/packet-buffer.js'
import { skbState } from './programs/skb.js'
import type { Sockets, VmSocket } from './sockets.js'
import type { Tasks } from './tasks.js'

export interface MachineOptions {
  /** Instructions a run may execute. */
  readonly budget: number
  /** Bytes of memory for maps, packets and objects together. */
  readonly memoryLimit: number
  /** What each byte of a fresh stack frame holds. */
  readonly stackFill: number
}

/** Loops that a `may_goto` allows, BPF_MAX_LOOPS of the kernel. */
const MAX_LOOPS = 1 << 23

/** Frames that callbacks and tail calls may pile up; beyond the verifier's 8 a chain, each of them starts a new one. */
const MAX_DEPTH = 512

/** Where a redirect helper sent the packet. */
export interface Redirect {
  readonly kind: 'ifindex' | 'clone' | 'peer' | 'neigh' | 'map' | 'socket' | 'assign' | 'route'
  readonly ifindex: number
  readonly map?: string
  readonly key?: number
  readonly flags: bigint
  /** Redirects to sockets and assignments: which one. */
  readonly socket?: VmSocket
  /** Segment routing: the next hop, or the table in which the destination is looked up. */
  readonly nexthop?: Uint8Array
  readonly table?: number
  /** For clones: the packet as it was. */
  readonly packet?: Uint8Array
}

export class Machine {
  readonly memory: VmMemory
  /** Low and high halves of the registers. */
  readonly lo = new Int32Array(16)
  readonly hi = new Int32Array(16)
  readonly maps: VmMap[] = []
  readonly caches = new Map<ProgramImage, Region[]>()
  private readonly frames: { readonly region: Region; readonly start: number }[] = []
  private depth = 0
  /** Loops that `may_goto` counted, by depth: every call of a function has its own count. */
  private readonly loops: number[] = []

  /** The program being run and the slot of the call being made, for helpers and messages. */
  image!: ProgramImage
  pc = 0
  remaining = 0
  executed = 0
  /** Set by bpf_tail_call: the interpreter goes on there. */
  tailCall: ProgramImage | undefined
  tailCalls = 0
  /** The type of the program that was started (`enum bpf_prog_type`), and its context's address. */
  programType = 0
  context = 0
  packet: PacketBuffer | undefined
  /** The test's sockets; set by the VM. */
  sockets!: Sockets
  tasks!: Tasks
  /** Tracked connections (helpers/conntrack.ts). */
  readonly connections: Connection[] = []
  /** Addresses of the cgroups that a test made. */
  readonly cgroups: number[] = []
  /** Extended attributes by the address of their inode. */
  readonly xattrs = new Map<number, Map<string, Uint8Array>>()
  /** Distance of the copies of a per-CPU kernel variable, by the address of CPU 0's. */
  readonly perCpuVariables = new Map<number, number>()
  /** What bpf_override_return makes the traced function return. */
  overridden: bigint | undefined
  /** The socket that the run is about, and the one the program chose. */
  socket: VmSocket | undefined
  selected: VmSocket | undefined
  /** Called before each instruction; interpreter only. */
  watch: ((image: ProgramImage, slot: number) => void) | undefined
  /** Text of bpf_trace_printk and its like. */
  trace: string[] = []
  redirects: Redirect[] = []
  streams: Streams = { stdout: '', stderr: '' }
  /** Numbers of the signals that the run sent. */
  signals: number[] = []
  /** Kfuncs that the test answers. */
  readonly answered = new Map<string, (m: Machine) => void>()
  /** Timers and work queues by the address of their field (helpers/timers.ts). */
  readonly timers = new Map<number, Timer>()
  /** State that one family of helpers keeps for a run or for the machine, by its own key. */
  readonly extras = new Map<string, unknown>()
  /** Read-only data was changed from outside: what verifiers said of the programs rests on other values. */
  constantsChanged = false
  kernelBtf: BtfSet | undefined
  /** Programs of all objects that were loaded into it, by the numbers that program arrays hold. */
  readonly programs: (() => ProgramImage)[] = []
  /** Addresses of the `struct bpf_map` of maps that were looked at, by their numbers. */
  readonly mapObjects: number[] = []
  /** Addresses of kernel variables that a test gave values, by name. */
  readonly variables = new Map<string, number>()

  constructor(
    readonly options: MachineOptions,
    readonly env: Environment,
  ) {
    this.memory = new VmMemory(options.memoryLimit)
  }

  /** Makes ready for a run. */
  reset(): void {
    while (this.depth > 0) this.leaveFrame()
    this.lo.fill(0)
    this.hi.fill(0)
    this.remaining = this.options.budget
    this.executed = 0
    this.tailCalls = 0
    this.tailCall = undefined
    this.trace = []
    this.redirects = []
    this.streams = { stdout: '', stderr: '' }
    this.signals = []
    this.overridden = undefined
  }

  /** Without `used` the frame is neither cleared nor open: the function has nothing to do with it. */
  enterFrame(used = true): void {
    if (this.depth >= MAX_DEPTH) throw new VmFault(`calls and callbacks are nested deeper than ${MAX_DEPTH}`)
    let frame = this.frames[this.depth]
    if (!frame) {
      const region = this.memory.region(`stack of frame ${this.depth}`, FRAME_BYTES, { closed: true })
      frame = { region, start: region.start }
      this.frames.push(frame)
    }
    const { region, start } = frame
    if (used) {
      region.end = start + FRAME_BYTES
      this.memory.bytes.fill(this.options.stackFill, start, region.end)
    }
    this.loops[this.depth] = 0
    this.depth++
    this.lo[10] = start + FRAME_BYTES
    this.hi[10] = 0
  }

  leaveFrame(): void {
    const { region } = this.frames[--this.depth]!
    region.end = region.start
    this.lo[10] = this.depth > 0 ? this.frames[this.depth - 1]!.start + FRAME_BYTES : 0
  }

  /** Frames that are there now, callbacks' and their callers' together. */
  get frameDepth(): number {
    return this.depth
  }

  /** The stack of the innermost frame; undefined when nothing runs. */
  get stackFrame(): Region | undefined {
    return this.depth > 0 ? this.frames[this.depth - 1]!.region : undefined
  }

  mayGoto(_pc: number): boolean {
    return ++this.loops[this.depth - 1]! > MAX_LOOPS
  }

  callHelper(id: number): void {
    const helper = helpersById[id]
    if (!helper) {
      const poisoned = poison(id)
      if (poisoned) throw new VmFault(poisoned)
      throw new NotImplemented(`helper ${helperName(id)}`, this.where())
    }
    helper(this)
  }

  callKfunc(name: string): void {
    const kfunc = this.answered.get(name) ?? kfuncsByName.get(name)
    if (!kfunc) throw new NotImplemented(`kfunc ${name} (a test can answer it: vm.setKfunc)`, this.where())
    kfunc(this)
  }

  where(): string {
    const line = this.image.lineOf(this.pc)
    return `${this.image.name}, instruction ${this.pc}${line ? `, ${line.path}:${line.line}` : ''}`
  }

  /** Runs a callback of the program; arguments are in registers 1 to 5, the result is left in register 0. */
  call(low: number, high: number): void {
    callBack(this, low, high)
  }

  /** Between arena and kernel addresses: an arena is where it is, so only the low half counts. */
  castAddressSpace(dst: number, src: number, _imm: number): void {
    this.lo[dst] = this.lo[src]!
    this.hi[dst] = 0
  }

  /** LD_ABS and LD_IND: a big-endian load from the packet into register 0; false where the packet has no such bytes. */
  loadPacket(size: number, offset: number): boolean {
    const { packet } = this
    if (!packet) throw new VmFault('a packet load in a program without a packet')
    const start = this.packetStart(offset)
    if (start === undefined) return false
    const address = packet.data + start
    if (start < 0 && this.loadHeader(size, start)) return true
    if (start < 0) return false
    if (address + size > packet.end) return false
    const { view } = this.memory
    this.lo[0] = size === 1 ? view.getUint8(address) : size === 2 ? view.getUint16(address, false) : view.getInt32(address, false)
    this.hi[0] = 0
    return true
  }

  /**
   * Negative offsets of packet loads count from the network header (SKF_NET_OFF) or the link-layer header (SKF_LL_OFF); see
   * bpf_internal_load_pointer_neg_helper. The result counts from the packet's data.
   */
  private packetStart(offset: number): number | undefined {
    if (offset >= 0) return offset
    const { macOffset } = skbState(this) ?? { macOffset: 0 }
    if (offset >= -0x10_0000) return offset + 0x10_0000 + macOffset + 14
    return offset >= -0x20_0000 ? offset + 0x20_0000 + macOffset : undefined
  }

  /** A load from the Ethernet header that lies before the data a program sees. */
  private loadHeader(size: number, start: number): boolean {
    const header = skbState(this)?.header
    if (!header || start + size > 0) return false
    const view = new DataView(header.buffer, header.byteOffset, header.byteLength)
    const at = header.length + start
    this.lo[0] = size === 1 ? view.getUint8(at) : size === 2 ? view.getUint16(at, false) : view.getInt32(at, false)
    this.hi[0] = 0
    return true
  }

  // What follows is for helpers.

  /** Argument `register` as an unsigned number of 32 bits. */
  u32(register: number): number {
    return this.lo[register]! >>> 0
  }

  s32(register: number): number {
    return this.lo[register]!
  }

  u64(register: number): bigint {
    return bigOf(this.lo[register]!, this.hi[register]!)
  }

  /** Returns a signed number. */
  ret(value: number): void {
    this.lo[0] = value
    this.hi[0] = value < 0 ? -1 : 0
  }

  /** Returns an address or an unsigned number of 32 bits. */
  retAddress(address: number): void {
    this.lo[0] = address
    this.hi[0] = 0
  }

  ret64(value: bigint): void {
    this.lo[0] = Number(BigInt.asIntN(32, value))
    this.hi[0] = Number(BigInt.asIntN(32, value >> 32n))
  }

  setArg(register: number, value: number): void {
    this.lo[register] = value
    this.hi[register] = 0
  }

  /** Address of a readable range that an argument points to. */
  readable(register: number, size: number): number {
    return this.memory.range(this.hi[register]!, this.lo[register]!, size, false)
  }

  writable(register: number, size: number): number {
    return this.memory.range(this.hi[register]!, this.lo[register]!, size, true)
  }

  /** Whether an argument is NULL. */
  isNull(register: number): boolean {
    return this.lo[register] === 0 && this.hi[register] === 0
  }

  /** The map whose handle an argument holds. */
  map(register: number): VmMap {
    const map = this.hi[register] === MAP_HANDLE ? this.maps[this.lo[register]! >>> 16] : undefined
    if (!map) throw new VmFault(`argument ${register} is no map`)
    return map
  }
}
