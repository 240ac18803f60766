/**
 * How carefully a function is lowered. The usual code is checked against what verifiers are known to lose; where one still refuses it, a
 * function can be compiled again with less done to it (`bpfc build --for-kernel`). Functions that call each other must have the same care,
 * because care 2 changes what the upper half of a register holds across calls.
 */
import type { CompileOptions } from './options.js'

/**
 * 0: everything. 1: control flow as it is written: no jump threading, no sharing of code and values across branches. 2: also 64-bit
 * arithmetic only, as before -mcpu=v3, for kernels that lose bounds in 32-bit copies.
 */
export type Care = 0 | 1 | 2

export const MOST_CARE: Care = 2

/** Completes `compiled with …`. */
export const careNames: readonly string[] = [
  'the usual optimisations',
  'control flow as written',
  'control flow as written and 64-bit arithmetic only',
]

/** The least care at which a pass, or a step of code generation, is left out. */
const leftOutFrom: Readonly<Record<string, Care>> = {
  'rotate-loops': 1,
  'thread-jumps': 1,
  gvn: 1,
  'tail-merge': 1,
  'share-addresses': 1,
  'hoist-moves': 1,
  'carried-values': 1,
  alu32: 2,
}

export const careOf = (options: Pick<CompileOptions, 'care'>, func: { readonly name: string }): Care =>
  options.care?.get(func.name) ?? 0

/** Whether a pass or step runs at this care. */
export const isDone = (step: string, care: Care): boolean => care < (leftOutFrom[step] ?? MOST_CARE + 1)
