/** What `#pragma pack`, `#pragma clang attribute` and `#pragma clang section` hold in force, for declarations that are put off. */
import type { LazyState } from './declaration-index.js'
import { type SectionNames, sectionsAfter } from './section-pragma.js'

interface AttributeGroup {
  readonly namespace: string
  readonly attributes: string[]
}

export class PragmaState {
  private pack = 0
  private readonly packs: { readonly label: string; readonly pack: number }[] = []
  private readonly groups: AttributeGroup[] = []
  private sections: SectionNames = {}

  /** Takes the text of a pragma, macros expanded, without `#pragma`. */
  take(text: string): void {
    const pack = /^pack\s*\(([^)]*)\)/.exec(text)
    if (pack) this.takePack(pack[1]!.split(',').map(part => part.trim()))
    const attribute = /^clang attribute\s+(?:(\w+)\s*\.\s*)?(push|pop)?\s*(.*)$/.exec(text)
    if (attribute) this.takeAttribute(attribute[1] ?? '', attribute[2], attribute[3]!)
    const section = /^clang section\s+(.*)$/.exec(text)
    if (section) this.sections = sectionsAfter(this.sections, section[1]!) ?? this.sections
  }

  private takePack(parts: readonly string[]): void {
    const sizes = parts.filter(part => /^\d+$/.test(part)).map(Number)
    const label = parts.find((part, i) => i > 0 && /^[A-Za-z_]/.test(part)) ?? ''
    if (parts[0] === 'push') this.packs.push({ label, pack: this.pack })
    else if (parts[0] === 'pop') {
      let at = this.packs.length - 1
      while (label !== '' && at >= 0 && this.packs[at]!.label !== label) at--
      if (at >= 0) this.pack = this.packs.splice(at)[0]!.pack
    } else if (sizes.length === 0) this.pack = 0
    if (sizes.length > 0) this.pack = sizes.at(-1)!
  }

  private takeAttribute(namespace: string, action: string | undefined, rest: string): void {
    const content = /^\((.*)\)$/s.exec(rest.trim())?.[1]?.trim()
    if (action === 'pop') {
      const at = this.groups.findLastIndex(group => group.namespace === namespace)
      if (at >= 0) this.groups.splice(at, 1)
      return
    }
    if (action === 'push') this.groups.push({ namespace, attributes: [] })
    if (content) this.groups.findLast(group => group.namespace === namespace)?.attributes.push(content)
  }

  get state(): LazyState {
    return { pack: this.pack, attributes: this.groups.flatMap(group => group.attributes), sections: this.sections }
  }
}
