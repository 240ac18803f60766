/** A BTF as the verifier sees it: whose it is, and the walks that the kernel's btf.c does (btf_type_skip_modifiers and the like). */
import {
  type BtfComposite,
  type BtfFuncProto,
  type BtfId,
  BtfKind,
  type BtfSet,
  type BtfType,
} from '../../../linker/btf/btf-types.js'

export class BtfView {
  private readonly structMetas = new Map<BtfId, unknown>()

  constructor(
    readonly set: BtfSet,
    /** vmlinux or a module's, in contrast to the program's own. */
    readonly kernel: boolean,
  ) {}

  type(id: BtfId): BtfType {
    return this.set.type(id)
  }

  has(id: BtfId): boolean {
    return id > 0 && id < this.set.count
  }

  name(id: BtfId): string {
    const type = this.set.type(id)
    return 'name' in type ? type.name : ''
  }

  /** Id behind typedefs and qualifiers. */
  skipModifiers(id: BtfId): BtfId {
    for (let current = id; ; ) {
      const type = this.set.type(current)
      switch (type.kind) {
        case BtfKind.Typedef:
        case BtfKind.Const:
        case BtfKind.Volatile:
        case BtfKind.Restrict:
        case BtfKind.TypeTag:
          current = type.type
          break
        default:
          return current
      }
    }
  }

  resolved(id: BtfId): BtfType {
    return this.set.type(this.skipModifiers(id))
  }

  /** Pointee of a pointer type (modifiers skipped on the way to it, kept on the pointee); undefined for anything else. */
  pointee(id: BtfId): BtfId | undefined {
    const type = this.resolved(id)
    return type.kind === BtfKind.Ptr ? type.type : undefined
  }

  /** Type tags directly on what an id denotes, outermost first. */
  tags(id: BtfId): string[] {
    const found: string[] = []
    for (let current = id; ; ) {
      const type = this.set.type(current)
      if (type.kind === BtfKind.TypeTag) found.push(type.name)
      if (
        type.kind === BtfKind.Const ||
        type.kind === BtfKind.Volatile ||
        type.kind === BtfKind.Restrict ||
        type.kind === BtfKind.TypeTag ||
        type.kind === BtfKind.Typedef
      )
        current = type.type
      else return found
    }
  }

  /** Size in bytes (btf_resolve_size); undefined where there is none. */
  size(id: BtfId): number | undefined {
    const type = this.resolved(id)
    switch (type.kind) {
      case BtfKind.Int:
      case BtfKind.Struct:
      case BtfKind.Union:
      case BtfKind.Enum:
      case BtfKind.Enum64:
      case BtfKind.Float:
      case BtfKind.Datasec:
        return type.size
      case BtfKind.Ptr:
        return 8
      case BtfKind.Array: {
        const element = this.size(type.type)
        return element === undefined ? undefined : element * type.nelems
      }
      default:
        return undefined
    }
  }

  struct(id: BtfId): BtfComposite | undefined {
    const type = this.resolved(id)
    return type.kind === BtfKind.Struct || type.kind === BtfKind.Union ? type : undefined
  }

  /** Whether an id, as instructions may hold it, is of a Func. */
  isFunction(id: BtfId): boolean {
    return this.has(id) && this.set.type(id).kind === BtfKind.Func
  }

  /** The prototype of a function pointer or Func type; undefined also for an id of nothing, as instructions may hold. */
  funcProto(id: BtfId): BtfFuncProto | undefined {
    if (!this.has(id)) return undefined
    let type = this.resolved(id)
    if (type.kind === BtfKind.Func) type = this.resolved(type.type)
    if (type.kind === BtfKind.Ptr) type = this.resolved(type.type)
    return type.kind === BtfKind.FuncProto ? type : undefined
  }

  /** Id of a type of that name and kind; 0 for none. */
  find(name: string, kind: number): BtfId {
    for (const id of this.set.byName(name)) if (this.set.type(id).kind === kind) return id
    return 0
  }

  /** Keeps something worked out about a type, once for all. */
  memo<T>(id: BtfId, compute: () => T): T {
    if (this.structMetas.has(id)) return this.structMetas.get(id) as T
    const value = compute()
    this.structMetas.set(id, value)
    return value
  }

  /** Integers and enums (btf_type_is_scalar). */
  isScalar(id: BtfId): boolean {
    const { kind } = this.resolved(id)
    return kind === BtfKind.Int || kind === BtfKind.Enum || kind === BtfKind.Enum64
  }
}

/** The kernel's word for a kind, as in messages (btf_type_str). */
export function kindName(type: BtfType): string {
  const entry = Object.entries(BtfKind).find(([, value]) => value === type.kind)
  const names: Readonly<Record<string, string>> = {
    FuncProto: 'FUNC_PROTO',
    DeclTag: 'DECL_TAG',
    TypeTag: 'TYPE_TAG',
    Void: 'UNKNOWN',
  }
  return entry ? (names[entry[0]] ?? entry[0].toUpperCase()) : 'UNKNOWN'
}
