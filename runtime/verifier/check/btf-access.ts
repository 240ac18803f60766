/** Pointers typed by BTF: what a load through them gives, and how far they may be trusted (check_ptr_to_btf_access, btf_struct_walk). */
import { BtfKind } from '../../../linker/btf/btf-types.js'
import { MapType } from '../../../linker/object/uapi.js'
import { baseType, RegType, TypeFlag, typeFlags } from '../../kernel/reg-types.js'
import type { StructWrites } from '../../kernel/struct-writes.js'
import { versionAtLeast } from '../../kernel/profile.js'
import { EACCES, type Env, EFAULT } from '../env.js'
import { tnumText } from '../log/print-state.js'
import { fieldTypeNames, structMeta } from '../state/btf-record.js'
import type { BtfView } from '../state/btf-view.js'
import { isAllocatedObject, isNonOwningRef, mayBeNull, pointer, type RegState } from '../state/registers.js'
import * as t from '../state/tnum.js'

export const TRUSTED_MODIFIERS = TypeFlag.MEM_ALLOC | TypeFlag.PTR_TRUSTED | TypeFlag.NON_OWN_REF

/** Register types that stand for a struct of the kernel (reg2btf_ids). */
export const regBtfNames: Readonly<Record<number, string>> = {
  [RegType.PTR_TO_SOCKET]: 'sock',
  [RegType.PTR_TO_SOCK_COMMON]: 'sock_common',
  [RegType.PTR_TO_TCP_SOCK]: 'tcp_sock',
  [RegType.CONST_PTR_TO_MAP]: 'bpf_map',
}

export const hasUnsafeModifiers = (type: number): boolean => (typeFlags(type) & ~TRUSTED_MODIFIERS) !== 0

/** is_trusted_reg. */
export function isTrusted(reg: RegState): boolean {
  if (reg.refObjId) return true
  if (regBtfNames[baseType(reg.type)] && !hasUnsafeModifiers(reg.type)) return true
  return (typeFlags(reg.type) & TRUSTED_MODIFIERS) !== 0 && !hasUnsafeModifiers(reg.type)
}

/** Where a walk into a struct ends. */
type Step =
  | { readonly kind: 'scalar' }
  | { readonly kind: 'struct'; readonly id: number }
  | { readonly kind: 'pointer'; readonly id: number; readonly flags: number; readonly field: string }
  | { readonly kind: 'untrusted-memory' }
  | { readonly kind: 'fault'; readonly message: string; readonly errno: number }

const SCALAR: Step = { kind: 'scalar' }
const fault = (message: string, errno = 22): Step => ({ kind: 'fault', message, errno })

