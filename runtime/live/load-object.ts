/**
 * Puts a prepared object to the running kernel: creates its maps, loads its BTF and each program on its own, as libbpf's
 * `bpf_object__load` does with one program autoloaded. Descriptors are closed again; nothing is attached or pinned.
 */
import { BPF_PSEUDO_BTF_ID, BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE } from '../../assembler/isa/opcodes.js'
import { Insns } from '../../assembler/isa/insns.js'
import { ByteWriter } from '../../base/bytes.js'
import { BtfBuilder, encodeBtf } from '../../linker/btf/btf-builder.js'
import type { MapDef } from '../../linker/object/bpf-object.js'
import type { PreparedObject, PreparedProgram } from '../../linker/object/prepared.js'
import { ProgType } from '../../linker/object/uapi.js'
import { markAccepted } from '../kernel/accepted.js'
import { asLoaded } from '../kernel/map-creation.js'
import {
  btfLoad,
  mapCreate,
  mapFreeze,
  mapUpdate,
  type ProgLoadResult,
  progLoad,
  testRun,
  type TestRunRequest,
  type TestRunResult,
} from './bpf-syscall.js'
import { native } from './native.js'

const BPF_LD_IMM64 = 0x18
const LOG_LEVEL_STATS = 4
const ARENA = 33
const PAGE_BYTES = 4096
/** Names of errno values that bpf(2) gives; others print as numbers. */
const errnoNames: Readonly<Record<number, string>> = {
  1: 'EPERM',
  2: 'ENOENT',
  7: 'E2BIG',
  9: 'EBADF',
  11: 'EAGAIN',
  12: 'ENOMEM',
  13: 'EACCES',
  14: 'EFAULT',
  16: 'EBUSY',
  17: 'EEXIST',
  19: 'ENODEV',
  22: 'EINVAL',
  28: 'ENOSPC',
  38: 'ENOSYS',
  75: 'EOVERFLOW',
  95: 'EOPNOTSUPP',
  524: 'ENOTSUPP',
}

export const errnoName = (errno: number): string => errnoNames[errno] ?? `error ${errno}`

export interface LiveVerdict {
  readonly program: string
  readonly section: string
  readonly accepted: boolean
  /** 0 when accepted. */
  readonly errno: number
  readonly log: string
  /** From the log's statistics; -1 where the verifier never decided. */
  readonly processed: number
  /** What failed before the verifier: a map or BTF that the kernel does not take. */
  readonly before: string | undefined
}

/** A loaded program with its maps, to test-run; close it when done. */
export interface LiveProgram {
  readonly fd: number
  readonly verdict: LiveVerdict
  /** Descriptor of a map by its index in the object; -1 for one that this program does not use. */
  readonly maps: readonly number[]
  run(request: Omit<TestRunRequest, 'fd'>): TestRunResult
  close(): void
}

export interface LoadSettings {
  /** Bits of the verifier's log level; 4 (statistics) by default, and again with 1 for the message when refused. */
  readonly logLevel?: number
  /** The loaded program whose functions `freplace` programs take the place of. */
  readonly attachProgFd?: number
}

export function loadProgram(object: PreparedObject, program: PreparedProgram, settings: LoadSettings = {}): LiveProgram {
  const descriptors: number[] = []
  const maps = object.maps.map(() => -1)
  const close = () => {
    for (const fd of descriptors.splice(0)) native().close(fd)
  }
  const fail = (before: string, errno: number): LiveProgram => {
    close()
    return {
      fd: -1,
      maps,
      verdict: { program: program.name, section: program.section, accepted: false, errno, log: '', processed: -1, before },
      run: () => ({ error: -9, retval: 0, data: new Uint8Array(0), context: new Uint8Array(0), duration: 0 }),
      close: () => undefined,
    }
  }
  if (program.fault !== undefined) return fail(program.fault, 22)

  const strings = new BtfBuilder()
  const lineInfo = new ByteWriter(true)
  for (const line of program.lineInfo)
    lineInfo
      .u32(line.slot)
      .u32(strings.string(line.path))
      .u32(strings.string(line.text))
      .u32((line.line << 10) | (line.column & 1023))
  const funcInfo = new ByteWriter(true)
  for (const func of program.functions) funcInfo.u32(func.slot).u32(func.type)
  let btfFd = 0
  if (object.btf) {
    btfFd = btfLoad(encodeBtf(object.btf, true, strings))
    if (btfFd > 0) descriptors.push(btfFd)
    else btfFd = 0
  }

  const used = usedMaps(program.insns)
  for (const index of used) {
    const def = object.maps[index]
    if (!def) return fail(`an instruction refers to map ${index}, the object has ${object.maps.length}`, 22)
    const fd = createMap(def, btfFd, descriptors)
    if (fd < 0) return fail(`map ${def.name}: ${errnoName(-fd)}`, -fd)
    maps[index] = fd
  }
  const insns = withDescriptors(program.insns, maps)
  const named = program.functions.every(func => func.type > 0)
  const load = (logLevel: number): ProgLoadResult =>
    progLoad({
      name: program.name,
      type: program.type,
      expectedAttachType: program.expectedAttachType,
      flags: program.flags,
      insns: insns.toBytes(true),
      license: object.license,
      kernVersion: object.kernelVersion ?? 0,
      attachBtfId: program.attachBtfId,
      attachProgFd: program.type === ProgType.EXT ? (settings.attachProgFd ?? 0) : 0,
      btfFd: named ? btfFd : 0,
      funcInfo: funcInfo.finish(),
      lineInfo: lineInfo.finish(),
      logLevel,
    })
  const asked = settings.logLevel ?? LOG_LEVEL_STATS
  let result = load(asked)
  if (result.fd < 0 && (asked & 3) === 0) result = load(asked | 1)
  if (result.fd >= 0) {
    descriptors.push(result.fd)
    markAccepted(object, program)
  }
  const processed = /^processed (\d+) insns/m.exec(result.log)
  return {
    fd: result.fd,
    maps,
    verdict: {
      program: program.name,
      section: program.section,
      accepted: result.fd >= 0,
      errno: result.fd < 0 ? -result.fd : 0,
      log: result.log,
      processed: processed ? Number(processed[1]) : -1,
      before: undefined,
    },
    run: request => testRun({ ...request, fd: result.fd }),
    close,
  }
}

