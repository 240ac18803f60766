/** What is checked before a program is walked: instruction patterns, maps, constants (resolve_pseudo_ldimm64 and its kin). */
import * as op from '../../../assembler/isa/opcodes.js'
import { MapType, ProgType } from '../../../linker/object/uapi.js'
import { BtfKind } from '../../../linker/btf/btf-types.js'
import { builtIn } from '../../kernel/machine.js'
import { RegType, TypeFlag } from '../../kernel/reg-types.js'
import { versionAtLeast } from '../../kernel/profile.js'
import type { Env } from '../env.js'
import { hasField } from '../state/btf-record.js'
import type { VerifierMap } from '../state/maps.js'
import { BPF_MAX_VAR_OFF } from '../check/alu.js'

const LD_IMM64 = op.BPF_LD | op.BPF_IMM | op.BPF_DW

/** Opcodes that the interpreter's table has (bpf_opcode_in_insntable). */
function knownOpcode(env: Env, code: number): boolean {
  const kind = code & 7
  const operation = code & 0xf0
  switch (kind) {
    case op.BPF_ALU:
    case op.BPF_ALU64:
      if (operation > op.BPF_END) return false
      if (operation === op.BPF_NEG) return (code & 8) === 0
      if (operation === op.BPF_END) return kind === op.BPF_ALU || (env.kernel.v4 && (code & 8) === 0)
      return true
    case op.BPF_JMP:
      if (operation === op.BPF_JA || operation === op.BPF_CALL || operation === op.BPF_EXIT) return (code & 8) === 0
      if (operation === op.BPF_JCOND) return env.kernel.mayGoto && (code & 8) === 0
      return operation <= op.BPF_JSLE
    case op.BPF_JMP32:
      if (operation === op.BPF_JA) return env.kernel.longJumps && (code & 8) === 0
      return operation !== op.BPF_CALL && operation !== op.BPF_EXIT && operation <= op.BPF_JSLE
    case op.BPF_LD: {
      const mode = code & 0xe0
      const size = code & 0x18
      return ((mode === op.BPF_ABS || mode === op.BPF_IND) && size !== op.BPF_DW) || code === LD_IMM64
    }
    case op.BPF_LDX: {
      const mode = code & 0xe0
      return mode === op.BPF_MEM || (mode === op.BPF_MEMSX && env.kernel.v4 && (code & 0x18) !== op.BPF_DW)
    }
    case op.BPF_ST:
      return (code & 0xe0) === op.BPF_MEM
    case op.BPF_STX: {
      const mode = code & 0xe0
      if (mode === op.BPF_ATOMIC) return env.kernel.acquireRelease || (code & 0x18) === op.BPF_W || (code & 0x18) === op.BPF_DW
      return mode === op.BPF_MEM
    }
    default:
      return false
  }
}

const sleepableMaps: readonly number[] = [
  MapType.HASH,
  MapType.LRU_HASH,
  MapType.ARRAY,
  MapType.PERCPU_HASH,
  MapType.PERCPU_ARRAY,
  MapType.LRU_PERCPU_HASH,
  MapType.ARRAY_OF_MAPS,
  MapType.HASH_OF_MAPS,
  MapType.RINGBUF,
  MapType.USER_RINGBUF,
  MapType.INODE_STORAGE,
  MapType.SK_STORAGE,
  MapType.TASK_STORAGE,
  MapType.CGRP_STORAGE,
  MapType.QUEUE,
  MapType.STACK,
  MapType.ARENA,
]

/** Those that sleepable programs could not use from the first, 5.10. */
const sleepableMapsSince: ReadonlyMap<number, string> = new Map([
  [MapType.RINGBUF, '5.11'],
  [MapType.PERCPU_HASH, '5.12'],
  [MapType.PERCPU_ARRAY, '5.12'],
  [MapType.LRU_PERCPU_HASH, '5.12'],
  [MapType.ARRAY_OF_MAPS, '5.12'],
  [MapType.HASH_OF_MAPS, '5.12'],
  [MapType.INODE_STORAGE, '5.17'],
  [MapType.SK_STORAGE, '5.17'],
  [MapType.TASK_STORAGE, '5.17'],
  [MapType.USER_RINGBUF, '6.1'],
  [MapType.CGRP_STORAGE, '6.2'],
  [MapType.QUEUE, '6.7'],
  [MapType.STACK, '6.7'],
])

/** check_map_prog_compatibility. */
function checkMapForProgram(env: Env, map: VerifierMap): void {
  const tracing = env.progType.tracing
  const { record } = map
  if (hasField(record, 'list_head', 'rb_root') && tracing) env.reject('tracing progs cannot use bpf_{list_head,rb_root} yet')
  if (hasField(record, 'spin_lock', 'res_spin_lock')) {
    if (env.program.type === ProgType.SOCKET_FILTER) env.reject('socket filter progs cannot use bpf_spin_lock yet')
    if (tracing) env.reject('tracing progs cannot use bpf_spin_lock yet')
  }
  if (hasField(record, 'spin_lock') && env.program.sleepable && !env.kernel.sleepableLocks)
    env.reject('sleepable progs cannot use bpf_spin_lock yet')
  if (hasField(record, 'timer') && tracing) env.reject('tracing progs cannot use bpf_timer yet')
  if (hasField(record, 'wq') && tracing) env.reject('tracing progs cannot use bpf_wq yet')
  if (map.type === MapType.STRUCT_OPS) env.reject('bpf_struct_ops map cannot be used in prog')
  if (!env.program.sleepable) return
  const since = sleepableMapsSince.get(map.type)
  if (!sleepableMaps.includes(map.type) || (since && !versionAtLeast(env.kernel.version, since)))
    env.reject(
      env.kernel.sleepableByAttach
        ? 'Sleepable programs can only use array, hash, ringbuf and local storage maps'
        : 'Sleepable programs can only use array, hash, and ringbuf maps',
    )
}