/** btf_struct_walk: one level of `size` bytes at `off` in a struct. `union` is told when a union with several members was crossed. */
function walkStruct(
  env: Env,
  btf: BtfView,
  structId: number,
  at: number,
  size: number,
  flexArrays: boolean,
  untrusted: { value: boolean },
): Step {
  let off = at
  let id = btf.skipModifiers(structId)
  for (;;) {
    const type = btf.type(id)
    const name = 'name' in type ? type.name : ''
    if (type.kind !== BtfKind.Struct && type.kind !== BtfKind.Union) return fault(`Type '${name}' is not a struct`)
    const { members } = type
    if (type.kind === BtfKind.Union && members.length !== 1) untrusted.value = true
    if (off + size > type.size) {
      const beyond = () => fault(`access beyond struct ${name} at off ${off >>> 0} size ${size}`, EACCES)
      const last = members.at(-1)
      if (!flexArrays || !last) return beyond()
      const array = btf.resolved(last.type)
      const start = last.bitOffset / 8
      if (array.kind !== BtfKind.Array || array.nelems !== 0 || off < start) return beyond()
      const elementId = btf.skipModifiers(array.type)
      const element = btf.type(elementId)
      if (element.kind === BtfKind.Int) return SCALAR
      if ((element.kind !== BtfKind.Struct && element.kind !== BtfKind.Union) || element.size === 0) return beyond()
      off = (off - start) % element.size
      id = elementId
      continue
    }
    let descended = false
    for (const member of members) {
      let start = Math.floor(member.bitOffset / 8)
      if (off + size <= start) break
      if (member.bitSize) {
        const end = Math.ceil((member.bitOffset + member.bitSize) / 8)
        if (off <= start && end <= off + size) return SCALAR
        continue
      }
      if (off < start) break
      let memberSize = btf.size(member.type)
      if (memberSize === undefined) return fault(`field ${member.name} doesn't have size`, EFAULT)
      const end = start + memberSize
      if (off >= end) continue
      let memberId = btf.skipModifiers(member.type)
      let memberType = btf.type(memberId)
      if (memberType.kind === BtfKind.Array) {
        if (start === end) continue
        let elements = 1
        while (memberType.kind === BtfKind.Array) {
          elements *= memberType.nelems
          memberId = btf.skipModifiers(memberType.type)
          memberType = btf.type(memberId)
        }
        memberSize /= elements
        start += Math.floor((off - start) / memberSize) * memberSize
      }
      if (memberType.kind === BtfKind.Struct || memberType.kind === BtfKind.Union) {
        if (off === start) return { kind: 'struct', id: memberId }
        off -= start
        id = memberId
        descended = true
        break
      }
      if (memberType.kind === BtfKind.Ptr) {
        if (memberSize !== size || off !== start)
          return fault(
            `cannot access ptr member ${member.name} with moff ${start} in struct ${name} with off ${off} size ${size}`,
            EACCES,
          )
        const tagged = btf.type(memberType.type)
        let flags = 0
        if (tagged.kind === BtfKind.TypeTag) {
          if (tagged.name === 'user') flags = TypeFlag.MEM_USER
          if (tagged.name === 'percpu') flags = TypeFlag.MEM_PERCPU
          if (tagged.name === 'rcu' && env.kernel.trustedPointers) flags = TypeFlag.MEM_RCU
        }
        const pointee = btf.skipModifiers(memberType.type)
        const target = btf.type(pointee)
        if (target.kind === BtfKind.Struct || target.kind === BtfKind.Union)
          return { kind: 'pointer', id: pointee, flags, field: member.name }
        if (env.kernel.untrustedMem) return { kind: 'untrusted-memory' }
      }
      if (off + size > end && !(untrusted.value && env.kernel.trustedPointers))
        return fault(
          `access beyond the end of member ${member.name} (mend:${end}) in struct ${name} with off ${off} size ${size}`,
          EACCES,
        )
      return SCALAR
    }
    if (!descended) return fault(`struct ${name} doesn't have field at offset ${off}`)
  }
}

interface StructAccess {
  readonly type: number
  readonly id: number
  readonly flags: number
  readonly field: string
}

/** btf_struct_access: type of what a load gives, with its flags. */
function structAccess(env: Env, reg: RegState, off: number, size: number): StructAccess {
  const btf = reg.btf!
  const alloc = (reg.type & TypeFlag.MEM_ALLOC) !== 0
  if (alloc) {
    const record = structMeta(btf, reg.btfId, env.kernelBtf)
    for (const field of record?.fields ?? [])
      if (off < field.offset + field.size && field.offset < off + size)
        env.reject(`direct access to ${fieldTypeNames[field.kind]} is disallowed`, EACCES)
  }
  let id = btf.skipModifiers(reg.btfId)
  let place = off
  const untrusted = { value: false }
  for (;;) {
    const step = walkStruct(env, btf, id, place, size, !alloc, untrusted)
    switch (step.kind) {
      case 'fault':
        return env.reject(step.message, step.errno)
      case 'scalar':
        return { type: RegType.SCALAR_VALUE, id: 0, flags: 0, field: '' }
      case 'struct':
        id = step.id
        place = 0
        break
      case 'untrusted-memory':
        return { type: RegType.PTR_TO_MEM, id: 0, flags: TypeFlag.MEM_RDONLY | TypeFlag.PTR_UNTRUSTED, field: '' }
      case 'pointer':
        if (alloc) return { type: RegType.SCALAR_VALUE, id: 0, flags: 0, field: '' }
        return {
          type: RegType.PTR_TO_BTF_ID,
          id: step.id,
          flags: step.flags | (untrusted.value && env.kernel.trustedPointers ? TypeFlag.PTR_UNTRUSTED : 0),
          field: step.field,
        }
    }
  }
}

