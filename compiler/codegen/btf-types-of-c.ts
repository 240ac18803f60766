/**
 * C types as BTF, by the rules of LLVM's BTFDebug (19): what a variable, a parameter or a CO-RE record names is complete; a struct that
 * is reached only through a pointer inside a struct member is a forward declaration, unless something else needs it whole. Ids are given
 * in the order in which types are met; the references between them are filled in at the end, when it is known what is complete.
 */
import type { BtfBuilder } from '../../linker/btf/btf-builder.js'
import { type BtfId, BtfKind } from '../../linker/btf/btf-types.js'
import { Qualifier } from '../parser/ast.js'
import type { Atom } from '../preprocessor/tokens.js'
import { type CType, canonical, type EnumType, type FunctionType, type RecordType } from '../typecheck/types.js'

/** How far to go: into pointees, or, below a member's pointer, only to the names of structs. */
interface Reach {
  /** Inside a member's type. */
  readonly member: boolean
  /** Behind a pointer of it. */
  readonly pointer: boolean
}

const WHOLE: Reach = { member: false, pointer: false }
const MEMBER: Reach = { member: true, pointer: false }

/** Qualifiers outermost first, as clang nests them. */
const QUALIFIERS = [
  { bit: Qualifier.const, kind: BtfKind.Const },
  { bit: Qualifier.volatile, kind: BtfKind.Volatile },
  { bit: Qualifier.restrict, kind: BtfKind.Restrict },
] as const

const QUALIFIER_KINDS = new Map<number, (typeof QUALIFIERS)[number]['kind']>(QUALIFIERS.map(({ bit, kind }) => [bit, kind]))

export class BtfTypes {
  /** Ids by what the type is (see `key`); 0 is void. */
  private readonly ids = new Map<string, BtfId>()
  private readonly keys = new Map<CType, string>()
  private readonly serials = new Map<object, number>()
  /** Fills a reserved id in, once all types are known. */
  private readonly pending: (() => void)[] = []
  /** Complete structs and unions by name: what forward references become. */
  private readonly complete = new Map<string, BtfId>()
  private readonly forwards = new Map<string, BtfId>()
  private indexType: BtfId | undefined

  constructor(
    private readonly builder: BtfBuilder,
    private readonly text: (atom: Atom) => string,
    /** Reads a definition that nobody needed so far. */
    private readonly definitionOf: (type: CType) => boolean,
  ) {}

  /** The id of a type, complete. */
  type(type: CType): BtfId {
    return this.visit(type, WHOLE)
  }

  /** Members of a map definition name the types of key and value: all of them are complete. */
  mapType(type: CType): BtfId {
    const plain = canonical(type)
    if (plain.kind === 'array' || plain.kind === 'pointer') this.mapType(plain.kind === 'array' ? plain.element : plain.to)
    else if (plain.kind === 'record' && !this.ids.has(this.key(plain)))
      for (const field of plain.fields) {
        const inner = canonical(field.type)
        if ((inner.kind === 'record' && !inner.union) || inner.kind === 'array') this.mapType(field.type)
        else this.visit(field.type, WHOLE)
      }
    return this.type(type)
  }

  /** A prototype with the names of the parameters, for FUNC. */
  proto(type: FunctionType, names: readonly string[]): BtfId {
    const id = this.builder.reserve()
    this.defineProto(id, type, names)
    return id
  }

  declTags(tags: readonly string[], id: BtfId, component = -1): void {
    for (const tag of tags) this.builder.addDeclTag(tag, id, component)
  }

  /** Fills everything in. No types may be asked for afterwards. */
  finish(): void {
    // Filling in may still make forward declarations, at the end.
    for (const fill of this.pending) fill()
  }

  // --- identity ---

  private serial(object: object): number {
    let serial = this.serials.get(object)
    if (serial === undefined) {
      serial = this.serials.size
      this.serials.set(object, serial)
    }
    return serial
  }

  /** Types of one key are one BTF type: records and enums by identity, the others by structure. */
  private key(type: CType): string {
    let key = this.keys.get(type)
    if (key === undefined) {
      key = this.makeKey(type)
      this.keys.set(type, key)
    }
    return key
  }

