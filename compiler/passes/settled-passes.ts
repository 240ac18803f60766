import type { Func } from '../ir/ir.js'
import type { FunctionPass } from './pass.js'

/** Which passes found nothing to do in a function since it last changed: running one of them again would find nothing again. */
export class SettledPasses {
  private passes = new Map<Func, Set<FunctionPass>>()

  has(func: Func, pass: FunctionPass): boolean {
    return this.passes.get(func)?.has(pass) ?? false
  }

  note(func: Func, pass: FunctionPass, changed: boolean): void {
    const known = this.passes.get(func)
    if (changed) known?.clear()
    else if (known) known.add(pass)
    else this.passes.set(func, new Set([pass]))
  }

  /** After a change that may be in any function. */
  forget(): void {
    this.passes.clear()
  }
}