/** btf_nested_type_is_trusted: the kernel's BTF names fields that may be trusted in structs like `task_struct__safe_rcu`. */
function nestedIsTrusted(reg: RegState, field: string, id: number, suffix: string): boolean {
  const btf = reg.btf!
  const walkId = btf.skipModifiers(reg.btfId)
  const safe = btf.find(`${btf.name(walkId)}${suffix}`, btf.type(walkId).kind)
  const type = safe ? btf.struct(safe) : undefined
  return (
    type?.members.some(member => {
      const pointee = btf.type(member.type)
      return member.name === field && pointee.kind === BtfKind.Ptr && btf.skipModifiers(pointee.type) === id
    }) ?? false
  )
}

/** mark_btf_ld_reg. */
function setLoaded(env: Env, regno: number, access: StructAccess, btf: BtfView, flags: number): void {
  if (access.type === RegType.SCALAR_VALUE) return env.setUnknown(regno)
  const reg = pointer(access.type | flags)
  if (access.type === RegType.PTR_TO_BTF_ID) {
    reg.btf = btf
    reg.btfId = access.id
    if (mayBeNull(flags)) reg.id = env.newId()
  }
  env.regs[regno] = reg
}

/** check_ptr_to_btf_access. */
export function checkBtfAccess(
  env: Env,
  regno: number,
  off: number,
  size: number,
  access: 'read' | 'write',
  valueRegno: number,
): void {
  const reg = env.reg(regno)
  const btf = reg.btf!
  const name = btf.name(btf.skipModifiers(reg.btfId))
  if (!env.perfmon && env.kernel.hiddenStructs)
    env.reject(`'struct ${name}' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN`, 1)
  if (!env.gpl && btf.kernel && env.kernel.gplStructAccess)
    env.reject(`Cannot access kernel 'struct ${name}' from non-GPL compatible program`)
  if (off < 0) env.reject(`R${regno} is ptr_${name} invalid negative access: off=${off}`, EACCES)
  if (!t.isConstZero(reg.varOff))
    env.reject(`R${regno} is ptr_${name} invalid variable offset: off=${off}, var_off=${tnumText(reg.varOff)}`, EACCES)
  if (reg.type & TypeFlag.MEM_USER) env.reject(`R${regno} is ptr_${name} access user memory: off=${off}`, EACCES)
  if (reg.type & TypeFlag.MEM_PERCPU) env.reject(`R${regno} is ptr_${name} access percpu memory: off=${off}`, EACCES)
  if (access === 'write' && reg.type & TypeFlag.PTR_UNTRUSTED) env.reject('only read is supported', EACCES)
  const alloc = (reg.type & TypeFlag.MEM_ALLOC) !== 0
  if (access === 'write' && !alloc && env.structWrites) return checkStructWrite(env, env.structWrites, reg, off, size)
  if (access === 'write' && !isAllocatedObject(reg.type)) env.reject('only read is supported', EACCES)
  if (alloc && !isNonOwningRef(reg.type) && !(reg.type & TypeFlag.MEM_RCU) && !reg.refObjId)
    env.reject('verifier internal error: ref_obj_id for allocated object must be non-zero', EFAULT)
  const found = structAccess(env, reg, off, size)
  let { flags } = found
  if (!env.kernel.trustedPointers) flags |= reg.type & TypeFlag.PTR_UNTRUSTED
  else if (found.type === RegType.PTR_TO_BTF_ID) {
    const { field, id } = found
    if (reg.type & TypeFlag.PTR_UNTRUSTED) flags = TypeFlag.PTR_UNTRUSTED
    else if (isTrusted(reg) || reg.type & TypeFlag.MEM_RCU) {
      if (nestedIsTrusted(reg, field, id, '__safe_trusted')) flags |= TypeFlag.PTR_TRUSTED
      else if (nestedIsTrusted(reg, field, id, '__safe_trusted_or_null')) flags |= TypeFlag.PTR_TRUSTED | TypeFlag.PTR_MAYBE_NULL
      else if (env.inRcuSection && !mayBeNull(reg.type)) {
        const orNull = nestedIsTrusted(reg, field, id, '__safe_rcu_or_null')
        if (nestedIsTrusted(reg, field, id, '__safe_rcu')) flags |= TypeFlag.MEM_RCU
        else if (flags & TypeFlag.MEM_RCU || orNull) {
          flags |= TypeFlag.MEM_RCU | TypeFlag.PTR_MAYBE_NULL
          if (orNull) flags &= ~TypeFlag.PTR_UNTRUSTED
        } else if (!(flags & (TypeFlag.MEM_PERCPU | TypeFlag.MEM_USER))) flags &= ~(TRUSTED_MODIFIERS | TypeFlag.MEM_RCU)
      } else flags = TypeFlag.PTR_UNTRUSTED
    } else flags &= ~(TRUSTED_MODIFIERS | TypeFlag.MEM_RCU)
  }
  if (access === 'read' && valueRegno >= 0) setLoaded(env, valueRegno, found, btf, flags)
}

