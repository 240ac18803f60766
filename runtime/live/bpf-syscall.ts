/**
 * bpf(2) on the running kernel: make maps, load BTF and programs, test-run. Never attaches anything. Layouts are those of
 * `union bpf_attr` in include/uapi/linux/bpf.h, little-endian machines only.
 */
import { LiveUnavailable, type Native, native } from './native.js'

const Command = {
  MapCreate: 0,
  MapLookup: 1,
  MapUpdate: 2,
  MapDelete: 3,
  MapNextKey: 4,
  ProgLoad: 5,
  TestRun: 10,
  BtfLoad: 18,
  MapFreeze: 22,
  MapLookupBatch: 24,
  MapLookupAndDeleteBatch: 25,
  MapUpdateBatch: 26,
  MapDeleteBatch: 27,
} as const

/** The number of bpf(2) in the system call table, by machine. */
const syscallNumbers: Readonly<Record<string, number>> = {
  x64: 321,
  arm64: 280,
  riscv64: 280,
  loong64: 280,
  s390x: 351,
  ppc64: 361,
}

/** Attribute bytes under construction, and the native memory that its pointers refer to. */
class Attr {
  readonly bytes = new Uint8Array(160)
  private readonly view = new DataView(this.bytes.buffer)
  private readonly owned: bigint[] = []

  constructor(private readonly lib: Native) {}

  u32(offset: number, value: number): this {
    this.view.setUint32(offset, value >>> 0, true)
    return this
  }

  u64(offset: number, value: bigint): this {
    this.view.setBigUint64(offset, value, true)
    return this
  }

  name(offset: number, name: string): this {
    // The kernel takes 15 characters of [A-Za-z0-9_.].
    const clean = name.replace(/[^A-Za-z0-9_.]/g, '_').slice(0, 15)
    for (let i = 0; i < clean.length; i++) this.bytes[offset + i] = clean.charCodeAt(i)
    return this
  }

  /** A pointer to a copy of the bytes; returns its address. */
  pointer(offset: number, bytes: Uint8Array): bigint {
    const address = this.lib.copyIn(bytes)
    this.owned.push(address)
    this.u64(offset, address)
    return address
  }

  call(command: number): number {
    const number = syscallNumbers[process.arch]
    if (number === undefined) throw new LiveUnavailable(`the number of bpf(2) on ${process.arch} is not known`)
    const address = this.lib.copyIn(this.bytes)
    try {
      const result = this.lib.syscall(number, command, address, this.bytes.length)
      this.bytes.set(this.lib.copyOut(address, this.bytes.length))
      return result
    } finally {
      this.lib.free(address)
    }
  }

  get(offset: number): number {
    return this.view.getUint32(offset, true)
  }

  release(): void {
    for (const address of this.owned) this.lib.free(address)
  }
}

function withAttr<T>(work: (attr: Attr, lib: Native) => T): T {
  const lib = native()
  const attr = new Attr(lib)
  try {
    return work(attr, lib)
  } finally {
    attr.release()
  }
}

export interface MapCreateRequest {
  readonly name: string
  readonly type: number
  readonly keySize: number
  readonly valueSize: number
  readonly maxEntries: number
  readonly flags: number
  readonly innerFd: number
  readonly numaNode: number
  readonly btfFd: number
  readonly keyType: number
  readonly valueType: number
  readonly vmlinuxValueType: number
  readonly mapExtra: bigint
}

/** A map's descriptor, or `-errno`. */
export function mapCreate(request: MapCreateRequest): number {
  return withAttr(attr => {
    attr.u32(0, request.type).u32(4, request.keySize).u32(8, request.valueSize).u32(12, request.maxEntries).u32(16, request.flags)
    attr.u32(20, request.innerFd).u32(24, request.numaNode).name(28, request.name)
    attr
      .u32(48, request.btfFd)
      .u32(52, request.keyType)
      .u32(56, request.valueType)
      .u32(60, request.vmlinuxValueType)
      .u64(64, request.mapExtra)
    return attr.call(Command.MapCreate)
  })
}

