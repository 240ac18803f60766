/** Pointers typed by BTF: what a load through them gives, and how far they may be trusted. */
import { baseType, RegType, TypeFlag, typeFlags } from '../../kernel/reg-types.js'
import type { Env } from '../env.js'
import type { BtfView } from '../state/btf-view.js'
import type { RegState } from '../state/registers.js'

export const TRUSTED_MODIFIERS = TypeFlag.MEM_ALLOC | TypeFlag.PTR_TRUSTED | TypeFlag.NON_OWN_REF

/** Register types that stand for a struct of the kernel (reg2btf_ids). */
export const regBtfNames: Readonly<Record<number, string>> = {
  [RegType.PTR_TO_SOCKET]: 'socket',
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

/** check_ptr_to_btf_access. */
export function checkBtfAccess(
  env: Env,
  _regno: number,
  _off: number,
  _size: number,
  _access: 'read' | 'write',
  _valueRegno: number,
): void {
  env.missing('pointers to kernel objects')
}

/** check_ptr_to_map_access. */
export function checkMapPointerAccess(
  env: Env,
  _regno: number,
  _off: number,
  _size: number,
  _access: 'read' | 'write',
  _valueRegno: number,
): void {
  env.missing('fields of struct bpf_map')
}

/** btf_ctx_access: the context of programs that attach to a function. */
export function tracingContext(env: Env, _off: number, _size: number, _access: 'read' | 'write', _valueRegno: number): void {
  env.missing(`context of program type ${env.progType.name}`)
}

/** btf_struct_ids_match. */
export function structIdsMatch(
  env: Env,
  btf: BtfView,
  id: number,
  off: number,
  needBtf: BtfView,
  needId: number,
  strict: boolean,
  _walkFlexArrays: boolean,
): boolean {
  if (off === 0 && btf === needBtf && btf.skipModifiers(id) === needBtf.skipModifiers(needId)) return true
  if (strict) return false
  return env.missing('pointers into nested structs')
}
