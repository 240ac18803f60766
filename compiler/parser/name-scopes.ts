/**
 * Which names are types where: `T * x;` is a declaration if `T` is a typedef name and a product if it is not. Scopes
 * undo what was declared in them; names nobody declared yet are looked up in the index of lazily parsed headers, once.
 */
import type { DeclarationIndex } from '../preprocessor/declaration-index.js'
import type { Names } from '../preprocessor/names.js'
import type { Atom } from '../preprocessor/tokens.js'

const unknown = 0
const ordinary = 1
const typedef = 2

/** Typedef names that clang declares before the first line. */
const predefined = ['__builtin_va_list', '__builtin_ms_va_list', '__int128_t', '__uint128_t']

/** What was asked about names, and what was declared at the top, while something was parsed. */
export interface NameNotes {
  /** The first answer about each name. */
  readonly asked: Map<Atom, boolean>
  readonly declared: { readonly name: Atom; readonly isType: boolean }[]
}

/** Notes that are done. */
export interface KeptNotes {
  readonly asked: readonly (readonly [Atom, boolean])[]
  readonly declared: NameNotes['declared']
}

export class NameScopes {
  /** Takes down what happens, where somebody wants to know. */
  notes: NameNotes | undefined
  private kinds: Uint8Array
  /** What leaving a scope restores: atom and kind before, in pairs. */
  private readonly undo: number[] = []
  private readonly marks: number[] = []

  constructor(
    names: Names,
    private readonly index: DeclarationIndex,
  ) {
    this.kinds = new Uint8Array(names.count + 1024)
    for (const name of predefined) this.declare(names.intern(name), true)
  }

  enter(): void {
    this.marks.push(this.undo.length)
  }

  leave(): void {
    const mark = this.marks.pop()!
    const { undo } = this
    while (undo.length > mark) {
      const kind = undo.pop()!
      this.kinds[undo.pop()!] = kind
    }
  }

  /** How many scopes are open; `unwind` goes back to a number of them after an error. */
  get depth(): number {
    return this.marks.length
  }

  unwind(depth: number): void {
    while (this.marks.length > depth) this.leave()
  }

  declare(name: Atom, isType: boolean): void {
    if (name >= this.kinds.length) this.grow(name)
    if (this.marks.length) this.undo.push(name, this.kinds[name]!)
    else this.notes?.declared.push({ name, isType })
    this.kinds[name] = isType ? typedef : ordinary
  }

  isType(name: Atom): boolean {
    if (name >= this.kinds.length) this.grow(name)
    const kind = this.kinds[name]!
    const isType = kind === unknown ? this.lookUp(name) : kind === typedef
    if (this.notes && !this.notes.asked.has(name)) this.notes.asked.set(name, isType)
    return isType
  }

  /** Whether all questions of the notes would be answered alike now; then what was declared is, as by the parser. */
  repeat({ asked, declared }: KeptNotes): boolean {
    for (const [name, isType] of asked) if (this.isType(name) !== isType) return false
    for (const { name, isType } of declared) this.declare(name, isType)
    return true
  }

  private lookUp(name: Atom): boolean {
    const isType = this.index.ordinary(name).some(entry => entry.kind === 'typedef')
    this.kinds[name] = isType ? typedef : ordinary
    return isType
  }

  private grow(name: Atom): void {
    const bigger = new Uint8Array(Math.max(this.kinds.length * 2, name + 1024))
    bigger.set(this.kinds)
    this.kinds = bigger
  }
}