/** 0, or `-errno`. */
export function mapUpdate(fd: number, key: Uint8Array, value: Uint8Array, flags = 0n): number {
  return withAttr(attr => {
    attr.u32(0, fd).u64(24, flags)
    attr.pointer(8, key)
    attr.pointer(16, value)
    return attr.call(Command.MapUpdate)
  })
}

/** The value's bytes, or `-errno`. */
export function mapLookup(fd: number, key: Uint8Array, valueSize: number): Uint8Array | number {
  return withAttr((attr, lib) => {
    attr.u32(0, fd)
    attr.pointer(8, key)
    const out = attr.pointer(16, new Uint8Array(valueSize))
    const result = attr.call(Command.MapLookup)
    return result < 0 ? result : lib.copyOut(out, valueSize)
  })
}

/** 0, or `-errno`. */
export function mapDelete(fd: number, key: Uint8Array): number {
  return withAttr(attr => {
    attr.u32(0, fd)
    attr.pointer(8, key)
    return attr.call(Command.MapDelete)
  })
}

/** The key after another, the first one without; `-ENOENT` after the last. */
export function mapNextKey(fd: number, key: Uint8Array | undefined, keySize: number): Uint8Array | number {
  return withAttr((attr, lib) => {
    attr.u32(0, fd)
    if (key) attr.pointer(8, key)
    const out = attr.pointer(16, new Uint8Array(keySize))
    const result = attr.call(Command.MapNextKey)
    return result < 0 ? result : lib.copyOut(out, keySize)
  })
}

export interface MapBatch {
  readonly operation: 'lookup' | 'lookup-delete' | 'update' | 'delete'
  readonly count: number
  /** Keys and values behind each other: what is given, or room for what is found. */
  readonly keys: Uint8Array
  readonly values: Uint8Array
  /** Where an earlier lookup stopped. */
  readonly after?: Uint8Array
  /** Of the elements, `BPF_F_LOCK`. */
  readonly flags?: bigint
}

const batchCommands = {
  lookup: Command.MapLookupBatch,
  'lookup-delete': Command.MapLookupAndDeleteBatch,
  update: Command.MapUpdateBatch,
  delete: Command.MapDeleteBatch,
} as const

/** A batch operation: 0 or `-errno`, the number of elements that the kernel says, and what it left in the buffers. */
export function mapBatch(fd: number, request: MapBatch): { error: number; count: number; keys: Uint8Array; values: Uint8Array } {
  return withAttr((attr, lib) => {
    attr
      .u32(36, fd)
      .u32(32, request.count)
      .u64(40, request.flags ?? 0n)
    if (request.after) attr.pointer(0, request.after)
    attr.pointer(8, new Uint8Array(Math.max(8, request.keys.length)))
    const keys = attr.pointer(16, request.keys)
    const values = attr.pointer(24, request.values)
    const error = attr.call(batchCommands[request.operation])
    return {
      error: Math.min(0, error),
      count: attr.get(32),
      keys: lib.copyOut(keys, request.keys.length),
      values: lib.copyOut(values, request.values.length),
    }
  })
}

export function mapFreeze(fd: number): number {
  return withAttr(attr => attr.u32(0, fd).call(Command.MapFreeze))
}

/** A descriptor for BTF, or `-errno`. */
export function btfLoad(bytes: Uint8Array): number {
  return withAttr(attr => {
    attr.pointer(0, bytes)
    return attr.u32(16, bytes.length).call(Command.BtfLoad)
  })
}

export interface ProgLoadRequest {
  readonly name: string
  readonly type: number
  readonly expectedAttachType: number
  readonly flags: number
  readonly insns: Uint8Array
  readonly license: string
  readonly kernVersion: number
  readonly attachBtfId: number
  readonly attachProgFd: number
  readonly btfFd: number
  /** Rows of 8 and of 16 bytes, as in struct bpf_func_info and bpf_line_info. */
  readonly funcInfo: Uint8Array
  readonly lineInfo: Uint8Array
  readonly logLevel: number
}

