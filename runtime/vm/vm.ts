/**
 * Running BPF programs without a kernel. A `Vm` is made of a prepared object: its maps are there, its programs can be run on
 * packets, contexts and fixtures, and what they left in maps, packets and buffers can be read.
 *
 * Deterministic: time stands still unless advanced, random numbers come from a seed, the current task is what the test says.
 */
import type { Insns } from '../../assembler/isa/insns.js'
import { NotImplemented } from '../../base/outcome.js'
import type { MapDef } from '../../linker/object/bpf-object.js'
import { BtfKind } from '../../linker/btf/btf-types.js'
import type { PreparedObject, PreparedProgram } from '../../linker/object/prepared.js'
import { isAccepted } from '../kernel/accepted.js'
import { asLoaded, mapCreationErrno } from '../kernel/map-creation.js'
import { coverageOf, type ProgramCoverage } from './coverage.js'
import { type Environment, type EnvironmentOptions, makeEnvironment } from './environment.js'
import { EINVAL } from './errno.js'
import { exceptionCallback } from './exceptions.js'
import { type FaultReport, VmFault } from './fault.js'
import './helpers/all.js'
import { addConnection } from './helpers/conntrack.js'
import { setSample } from './helpers/samples.js'
import { setStacks } from './helpers/stacks.js'
import { fireTimers } from './helpers/timers.js'
import { setDeviceMetadata } from './helpers/xdp-metadata.js'
import { execute } from './interpreter.js'
import { answeredKfunc, type KfuncAnswer } from './kfunc-answers.js'
import { type Compiled, compile, repeat } from './jit/engine.js'
import { type Fixture, KernelObjects } from './kernel-objects.js'
import { bigOf } from './long.js'
import { Machine } from './machine.js'
import { MapAccess, MapError } from './map-access.js'
import './maps/all.js'
import { makeMap, MapType, mapTypeName, type VmMap } from './maps/map.js'
import { StructOpsMap } from './maps/struct-ops.js'
import { ProgramImage } from './program-image.js'
import './programs/all.js'
import type { PacketBuffer } from './programs/packet-buffer.js'
import { type TaskOptions, Tasks } from './tasks.js'
import { watcher } from './trace.js'
import { iterate, type IterateOptions, type IteratorItem, type IteratorResult } from './programs/iterators.js'
import { programKind, type RunInput, type RunResult } from './programs/table.js'
import { KERNEL_OBJECTS } from './programs/tracing.js'
import { type StructOps, structOps } from './struct-ops.js'
import { endpoint, type SocketFixture, Sockets, VmSocket } from './sockets.js'

export interface VmOptions extends EnvironmentOptions {
  /** Instructions a run may execute before it ends in LimitReached, each of its repetitions anew. Default: 100 million. */
  readonly budget?: number
  /** Bytes that maps, packets and kernel objects may take. Default: 1 GB. */
  readonly memoryLimit?: number
  /**
   * What each byte of a stack frame holds before the program writes to it. A kernel leaves there what was there, so that a program that reads
   * what it never wrote shows by its result. In compiled programs a second call finds what the first left. Default: 0.
   */
  readonly stackFill?: number
  /**
   * `compiled`: programs that a verifier accepted before they first run (`verifyProgram`, `load`, or the running kernel) run as WebAssembly, without
   * checks of their own; all others, and those that cannot be compiled, run in the interpreter (`VmProgram.notCompiled` says why). Of instructions only those of loops count against the budget, none where
   * it is Infinity. Default: `checked`.
   */
  readonly engine?: 'checked' | 'compiled'
  /** Counts how often each instruction ran (see `VmProgram.hits`). */
  readonly coverage?: boolean
  /**
   * A VM whose world this object is loaded into: clock, processors, task, sockets, memory and limits are that VM's. Maps that both objects pin
   * by name are the same map.
   */
  readonly beside?: Vm
  /** Maps that are there already, in the place of the object's own by name (bpf_map__reuse_fd); of `beside`, or it is taken from them. */
  readonly reuse?: Readonly<Record<string, MapAccess>>
}

/** Options that are of the whole world. */
const WORLD_OPTIONS = [
  'ktime',
  'cpus',
  'cpu',
  'seed',
  'random',
  'task',
  'budget',
  'memoryLimit',
  'stackFill',
] as const satisfies readonly (keyof VmOptions)[]