function usedMaps(insns: Insns): Set<number> {
  const used = new Set<number>()
  for (let slot = 0; slot < insns.length; slot++) {
    if (insns.code[slot] !== BPF_LD_IMM64) continue
    if (insns.src[slot] === BPF_PSEUDO_MAP_FD || insns.src[slot] === BPF_PSEUDO_MAP_VALUE) used.add(insns.imm[slot]!)
    slot++
  }
  used.delete(-1)
  return used
}

function withDescriptors(prepared: Insns, maps: readonly number[]): Insns {
  const insns = new Insns(prepared.length)
  insns.copy(0, prepared, 0, prepared.length)
  for (let slot = 0; slot < insns.length; slot++) {
    if (insns.code[slot] !== BPF_LD_IMM64) continue
    const source = insns.src[slot]
    // -1 names no map, and no descriptor either.
    if (source === BPF_PSEUDO_MAP_FD || source === BPF_PSEUDO_MAP_VALUE) insns.imm[slot] = maps[insns.imm[slot]!] ?? -1
    else if (source === BPF_PSEUDO_BTF_ID) insns.imm[slot + 1] = 0
    slot++
  }
  return insns
}

function createMap(map: MapDef, btfFd: number, descriptors: number[]): number {
  let innerFd = 0
  if (map.inner) {
    innerFd = createMap(map.inner, btfFd, descriptors)
    if (innerFd < 0) return innerFd
  }
  const { keySize, valueSize, maxEntries } = asLoaded(map, 1)
  const request = {
    name: map.name,
    type: map.type,
    keySize,
    valueSize,
    maxEntries,
    flags: map.flags,
    innerFd,
    numaNode: map.numaNode,
    btfFd: map.keyType || map.valueType ? btfFd : 0,
    keyType: btfFd ? map.keyType : 0,
    valueType: btfFd ? map.valueType : 0,
    vmlinuxValueType: 0,
    mapExtra: map.mapExtra,
  }
  let fd = mapCreate(request)
  // As libbpf: a map whose type takes no BTF is created without.
  if (fd < 0 && request.btfFd) fd = mapCreate({ ...request, btfFd: 0, keyType: 0, valueType: 0 })
  if (fd < 0) return fd
  descriptors.push(fd)
  if (map.type === ARENA) return mapArena(map, fd)
  if (map.data) {
    // The kernel reads a whole value; what the section leaves out (all of .bss) is 0.
    const value = new Uint8Array(map.valueSize)
    value.set(map.data.bytes.subarray(0, map.valueSize))
    const updated = mapUpdate(fd, new Uint8Array(4), value)
    if (updated < 0) return updated
    if (map.data.readonly) mapFreeze(fd)
  }
  return fd
}

/** An arena has to be mapped before the verifier takes programs that use it; its globals are written through the mapping. Gives `fd`, or `-errno`. */
function mapArena(map: MapDef, fd: number): number {
  const size = map.maxEntries * PAGE_BYTES
  const address = native().map(map.mapExtra, size, fd)
  if (address < 0n) return Number(address)
  if (map.data && map.data.bytes.length > 0) native().write(address, map.data.bytes)
  return fd
}