  private makeKey(type: CType): string {
    switch (type.kind) {
      case 'void':
      case 'error':
        return 'void'
      case 'int':
      case 'float':
        return type.name
      case 'record':
        return `R${this.serial(type)}`
      case 'enum':
        return `E${this.serial(type)}`
      case 'pointer':
        return `*${this.key(type.to)}`
      case 'array':
        return `[${type.count ?? 0}]${this.key(type.element)}`
      case 'function':
        return `(${type.params.map(param => this.key(param.type)).join()}${type.variadic ? ',...' : ''})${this.key(type.result)}`
      case 'typedef':
        return `T${type.name}=${type.declTags.join('\0')}=${this.key(type.to)}`
      case 'qualified':
        return `Q${type.qualifiers & 7} ${this.key(type.of)}`
      case 'tagged':
        return `"${type.tag}"${this.key(type.of)}`
    }
  }

  // --- walk ---

  private visit(type: CType, reach: Reach): BtfId {
    if (type.kind === 'void' || type.kind === 'error') return 0
    if (type.kind === 'qualified') {
      if ((type.qualifiers & 7) === 0) return this.visit(type.of, reach)
      // Qualifiers of an array are its elements'.
      const of = canonical(type.of)
      if (of.kind === 'array')
        return this.visit({ ...of, element: { kind: 'qualified', of: of.element, qualifiers: type.qualifiers } }, reach)
      const low = QUALIFIERS.find(({ bit }) => type.qualifiers & bit)!.bit
      const rest = type.qualifiers & 7 & ~low
      if (rest)
        return this.visit({ kind: 'qualified', qualifiers: low, of: { kind: 'qualified', qualifiers: rest, of: type.of } }, reach)
    }
    const key = this.key(type)
    const known = this.ids.get(key)
    if (known !== undefined) {
      this.deepen(type, reach)
      return known
    }
    return this.define(type, key, reach)
  }

  /** A type met again with a longer reach: what was a forward reference behind it may have to be whole now. */
  private deepen(type: CType, reach: Reach): void {
    if (reach.member && reach.pointer) return
    let at: CType | undefined = type
    let pointer = reach.pointer
    for (;;) {
      const next = below(at)
      if (!next) return
      if (at.kind === 'pointer' && reach.member) {
        pointer = true
        if (isForwardCandidate(next)) return
      }
      if (!this.ids.has(this.key(next))) {
        this.visit(next, { member: reach.member, pointer })
        return
      }
      at = next
    }
  }

  private define(type: CType, key: string, reach: Reach): BtfId {
    const { builder } = this
    const take = (): BtfId => {
      const id = builder.reserve()
      this.ids.set(key, id)
      return id
    }
    switch (type.kind) {
      case 'int': {
        const id = take()
        const bool = type.name === '_Bool'
        builder.define(id, {
          kind: BtfKind.Int,
          name: type.name,
          size: type.size,
          offset: 0,
          bits: type.size * 8,
          signed: type.signed && !bool,
          char: false,
          bool,
        })
        return id
      }
      case 'float': {
        const id = take()
        builder.define(id, { kind: BtfKind.Float, name: type.name, size: type.size })
        return id
      }
      case 'pointer': {
        const tagged = type.to.kind === 'tagged'
        const pointer = reach.member && (reach.pointer || !tagged)
        return this.reference(take(), BtfKind.Ptr, type.to, { member: reach.member, pointer })
      }
      case 'qualified':
        return this.reference(take(), QUALIFIER_KINDS.get(type.qualifiers)!, type.of, reach)
      case 'typedef': {
        const id = take()
        const resolve = this.target(type.to, reach)
        this.pending.push(() => builder.define(id, { kind: BtfKind.Typedef, name: this.text(type.name), type: resolve() }))
        this.declTags(type.declTags, id)
        return id
      }
      case 'tagged': {
        const id = take()
        const resolve = this.target(type.of, reach)
        this.pending.push(() => builder.define(id, { kind: BtfKind.TypeTag, name: type.tag, type: resolve() }))
        return id
      }
      case 'array':
        return this.array(type.element, type.count ?? 0, key)
      case 'function': {
        const id = take()
        this.defineProto(id, type, [])
        return id
      }
      case 'enum':
        return this.enumeration(type, take())
      case 'record':
        return this.record(type, take())
      default:
        return 0
    }
  }