/** LIBBPF_PIN_BY_NAME. */
const PIN_BY_NAME = 1

/** What must be the same of a map and a definition that it is taken for (libbpf: map_is_reuse_compat). */
const SAME_WHEN_REUSED = [
  'type',
  'keySize',
  'valueSize',
  'maxEntries',
  'flags',
  'mapExtra',
] as const satisfies readonly (keyof MapDef)[]

/** Sizes that the source leaves to a loader, or that something is wrong with them. */
function whyNotMade(def: MapDef): string {
  const sized = { ...def, maxEntries: def.maxEntries || 4096, valueSize: def.valueSize || 8 }
  if (mapCreationErrno(sized) !== 0) return 'the kernel refuses these sizes or flags'
  const missing = [def.maxEntries === 0 ? 'max_entries' : '', def.valueSize === 0 ? 'value_size' : '']
    .filter(Boolean)
    .join(' and ')
  return `it has no ${missing}, which its loader has to set (maps: { NAME: { maxEntries, valueSize } } of load, --map-size)`
}

function newMachine(options: VmOptions): Machine {
  const { budget = 100_000_000, memoryLimit = 1 << 30, stackFill = 0 } = options
  return new Machine({ budget, memoryLimit, stackFill }, makeEnvironment(options))
}

export class Vm {
  readonly machine: Machine
  /** Maps by name. */
  readonly maps: Readonly<Record<string, MapAccess>>
  private readonly mapList: VmMap[] = []
  private readonly programs = new Map<string, VmProgram>()
  private readonly images: (ProgramImage | undefined)[] = []
  readonly objects: KernelObjects
  /** The number that program arrays have for the object's first program. */
  private readonly firstProgram: number

  constructor(
    readonly prepared: PreparedObject,
    private readonly options: VmOptions = {},
  ) {
    const { beside } = options
    this.machine = beside?.machine ?? newMachine(options)
    if (beside) {
      const given = WORLD_OPTIONS.find(name => options[name] !== undefined)
      if (given) throw new RangeError(`${given} is of the whole world: it was said when the VM was made that this one is beside`)
      if (beside.prepared.kernelBtf !== prepared.kernelBtf)
        throw new RangeError('objects that are loaded beside each other must be prepared for the same kernel BTF')
      this.objects = beside.objects
    } else {
      this.machine.kernelBtf = prepared.kernelBtf
      this.objects = new KernelObjects(this.machine, prepared.kernelBtf)
      this.machine.extras.set(KERNEL_OBJECTS, this.objects)
      this.machine.tasks = new Tasks(this.machine.memory, this.objects)
      this.machine.sockets = new Sockets(this.machine.memory, this.objects)
      if (prepared.kernelBtf?.byName('bpf_map').length) this.machine.memory.mapObject = index => this.mapObject(index)
    }
    this.firstProgram = this.machine.programs.length
    for (const index of prepared.programs.keys()) this.machine.programs.push(() => this.image(index))
    const access: Record<string, MapAccess> = {}
    for (const def of prepared.maps) {
      const there = this.mapAlreadyThere(def)
      this.mapList.push(there ?? this.addMap(def))
      access[def.name] = new MapAccess(this.mapList.at(-1)!, prepared.btf)
    }
    this.maps = access
    for (const def of prepared.maps) this.fillSlots(def)
  }

  /** Time, CPU, current task: change them between runs. */
  get env(): Environment {
    return this.machine.env
  }

  /** Moves the clock; timers that come due meanwhile fire, in order of their time. */
  advance(nanoseconds: bigint | number): void {
    const until = this.env.ktime + BigInt(nanoseconds)
    fireTimers(this.machine, until)
    this.env.ktime = until
  }

  /** Makes the task that programs find themselves in a kernel object: `bpf_get_current_task` gives its address. */
  setCurrentTask(fixture: Fixture, options: TaskOptions = {}): number {
    this.env.task.address = this.machine.tasks.add(fixture, options)
    return this.env.task.address
  }