/** btf_struct_access of programs that may write fields of the kernel's own structs. */
function checkStructWrite(env: Env, writes: StructWrites, reg: RegState, off: number, size: number): void {
  const btf = reg.btf!
  if (!btf.kernel) env.reject('verifier internal error: reg->btf must be kernel btf', EFAULT)
  const name = btf.name(reg.btfId)
  const refuse = (message: string | undefined): never =>
    message === undefined ? env.fail('write to a struct of the kernel', EACCES) : env.reject(message, EACCES)
  if (!writes.structs.includes(name)) return refuse(writes.otherStruct)
  const struct = writes.structs[0]!
  let end = btf.size(reg.btfId) ?? 0
  if (writes.fields) {
    const place = writes.fields
      .filter(field => !field.since || versionAtLeast(env.kernel.version, field.since))
      .map(field => ({ field, at: memberPlace(btf, field.base, field.path) }))
      .find(({ field, at }) => at && (field.anywhere ? off >= at.start && off < at.end : off === at.start))
    if (!place) return refuse(writes.noField?.(struct, off))
    end = place.at!.end
  }
  if (off + size > end) refuse(writes.beyond?.(struct, off, size, end))
}

/** Bytes of a member, by the names on the way to it; anonymous members are looked through. Undefined where there is none. */
function memberPlace(btf: BtfView, base: string, path: string): { readonly start: number; readonly end: number } | undefined {
  let id = btf.find(base, BtfKind.Struct)
  let start = 0
  const search = (struct: number, name: string, at: number): { readonly type: number; readonly start: number } | undefined => {
    for (const member of btf.struct(struct)?.members ?? []) {
      const place = at + member.bitOffset / 8
      if (member.name === name) return { type: member.type, start: place }
      const inner = member.name === '' ? search(member.type, name, place) : undefined
      if (inner) return inner
    }
    return undefined
  }
  for (const name of path.split('.')) {
    const found = id ? search(id, name, start) : undefined
    if (!found) return undefined
    id = found.type
    start = found.start
  }
  return { start, end: start + (btf.size(id) ?? 0) }
}

