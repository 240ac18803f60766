/**
 * Which identifiers name types where the parser stands: all that C's grammar needs to know of scopes. Names of indexed headers
 * are asked of the index, so that nothing has to be parsed to tell a type from an expression.
 */
import type { DeclarationIndex } from '../preprocessor/declaration-index.js'
import type { Atom } from '../preprocessor/tokens.js'

export class TypeNames {
  private scopes: Map<Atom, boolean>[] = [new Map()]
  private readonly indexed = new Map<Atom, boolean>()

  constructor(
    private readonly index: DeclarationIndex,
    builtin: readonly Atom[],
  ) {
    for (const name of builtin) this.scopes[0]!.set(name, true)
  }

  push(): void {
    this.scopes.push(new Map())
  }

  pop(): void {
    this.scopes.pop()
  }

  get depth(): number {
    return this.scopes.length
  }

  /** Leaves scopes that an error left open. */
  restore(depth: number): void {
    this.scopes.length = depth
  }

  /** Records a declaration in the innermost scope. */
  declare(name: Atom, isType: boolean): void {
    this.scopes[this.scopes.length - 1]!.set(name, isType)
  }

  isType(name: Atom): boolean {
    for (let i = this.scopes.length - 1; i >= 0; i--) {
      const known = this.scopes[i]!.get(name)
      if (known !== undefined) return known
    }
    let known = this.indexed.get(name)
    if (known === undefined) {
      known = this.index.ordinary(name).some(entry => entry.kind === 'typedef')
      this.indexed.set(name, known)
    }
    return known
  }

  /** Runs `work` as if only file scope existed: for declarations that are parsed on demand in the middle of a function. */
  atFileScope<T>(work: () => T): T {
    const saved = this.scopes
    this.scopes = [saved[0]!]
    try {
      return work()
    } finally {
      this.scopes = saved
    }
  }
}