  /** Adds a task beside the current one, for iterators and for helpers that look at other tasks. Returns its address. */
  addTask(fixture: Fixture, options: TaskOptions = {}): number {
    return this.machine.tasks.add(fixture, options)
  }

  /** Puts a socket into the network: lookups find it, and its `number` goes into sockmaps. */
  addSocket(fixture: SocketFixture): VmSocket {
    return this.machine.sockets.add(fixture)
  }

  /** Adds a tracked connection (`10.0.0.1:4000` to `10.0.0.2:80`); fields are of its `struct nf_conn`. Returns its address. */
  addConnection(
    protocol: 'tcp' | 'udp',
    source: string,
    destination: string,
    fields: { readonly [field: string]: number } = {},
  ): number {
    return addConnection(this.machine, protocol === 'tcp' ? 6 : 17, endpoint(source), endpoint(destination), fields)
  }

  /** Adds a cgroup that programs find by the id of its `kn`: a fixture of `struct cgroup`. Returns its address. */
  addCgroup(fixture: Fixture): number {
    const address = this.objects.build(fixture)
    if (!this.machine.cgroups.includes(address)) this.machine.cgroups.push(address)
    return address
  }

  /** Sets an extended attribute of a file (a fixture of `struct file`). */
  setXattr(file: Fixture, name: string, value: Uint8Array | string): void {
    const inode = this.objects.word(this.objects.build(file), 'file', 'f_inode')
    if (inode === 0) throw new RangeError('the file has no f_inode')
    const attributes = this.machine.xattrs.get(inode) ?? new Map<string, Uint8Array>()
    attributes.set(name, typeof value === 'string' ? new TextEncoder().encode(value) : value)
    this.machine.xattrs.set(inode, attributes)
  }

  /** Answers calls of a kfunc: of one's own modules, or in the place of what the VM has. Without an answer the VM's own is back. */
  setKfunc(name: string, answer: KfuncAnswer | undefined): void {
    if (answer) this.machine.answered.set(name, answeredKfunc(answer, this.objects))
    else this.machine.answered.delete(name)
  }

  program(name: string): VmProgram {
    let program = this.programs.get(name)
    if (!program) {
      const index = this.prepared.programs.findIndex(each => each.name === name)
      if (index < 0)
        throw new RangeError(`there is no program ${name}; there are ${this.prepared.programs.map(each => each.name).join(', ')}`)
      program = new VmProgram(this, this.prepared.programs[index]!, () => this.image(index), this.options.engine === 'compiled')
      this.programs.set(name, program)
    }
    return program
  }

  /**
   * A struct_ops map as the kernel would use it: members that have a program can be called. Fixtures among the arguments become
   * kernel objects.
   */
  structOps(name: string): StructOps {
    const map = this.mapList.find(each => each.def.name === name)
    if (!(map instanceof StructOpsMap)) throw new RangeError(`there is no struct_ops map ${name}`)
    return structOps(this, map)
  }

  /** A map handed over, or pinned by another object; throws MapError where libbpf refuses it for not being as defined. */
  private mapAlreadyThere(given: MapDef): VmMap | undefined {
    const handed = this.options.reuse?.[given.name]?.map
    if (handed && this.machine.maps[handed.index] !== handed)
      throw new RangeError(`map ${given.name} is of another VM: load this object beside that one`)
    const there =
      handed ??
      (given.pinning === PIN_BY_NAME
        ? this.machine.maps.find(map => map.def.name === given.name && map.def.pinning === PIN_BY_NAME)
        : undefined)
    const def = asLoaded(given, this.env.cpus)
    if (there && (def.data || SAME_WHEN_REUSED.some(field => def[field] !== there.def[field])))
      throw new MapError(`cannot take the existing map ${there.def.name} for ${def.name}: it is not as defined`, EINVAL)
    return there
  }

  /** Throws MapError for a definition that BPF_MAP_CREATE refuses. */
  private addMap(given: MapDef): VmMap {
    const def = asLoaded(given, this.env.cpus)
    const errno = mapCreationErrno(def)
    if (errno !== 0) throw new MapError(`cannot create map ${def.name} (${mapTypeName(def.type)}): ${whyNotMade(def)}`, errno)
    const map = makeMap(def, { machine: this.machine, index: this.machine.maps.length, btf: this.prepared.btf })
    this.machine.maps.push(map)
    return map
  }

