/**
 * The table of helpers and kfuncs. Each family of helpers is a file that adds its rows with `defineHelpers`; `helpers/all.ts` names
 * the families. A helper takes its arguments from registers 1 to 5 of the machine and leaves its result in register 0.
 */
import { POISON_CALL } from '../../../linker/core/relocate.js'
import { POISON_KFUNC, POISON_MAP } from '../../../linker/object/prepare.js'
import { helperNames } from '../../kernel/helper-names.js'
import type { Machine } from '../machine.js'

export type Helper = (m: Machine) => void

export interface HelperRow {
  /** `enum bpf_func_id`. */
  readonly id: number
  readonly name: string
  readonly run: Helper
  /** What is missing, for the support table; absent when it does all that the kernel's does. */
  readonly partial?: string
}

/** By id; holes are helpers that are not there. */
export const helpersById: (Helper | undefined)[] = []
export const helperRows = new Map<number, HelperRow>()
export const kfuncsByName = new Map<string, Helper>()

export function defineHelpers(rows: readonly HelperRow[]): void {
  for (const row of rows) {
    helpersById[row.id] = row.run
    helperRows.set(row.id, row)
  }
}

export function defineKfuncs(rows: Readonly<Record<string, Helper>>): void {
  for (const [name, run] of Object.entries(rows)) kfuncsByName.set(name, run)
}

/** What a call stands for that loaders put where something is missing; a kernel refuses a program that may get there. */
export function poison(id: number): string | undefined {
  if (id === POISON_CALL) return "a CO-RE relocation failed here: the kernel's types do not have what is read"
  if (id >= POISON_KFUNC) return 'a call of a weak kfunc that the kernel does not have'
  return id >= POISON_MAP ? 'a use of a map that is not created' : undefined
}

/** A helper's name, or its number where there is no such helper. */
export function helperName(id: number): string {
  const name = id > 0 ? helperNames[id] : undefined
  return name ? `bpf_${name}` : `#${id}`
}