export interface ProgLoadResult {
  /** The descriptor, or `-errno`. */
  readonly fd: number
  readonly log: string
}

const LOG_BYTES = 16 << 20

export function progLoad(request: ProgLoadRequest): ProgLoadResult {
  return withAttr((attr, lib) => {
    attr.u32(0, request.type).u32(4, request.insns.length / 8)
    attr.pointer(8, request.insns)
    attr.pointer(16, new TextEncoder().encode(`${request.license}\0`))
    attr.u32(40, request.kernVersion).u32(44, request.flags).name(48, request.name).u32(68, request.expectedAttachType)
    attr.u32(72, request.btfFd)
    if (request.btfFd > 0) {
      attr
        .u32(76, 8)
        .u32(88, request.funcInfo.length / 8)
        .u32(92, 16)
        .u32(104, request.lineInfo.length / 16)
      if (request.funcInfo.length > 0) attr.pointer(80, request.funcInfo)
      if (request.lineInfo.length > 0) attr.pointer(96, request.lineInfo)
    }
    attr.u32(108, request.attachBtfId).u32(112, request.attachProgFd)
    let log = 0n
    if (request.logLevel > 0) {
      log = lib.allocate(LOG_BYTES)
      attr.u32(24, request.logLevel).u32(28, LOG_BYTES).u64(32, log)
    }
    try {
      const fd = attr.call(Command.ProgLoad)
      return { fd, log: log ? cstring(lib, log) : '' }
    } finally {
      if (log) lib.free(log)
    }
  })
}

function cstring(lib: Native, address: bigint): string {
  const parts: Uint8Array[] = []
  for (let at = 0; at < LOG_BYTES; at += 65536) {
    const part = lib.copyOut(address + BigInt(at), Math.min(65536, LOG_BYTES - at))
    const end = part.indexOf(0)
    parts.push(end < 0 ? part : part.subarray(0, end))
    if (end >= 0) break
  }
  return parts.map(part => new TextDecoder('latin1').decode(part)).join('')
}

export interface TestRunRequest {
  readonly fd: number
  readonly data?: Uint8Array
  readonly context?: Uint8Array
  readonly repeat?: number
  readonly flags?: number
  /** Room for what the program leaves of the packet. */
  readonly dataOutSize?: number
}

export interface TestRunResult {
  /** 0, or `-errno`. */
  readonly error: number
  readonly retval: number
  readonly data: Uint8Array
  readonly context: Uint8Array
  /** Average nanoseconds of a run. */
  readonly duration: number
}

export function testRun(request: TestRunRequest): TestRunResult {
  return withAttr((attr, lib) => {
    attr
      .u32(0, request.fd)
      .u32(32, request.repeat ?? 1)
      .u32(64, request.flags ?? 0)
    const room = request.dataOutSize ?? 0
    let out = 0n
    if (request.data) {
      attr.pointer(16, request.data)
      attr.u32(8, request.data.length)
    }
    if (room > 0) {
      out = attr.pointer(24, new Uint8Array(room))
      attr.u32(12, room)
    }
    let contextOut = 0n
    if (request.context) {
      attr.pointer(48, request.context)
      contextOut = attr.pointer(56, new Uint8Array(request.context.length))
      attr.u32(40, request.context.length).u32(44, request.context.length)
    }
    const error = attr.call(Command.TestRun)
    return {
      error: Math.min(0, error),
      retval: attr.get(4),
      data: out ? lib.copyOut(out, Math.min(room, attr.get(12))) : new Uint8Array(0),
      context: contextOut ? lib.copyOut(contextOut, Math.min(request.context!.length, attr.get(44))) : new Uint8Array(0),
      duration: attr.get(36),
    }
  })
}