  /** Initial slots of maps of maps and program arrays. */
  private fillSlots(def: MapDef): void {
    for (const { index, target } of def.values) {
      const number = def.type === MapType.PROG_ARRAY ? this.programNumber(target) : this.mapNumber(target)
      if (number < 0) continue
      const key = new Uint8Array(def.keySize)
      const value = new Uint8Array(def.valueSize)
      new DataView(key.buffer).setUint32(0, index, true)
      new DataView(value.buffer).setUint32(0, number, true)
      this.maps[def.name]!.set(key, value)
    }
  }

  /** Number of a program, as program arrays hold it. */
  programNumber(name: string): number {
    const index = this.prepared.programs.findIndex(program => program.name === name)
    return index < 0 ? -1 : this.firstProgram + index
  }

  /** Number of a map, as maps of maps hold it. */
  mapNumber(name: string): number {
    return this.maps[name]?.map.index ?? -1
  }

  private image(index: number): ProgramImage {
    const program = this.prepared.programs[index]!
    let image = this.images[index]
    if (!image) {
      if (program.fault) throw new VmFault(program.fault, 0, program.name)
      image = this.makeImage(program.name, program.insns, program, programKind(program.type, program.section).probing ?? false)
      this.images[index] = image
    }
    return image
  }

  private makeImage(name: string, insns: Insns, program: PreparedProgram, probing: boolean): ProgramImage {
    const { kernelBtf } = this.prepared
    const image = new ProgramImage(
      name,
      insns,
      program.lineInfo,
      {
        mapCount: this.mapList.length,
        mapNumber: map => this.mapList[map]!.index,
        btf: this.prepared.btf,
        mapValueAddress: map => this.mapList[map]!.valueBase(),
        variableAddress: id => this.variable(id),
        kfuncName: id => {
          const type = kernelBtf && id > 0 && id < kernelBtf.count ? kernelBtf.type(id) : undefined
          return type?.kind === BtfKind.Func ? type.name : `#${id}`
        },
      },
      probing,
    )
    image.exceptionCallback = exceptionCallback(this.prepared, program)
    if (this.options.coverage) {
      image.hits = new Uint32Array(insns.length)
      image.taken = new Uint32Array(insns.length)
    }
    return image
  }

  /** The `struct bpf_map` that programs see when they read through a map's handle, by the map's number. */
  mapObject(index: number): number {
    const { maps, mapObjects } = this.machine
    const { def } = maps[index]!
    mapObjects[index] ??= this.objects.build({
      struct: 'bpf_map',
      fields: {
        map_type: def.type,
        key_size: def.keySize,
        value_size: def.valueSize,
        max_entries: def.maxEntries,
        map_flags: def.flags,
        id: index + 1,
        name: def.name.slice(0, 15),
      },
    })
    return mapObjects[index]
  }

  /** Gives a kernel variable (`extern … __ksym`) its bytes; a per-CPU variable takes a list, one for each CPU. */
  setVariable(name: string, bytes: Uint8Array | readonly Uint8Array[]): void {
    if (bytes instanceof Uint8Array) {
      this.machine.variables.set(name, this.objects.place(`kernel variable ${name}`, bytes))
      return
    }
    const { memory } = this.machine
    if (bytes.length !== this.env.cpus) throw new RangeError(`${name}: ${bytes.length} values for ${this.env.cpus} CPUs`)
    const stride = (Math.max(1, ...bytes.map(each => each.length)) + 7) & ~7
    const { start } = memory.region(`kernel variable ${name}`, stride * bytes.length, { stride, high: bytes[0]!.length })
    for (const [cpu, each] of bytes.entries()) memory.write(start + cpu * stride, each)
    this.machine.perCpuVariables.set(start, stride)
    this.machine.variables.set(name, start)
  }

  private variable(id: number): number {
    const type = this.prepared.kernelBtf?.type(id)
    const name = type?.kind === BtfKind.Var ? type.name : `#${id}`
    const address = this.machine.variables.get(name)
    if (address === undefined) throw new NotImplemented(`kernel variable ${name}: give it a value with setVariable`)
    return address
  }
}

