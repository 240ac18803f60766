/** Externs of `.ksyms` on a certain kernel: variables, functions (kfuncs) and bare addresses (libbpf 1.5: bpf_object__resolve_externs). */
import { essentialName, skipModifiers } from '../btf/btf-file.js'
import { type BtfId, BtfKind, type BtfSet } from '../btf/btf-types.js'
import { TooDeep, typesCompatible } from '../core/type-relations.js'
import type { BpfObject, Extern } from './bpf-object.js'
import type { PrepareOptions } from './prepare-options.js'

export type ResolvedExtern =
  /** A variable or function of the kernel's BTF; `module` 0 is the kernel itself, else the place in `options.modules` from 1. */
  | { readonly kind: 'btf'; readonly id: BtfId; readonly module: number }
  | { readonly kind: 'address'; readonly address: bigint }
  /** Weak and not there. */
  | { readonly kind: 'absent' }
  /** Its value stands in the `.kconfig` map. */
  | { readonly kind: 'kconfig'; readonly offset: number }
  | { readonly kind: 'fault'; readonly message: string }

/** Stand for addresses of symbols that nobody told us: those of functions differ from each other. */
const UNKNOWN_ADDRESS = 0xffff_ffff_8100_0000n
const UNKNOWN_SIZE = 64n

export function resolveExterns(object: BpfObject, options: PrepareOptions): ResolvedExtern[] {
  return object.externs.map((extern, index) => {
    if (extern.kconfig) return { kind: 'kconfig', offset: extern.kconfig.offset }
    if (extern.kind === 'unlinked')
      return { kind: 'fault', message: `extern ${extern.name} is of another object: link them first` }
    const resolved = resolveSymbol(object.btf!, extern, options, UNKNOWN_ADDRESS + UNKNOWN_SIZE * BigInt(index))
    return resolved.kind === 'fault' || resolved.kind !== 'absent' || extern.weak
      ? resolved
      : { kind: 'fault', message: `extern ${extern.name} is not in the kernel` }
  })
}

function resolveSymbol(btf: BtfSet, extern: Extern, options: PrepareOptions, unknown: bigint): ResolvedExtern {
  const type = btf.type(extern.type)
  const local = type.kind === BtfKind.Var || type.kind === BtfKind.Func ? skipModifiers(btf, type.type).id : 0
  if (local === 0) {
    const address = options.kallsyms ? options.kallsyms(extern.name) : extern.weak ? undefined : unknown
    return address === undefined ? { kind: 'absent' } : { kind: 'address', address }
  }
  if (!options.kernelBtf) return { kind: 'fault', message: `extern ${extern.name} needs the BTF of a kernel` }
  const isFunction = type.kind === BtfKind.Func
  const found = findSymbol(
    isFunction ? essentialName(extern.name) : extern.name,
    isFunction ? BtfKind.Func : BtfKind.Var,
    options,
  )
  if (!found) return { kind: 'absent' }
  const target = found.btf.type(found.id)
  const targetType = target.kind === BtfKind.Var || target.kind === BtfKind.Func ? target.type : 0
  if (compatible(btf, local, found.btf, isFunction ? targetType : skipModifiers(found.btf, targetType).id))
    return { kind: 'btf', id: found.id, module: found.module }
  if (isFunction && extern.weak) return { kind: 'absent' }
  return { kind: 'fault', message: `extern ${extern.name}: its type differs from the kernel's` }
}

function compatible(local: BtfSet, localId: BtfId, target: BtfSet, targetId: BtfId): boolean {
  try {
    return typesCompatible(local, localId, target, targetId)
  } catch (error) {
    if (error instanceof TooDeep) return false
    throw error
  }
}

export interface FoundSymbol {
  readonly id: BtfId
  readonly btf: BtfSet
  readonly module: number
}

/** The first type of that name and kind, in the kernel's BTF or else in a module's (find_ksym_btf_id). */
export function findSymbol(name: string, kind: number, options: PrepareOptions): FoundSymbol | undefined {
  const { kernelBtf, modules = [] } = options
  const id = kernelBtf?.byName(name).find(candidate => kernelBtf.type(candidate).kind === kind)
  if (id !== undefined) return { id, btf: kernelBtf!, module: 0 }
  for (const [i, { btf }] of modules.entries()) {
    const own = btf.byName(name).find(candidate => candidate >= btf.firstId && btf.type(candidate).kind === kind)
    if (own !== undefined) return { id: own, btf, module: i + 1 }
  }
  return undefined
}
