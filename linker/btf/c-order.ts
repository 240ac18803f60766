/**
 * Which definitions a type needs, in an order in which C takes them: what is embedded comes before, what is pointed to may be declared forward
 * (libbpf 1.5, btf_dump.c: btf_dump_order_type).
 */
import type { BtfFile } from './btf-file.js'
import { type BtfId, BtfKind, typeFault } from './btf-types.js'
import { MAX_DEPTH, tooDeep } from './c-layouts.js'
import type { TypeColumns } from './type-columns.js'

const NOW = 1
const DONE = 2

/** Kinds that C has no type definition for. */
const UNTYPED = new Uint8Array(32)
for (const kind of [BtfKind.Func, BtfKind.Var, BtfKind.Datasec, BtfKind.DeclTag]) UNTYPED[kind] = 1

export class DefinitionOrder {
  private readonly states: Uint8Array
  private readonly referenced: Uint8Array
  private readonly queue: BtfId[] = []
  private depth = 0

  constructor(
    private readonly btf: BtfFile,
    private readonly columns: TypeColumns,
  ) {
    this.states = new Uint8Array(btf.count)
    this.states[0] = DONE
    this.referenced = new Uint8Array(btf.count)
    this.markReferenced()
  }

  /** An anonymous enum that nothing refers to is a definition of its own; any other is written where it is used. */
  private markReferenced(): void {
    const { referenced } = this
    const mark = (id: BtfId) => {
      if (id < referenced.length) referenced[id] = 1
    }
    for (let file: BtfFile | undefined = this.btf; file; file = file.base) file.eachReference(mark)
  }

  /** The type's definition and those before it that have not been asked for yet; good until the next call. */
  of(id: BtfId): readonly BtfId[] {
    this.queue.length = 0
    this.depth = 0
    // Functions and variables are no types; a kernel has more of them than of all else.
    if (UNTYPED[this.kindOf(id)] === 0) this.order(id, false)
    return this.queue
  }

  /** Throws for a type that is not there. */
  private kindOf(id: BtfId): number {
    return this.columns.kinds[id] ?? this.btf.kindOf(id)
  }

  /** Queues what must be defined. Gives true where the type must be complete ("strong"), false where a forward declaration does. */
  private order(id: BtfId, throughPointer: boolean): boolean {
    const state = this.states[id]
    if (state === DONE) return true
    const kind = this.kindOf(id)
    const nameable = throughPointer && (kind === BtfKind.Struct || kind === BtfKind.Union) && this.columns.names[id] !== 0
    if (nameable) return false
    if (state === NOW) throw typeFault(this.btf, id, 'F0204', `BTF type ${id} contains itself`)
    if (++this.depth > MAX_DEPTH) throw tooDeep(this.btf, id)
    const strong = this.orderParts(id, kind, throughPointer)
    this.depth--
    return strong
  }

  private orderParts(id: BtfId, kind: number, throughPointer: boolean): boolean {
    const { btf, columns, states } = this
    switch (kind) {
      case BtfKind.Ptr: {
        const strong = this.order(columns.targets[id]!, true)
        states[id] = DONE
        return strong
      }
      case BtfKind.Array:
        return this.order(columns.targets[id]!, false)
      case BtfKind.Struct:
      case BtfKind.Union: {
        states[id] = NOW
        const count = btf.referenceCount(id)
        for (let i = 0; i < count; i++) this.order(btf.referenceOf(id, i), false)
        if (columns.names[id] !== 0) this.queue.push(id)
        states[id] = DONE
        return true
      }
      case BtfKind.Enum:
      case BtfKind.Enum64:
      case BtfKind.Fwd:
        if (columns.names[id] !== 0 || this.referenced[id] === 0) this.queue.push(id)
        states[id] = DONE
        return true
      case BtfKind.Typedef: {
        const strong = this.order(columns.targets[id]!, throughPointer)
        if (throughPointer && !strong) return false
        this.queue.push(id)
        states[id] = DONE
        return true
      }
      case BtfKind.Volatile:
      case BtfKind.Const:
      case BtfKind.Restrict:
      case BtfKind.TypeTag:
        return this.order(columns.targets[id]!, throughPointer)
      case BtfKind.FuncProto: {
        let strong = false
        const count = btf.referenceCount(id)
        for (let i = 0; i < count; i++) if (this.order(btf.referenceOf(id, i), throughPointer)) strong = true
        return strong
      }
      default:
        states[id] = DONE
        return false
    }
  }
}