/** Struct of the kernel that a map type's pointer shows (map_btf_id). */
const mapStructs: Readonly<Record<number, string>> = {
  [MapType.HASH]: 'bpf_htab',
  [MapType.PERCPU_HASH]: 'bpf_htab',
  [MapType.LRU_HASH]: 'bpf_htab',
  [MapType.LRU_PERCPU_HASH]: 'bpf_htab',
  [MapType.HASH_OF_MAPS]: 'bpf_htab',
  [MapType.ARRAY]: 'bpf_array',
  [MapType.PERCPU_ARRAY]: 'bpf_array',
  [MapType.PROG_ARRAY]: 'bpf_array',
  [MapType.PERF_EVENT_ARRAY]: 'bpf_array',
  [MapType.CGROUP_ARRAY]: 'bpf_array',
  [MapType.ARRAY_OF_MAPS]: 'bpf_array',
  [MapType.STACK_TRACE]: 'bpf_stack_map',
  [MapType.LPM_TRIE]: 'lpm_trie',
  [MapType.DEVMAP]: 'bpf_dtab',
  [MapType.DEVMAP_HASH]: 'bpf_dtab',
  [MapType.SOCKMAP]: 'bpf_stab',
  [MapType.SOCKHASH]: 'bpf_shtab',
  [MapType.CPUMAP]: 'bpf_cpu_map',
  [MapType.XSKMAP]: 'xsk_map',
  [MapType.CGROUP_STORAGE]: 'bpf_cgroup_storage_map',
  [MapType.PERCPU_CGROUP_STORAGE]: 'bpf_cgroup_storage_map',
  [MapType.REUSEPORT_SOCKARRAY]: 'reuseport_array',
  [MapType.QUEUE]: 'bpf_queue_stack',
  [MapType.STACK]: 'bpf_queue_stack',
  [MapType.SK_STORAGE]: 'bpf_local_storage_map',
  [MapType.INODE_STORAGE]: 'bpf_local_storage_map',
  [MapType.TASK_STORAGE]: 'bpf_local_storage_map',
  [MapType.CGRP_STORAGE]: 'bpf_local_storage_map',
  [MapType.RINGBUF]: 'bpf_ringbuf_map',
  [MapType.USER_RINGBUF]: 'bpf_ringbuf_map',
  [MapType.BLOOM_FILTER]: 'bpf_bloom_filter',
  [MapType.ARENA]: 'bpf_arena',
}

/** check_ptr_to_map_access: fields of the map itself. */
export function checkMapPointerAccess(
  env: Env,
  regno: number,
  off: number,
  size: number,
  access: 'read' | 'write',
  valueRegno: number,
): void {
  const reg = env.reg(regno)
  const kernel = env.kernelBtf
  const struct = mapStructs[reg.map!.type]
  if (!kernel || !struct) return env.missing('fields of maps without the BTF of a kernel')
  const id = kernel.find(struct, BtfKind.Struct)
  if (!id) return env.missing(`struct ${struct} in the kernel's BTF`)
  if (!env.perfmon)
    env.reject(
      `${env.kernel.hiddenStructs ? `'struct ${struct}'` : struct} access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN`,
      1,
    )
  if (off < 0) env.reject(`R${regno} is ${struct} invalid negative access: off=${off}`, EACCES)
  if (access !== 'read') env.reject(`only read from ${struct} is supported`, EACCES)
  const shown = pointer(RegType.PTR_TO_BTF_ID)
  shown.btf = kernel
  shown.btfId = id
  const found = structAccess(env, shown, off, size)
  if (valueRegno >= 0) setLoaded(env, valueRegno, found, kernel, found.flags)
}

/** btf_struct_ids_match: whether a pointer into a struct may stand for a pointer to another. */
export function structIdsMatch(
  env: Env,
  btf: BtfView,
  id: number,
  off: number,
  needBtf: BtfView,
  needId: number,
  strict: boolean,
  walkFlexArrays: boolean,
): boolean {
  if (off === 0 && btf === needBtf && btf.skipModifiers(id) === needBtf.skipModifiers(needId)) return true
  if (strict) return false
  let current = id
  let place = off
  for (let depth = 0; depth < 32; depth++) {
    const step = walkStruct(env, btf, current, place, 1, walkFlexArrays, { value: false })
    if (step.kind === 'fault') env.say(`${step.message}\n`)
    if (step.kind !== 'struct') return false
    if (btf === needBtf && step.id === needBtf.skipModifiers(needId)) return true
    current = step.id
    place = 0
  }
  return false
}