  private reference(
    id: BtfId,
    kind: typeof BtfKind.Ptr | typeof BtfKind.Const | typeof BtfKind.Volatile | typeof BtfKind.Restrict,
    to: CType,
    reach: Reach,
  ): BtfId {
    const resolve = this.target(to, reach)
    this.pending.push(() => this.builder.define(id, { kind, type: resolve() }))
    return id
  }

  /** What a reference will point to: the type itself, or behind a member's pointer whatever the struct's name turns out to be. */
  private target(to: CType, reach: Reach): () => BtfId {
    if (reach.member && reach.pointer && isForwardCandidate(to)) {
      const record = to as RecordType
      const name = this.text(record.tag!)
      return () => this.complete.get(`${record.union} ${name}`) ?? this.forward(name, record.union)
    }
    const id = this.visit(to, reach)
    return () => id
  }

  private forward(name: string, union: boolean): BtfId {
    const key = `${union} ${name}`
    let id = this.forwards.get(key)
    if (id === undefined) {
      id = this.builder.addFwd(name, union)
      this.forwards.set(key, id)
    }
    return id
  }

  private array(element: CType, count: number, key: string): BtfId {
    const of = this.visit(element, WHOLE)
    const id = this.builder.reserve()
    this.ids.set(key, id)
    this.indexType ??= this.builder.addInt('__ARRAY_SIZE_TYPE__', 4)
    this.builder.define(id, { kind: BtfKind.Array, type: of, indexType: this.indexType, nelems: count })
    return id
  }

  private defineProto(id: BtfId, type: FunctionType, names: readonly string[]): void {
    const result = this.visit(type.result, WHOLE)
    const params = type.params.map((param, i) => ({ name: names[i] ?? '', type: this.visit(param.type, WHOLE) }))
    if (type.variadic) params.push({ name: '', type: 0 })
    this.builder.define(id, { kind: BtfKind.FuncProto, type: result, params })
  }

  private enumeration(type: EnumType, id: BtfId): BtfId {
    if (!type.complete) this.definitionOf(type)
    const { underlying } = type
    this.builder.define(id, {
      kind: underlying.size > 4 ? BtfKind.Enum64 : BtfKind.Enum,
      name: type.tag === undefined ? '' : this.text(type.tag),
      size: type.complete ? underlying.size : 4,
      signed: type.complete && underlying.signed,
      values: type.constants.map(({ name, value }) => ({ name: this.text(name), value })),
    })
    return id
  }

  private record(type: RecordType, id: BtfId): BtfId {
    const name = type.tag === undefined ? '' : this.text(type.tag)
    if (!type.complete && !this.definitionOf(type)) {
      this.builder.define(id, { kind: BtfKind.Fwd, name, union: type.union })
      this.forwards.set(`${type.union} ${name}`, id)
      return id
    }
    if (name !== '' && !this.complete.has(`${type.union} ${name}`)) this.complete.set(`${type.union} ${name}`, id)
    this.declTags(type.declTags, id)
    const fields = type.fields.filter(field => field.name !== undefined || field.bits === undefined)
    const members = fields.map((field, index) => {
      const of = this.visit(field.type, MEMBER)
      this.declTags(field.declTags, id, index)
      return {
        name: field.name === undefined ? '' : this.text(field.name),
        type: of,
        bitOffset: field.bitOffset,
        bitSize: field.bits ?? 0,
      }
    })
    this.builder.define(id, {
      kind: type.union ? BtfKind.Union : BtfKind.Struct,
      name,
      size: type.size,
      kindFlag: fields.some(field => field.bits !== undefined),
      members,
    })
    return id
  }
}

/** What a derived type is derived from. */
function below(type: CType): CType | undefined {
  switch (type.kind) {
    case 'pointer':
      return type.to
    case 'typedef':
      return type.to
    case 'qualified':
    case 'tagged':
      return type.of
    default:
      return undefined
  }
}

/** Named structs and unions behind pointers of members are only named, where nothing needs more. */
function isForwardCandidate(type: CType): boolean {
  return type.kind === 'record' && type.tag !== undefined
}