export function checkPatterns(env: Env): void {
  const { insns } = env
  const { length } = insns
  const used = new Set<number>()
  let arena = false
  for (let slot = 0; slot < length; slot++) {
    const code = insns.code[slot]!
    if ((code & 7) === op.BPF_LDX) {
      const mode = code & 0xe0
      if ((mode !== op.BPF_MEM && !(mode === op.BPF_MEMSX && env.kernel.v4)) || insns.imm[slot] !== 0)
        env.reject('BPF_LDX uses reserved fields')
    }
    if (code === LD_IMM64) {
      if (slot === length - 1 || insns.code[slot + 1] !== 0 || insns.dst[slot + 1] || insns.src[slot + 1] || insns.off[slot + 1])
        env.reject('invalid bpf_ld_imm64 insn')
      const src = insns.src[slot]!
      if (src === op.BPF_PSEUDO_BTF_ID) resolveVariable(env, slot)
      else if (src === op.BPF_PSEUDO_MAP_FD || src === op.BPF_PSEUDO_MAP_VALUE) {
        if (src === op.BPF_PSEUDO_MAP_FD && insns.imm[slot + 1] !== 0) env.reject('unrecognized bpf_ld_imm64 insn')
        const index = insns.imm[slot]!
        if (index < 0 || index >= env.object.maps.length) env.reject(`fd ${index} is not pointing to valid bpf_map`)
        const map = env.map(index)
        if (!used.has(index)) {
          used.add(index)
          if (used.size > 64) env.reject('The total number of maps per program has reached the limit of 64', 7)
        }
        checkMapForProgram(env, map)
        if (src === op.BPF_PSEUDO_MAP_VALUE) {
          const off = insns.imm[slot + 1]! >>> 0
          if (off >= BPF_MAX_VAR_OFF) env.reject(`direct value offset of ${off} is not allowed`)
          if (!map.directValues) env.reject('no direct value access support for this map type')
          if (map.type !== MapType.ARENA && (map.maxEntries !== 1 || off >= map.valueSize))
            env.reject(`invalid access to map value pointer, value_size=${map.valueSize} off=${off}`)
        }
        if (map.type === MapType.ARENA) {
          if (arena && !used.has(index)) env.reject('Only one arena per program')
          if (!env.capable || !env.perfmon) env.reject('CAP_BPF and CAP_PERFMON are required to use arena', 1)
          arena = true
        }
      } else if (src !== 0 && src !== op.BPF_PSEUDO_FUNC) env.reject('unrecognized bpf_ld_imm64 insn')
      slot++
      continue
    }
    if (!knownOpcode(env, code)) env.reject(`unknown opcode ${code.toString(16).padStart(2, '0')}`)
  }
}

/** What a load of a kernel variable's address gives (check_pseudo_btf_id). */
export interface KernelVariable {
  readonly type: number
  readonly btfId: number
  readonly memSize: number
}

const variables = new WeakMap<Env, Map<number, KernelVariable>>()
export const kernelVariable = (env: Env, slot: number): KernelVariable => variables.get(env)!.get(slot)!

function resolveVariable(env: Env, slot: number): void {
  const btf = env.kernelBtf
  if (!btf) env.missing('kernel variables without the BTF of a kernel')
  if (env.insns.imm[slot + 1] !== 0) env.missing('variables of kernel modules')
  const id = env.insns.imm[slot]!
  if (!btf.has(id)) env.reject(`ldimm64 insn specifies invalid btf_id ${id}.`)
  const type = btf.type(id)
  let found: KernelVariable
  if (type.kind === BtfKind.Func) found = { type: RegType.PTR_TO_MEM | TypeFlag.MEM_RDONLY, btfId: 0, memSize: 0 }
  else if (type.kind === BtfKind.Var) {
    const addresses = builtIn(env.machine, 'CONFIG_KALLSYMS_ALL')
    if (addresses === undefined)
      env.missing(`address of ${type.name} where it is not known whether the kernel has CONFIG_KALLSYMS_ALL`)
    if (!addresses) env.reject(`ldimm64 failed to find the address for kernel symbol '${type.name}'.`, 2)
    const datasec = btf.find('.data..percpu', BtfKind.Datasec)
    const section = datasec ? btf.type(datasec) : undefined
    const percpu = section?.kind === BtfKind.Datasec && section.vars.some(entry => entry.type === id)
    const target = btf.resolved(type.type)
    if (percpu) found = { type: RegType.PTR_TO_BTF_ID | TypeFlag.MEM_PERCPU, btfId: type.type, memSize: 0 }
    else if (target.kind === BtfKind.Struct || target.kind === BtfKind.Union)
      found = { type: RegType.PTR_TO_BTF_ID, btfId: type.type, memSize: 0 }
    else {
      const size = btf.size(type.type)
      if (size === undefined) env.reject(`ldimm64 unable to resolve the size of type '${btf.name(type.type)}': -22`)
      found = { type: RegType.PTR_TO_MEM | TypeFlag.MEM_RDONLY, btfId: 0, memSize: size }
    }
  } else env.reject(`pseudo btf_id ${id} in ldimm64 isn't KIND_VAR or KIND_FUNC`)
  let map = variables.get(env)
  if (!map) variables.set(env, (map = new Map()))
  map.set(slot, found)
}