export class VmProgram {
  constructor(
    private readonly vm: Vm,
    readonly prepared: PreparedProgram,
    private readonly image: () => ProgramImage,
    private readonly compiles: boolean,
  ) {}

  private compiledForm: Compiled | undefined

  private wasAccepted = false

  /** A verdict may come after the VM was made; it does not go away. */
  private get accepted(): boolean {
    this.wasAccepted ||= isAccepted(this.vm.prepared, this.prepared)
    return this.wasAccepted && !this.vm.machine.constantsChanged
  }

  private compiled(): Compiled {
    this.compiledForm ??= compile(this.vm.machine, this.image())
    return this.compiledForm
  }

  /** Why the program is not compiled though the VM was made with the engine `compiled`; undefined when it is. */
  get notCompiled(): string | undefined {
    if (!this.compiles) return 'the engine is the interpreter'
    if (this.vm.machine.constantsChanged) return 'read-only data was changed after the verdict'
    return this.accepted ? this.compiled().refused : 'no verifier has accepted the program'
  }

  get name(): string {
    return this.prepared.name
  }

  /** How often each slot ran since the VM was made; undefined unless the VM was made with `coverage`. */
  get hits(): Uint32Array | undefined {
    return this.image().hits
  }

  /** Counts per source line and jump since the VM was made; needs the option `coverage` and line information in the object. */
  get coverage(): ProgramCoverage {
    return coverageOf(this.image())
  }

  /**
   * Runs the program once. A fault of the program is part of the result; LimitReached (budget, memory) and NotImplemented
   * (naming what is missing) are thrown.
   */
  run(input: RunInput = {}): RunResult {
    const { machine } = this.vm
    const kind = programKind(this.prepared.type, this.prepared.section)
    machine.reset()
    if (input.budget !== undefined) machine.remaining = input.budget
    machine.packet = undefined
    machine.watch = input.onStep && watcher(machine, input.onStep)
    machine.programType = this.prepared.type
    machine.extras.set('retval', 0)
    machine.socket = input.socket && (input.socket instanceof VmSocket ? input.socket : machine.sockets.add(input.socket))
    machine.selected = undefined
    setStacks(machine, input.stack)
    setSample(machine, input.sample)
    setDeviceMetadata(machine, input.metadata)
    let fault: FaultReport | undefined
    let context = { address: 0, size: 0 }
    try {
      const image = this.image()
      machine.image = image
      context = kind.setUp(machine, this.prepared, input)
      machine.context = context.address
      const count = input.repeat ?? 1
      if (this.compiles && !machine.watch && !image.hits && this.accepted) this.compiled().run(machine, count)
      else repeat(machine, count, () => execute(machine, image, 0))
    } catch (error) {
      if (!(error instanceof VmFault)) throw error
      fault = this.report(error)
    }
    const { memory, lo, hi } = machine
    const packet = machine.packet as PacketBuffer | undefined
    return {
      ret: fault ? 0n : bigOf(lo[0]!, hi[0]!),
      retval: fault ? 0 : lo[0]!,
      packet: packet && (kind.packetAfter ? kind.packetAfter(machine) : packet.bytes()),
      ctx: memory.bytes.slice(context.address, context.address + context.size),
      fault,
      insns: machine.executed,
      trace: machine.trace,
      streams: machine.streams,
      signals: machine.signals,
      hookResult: machine.extras.get('retval') as number,
      redirects: machine.redirects,
      socket: machine.selected,
      overridden: machine.overridden,
      ...kind.resultAfter?.(machine),
    }
  }

  /**
   * Iterators: runs the program for each item (fields of its context, fixtures for pointers), then without one, and returns what it
   * wrote. Without items, over what the VM has: tasks, areas of tasks, maps, elements of a map, sockets.
   */
  iterate(items?: readonly IteratorItem[], options: IterateOptions = {}): IteratorResult {
    return iterate(this.vm, this, items, options)
  }

  private report(fault: VmFault): FaultReport {
    const { machine } = this.vm
    const image = fault.program === machine.image?.name ? machine.image : undefined
    const line = image?.lineOf(fault.slot)
    return {
      message: fault.message,
      program: fault.program,
      slot: fault.slot,
      line: line && { path: line.path, line: line.line, text: line.text },
    }
  }
}
