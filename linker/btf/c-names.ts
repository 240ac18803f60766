/** Names of types in C, where each may stand for one type only: the second of a name is `name___2`, which CO-RE takes for a flavour. */
import type { BtfFile } from './btf-file.js'
import { type BtfId, BtfKind } from './btf-types.js'
import { NameCounts } from './name-counts.js'
import type { TypeColumns } from './type-columns.js'

const INFO = 1

export class CNames {
  private readonly tags: NameCounts
  private readonly identifiers: NameCounts
  private readonly resolved: Uint8Array
  private readonly renamed = new Map<BtfId, string>()

  constructor(
    private readonly btf: BtfFile,
    private readonly columns: TypeColumns,
  ) {
    this.tags = new NameCounts(btf)
    this.identifiers = new NameCounts(btf)
    this.resolved = new Uint8Array(btf.count)
  }

  /** Name of a struct, union or enum, or of what declares one forward. */
  tag(id: BtfId): string {
    return this.unique(id, this.tags)
  }

  typedef(id: BtfId): string {
    return this.unique(id, this.identifiers)
  }

  /** How often an enumerator's name has been given, to a typedef or an enumerator, this time included. */
  enumerator(name: number): number {
    return this.identifiers.add(name)
  }

  private unique(id: BtfId, names: NameCounts): string {
    const { btf } = this
    const offset = this.columns.names[id]!
    if (offset === 0) return ''
    const name = btf.string(offset)
    if (name === '') return ''
    if (this.resolved[id] !== 0) return this.renamed.get(id) ?? name
    this.resolved[id] = 1
    const kind = this.columns.kinds[id]
    if (kind === BtfKind.Fwd) return name
    if (kind === BtfKind.Enum && (btf.wordOf(id, INFO) & 0xffff) === 0) return name
    const copies = names.add(offset)
    if (copies === 1) return name
    const unique = `${name}___${copies}`
    this.renamed.set(id, unique)
    return unique
  }
}
