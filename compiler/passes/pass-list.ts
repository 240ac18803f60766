/**
 * THE list: what happens to the IR between lowering and code generation, top to bottom, by optimisation level. `--disable-pass NAME` leaves a
 * pass out wherever it stands; passes marked `needed` may not be left out because code generation counts on what they do.
 */
import type { DiagnosticSink } from '../../base/diagnostics.js'
import type { Func, Module } from '../ir/ir.js'
import { careOf, isDone } from '../care.js'
import type { CompileOptions } from '../options.js'
import { byteSwaps } from './byte-swaps.js'
import { confinedGlobals } from './confined-globals.js'
import { constantArguments } from './constant-arguments.js'
import { constantResults } from './constant-results.js'
import { constantGlobals } from './constant-globals.js'
import { countPointers } from './count-pointers.js'
import { deadCode } from './dead-code.js'
import { deadGlobals } from './dead-globals.js'
import { deadStores } from './dead-stores.js'
import { expandDivision } from './expand-division.js'
import { expandMemory } from './expand-memory.js'
import { fewValues } from './few-values.js'
import { gvn } from './gvn.js'
import { hoistAddresses } from './hoist-addresses.js'
import { inlinePass } from './inline.js'
import { loopMemory } from './loop-memory.js'
import { mem2reg } from './mem2reg.js'
import { mergeCopies } from './merge-copies.js'
import { mergeStores } from './merge-stores.js'
import { orderBranches } from './order-branches.js'
import type { FunctionPass, Pass } from './pass.js'
import { simplifyCfg } from './simplify-cfg.js'
import { simplifyInstructions } from './simplify-instructions.js'
import { splitUnaligned } from './split-unaligned.js'
import { rotateLoops } from './rotate-loops.js'
import { rotates } from './rotates.js'
import { readBehindCheck } from './read-behind-check.js'
import { settleConstants } from './settle-constants.js'
import { SettledPasses } from './settled-passes.js'
import { sroa } from './sroa.js'
import { tailMerge } from './tail-merge.js'
import { tailRecursion } from './tail-recursion.js'
import { sinkAddresses } from './sink-addresses.js'
import { sinkBehindCheck } from './sink-behind-check.js'
import { sinkSteps } from './sink-steps.js'
import { threadJumps } from './thread-jumps.js'
import { unroll } from './unroll.js'
import { unsignedForms } from './unsigned-forms.js'

/** Brings a function from memory into values and tidies up; run before a function is inlined and after others were inlined into it. */
const tidy: readonly FunctionPass[] = [
  simplifyInstructions,
  mergeCopies,
  sroa,
  mem2reg,
  simplifyInstructions,
  simplifyCfg,
  deadCode,
]

/** What is found once everything is in one function. */
const improve: readonly FunctionPass[] = [
  fewValues,
  threadJumps,
  unsignedForms,
  gvn,
  simplifyInstructions,
  simplifyCfg,
  deadStores,
  deadCode,
]

/** What code generation needs whatever the level. */
const legalize: readonly FunctionPass[] = [
  loopMemory,
  expandMemory,
  expandDivision,
  splitUnaligned,
  simplifyInstructions,
  deadCode,
]

const optimize: readonly Pass[] = [
  constantGlobals,
  ...tidy,
  tailRecursion,
  inlinePass('all', tidy),
  deadGlobals,
  constantArguments,
  constantResults,
  inlinePass('uncallable', tidy),
  ...tidy,
  fewValues,
  countPointers,
  unroll,
  ...tidy,
  settleConstants,
  ...tidy,
  byteSwaps,
  rotateLoops,
  ...tidy,
  confinedGlobals,
  ...improve,
  readBehindCheck,
  ...legalize,
  ...tidy,
  mergeStores,
  ...improve,
  mergeStores,
  rotates,
  tailMerge,
  simplifyCfg,
  sinkAddresses,
  sinkBehindCheck,
  sinkSteps,
  hoistAddresses,
  orderBranches,
  deadGlobals,
]

export const passLists: Readonly<Record<CompileOptions['optimize'], readonly Pass[]>> = {
  // Even -O0 works on values: with every variable on the stack hardly anything passes the verifier or fits into 512 bytes.
  '0': [
    constantGlobals,
    tailRecursion,
    inlinePass('always', []),
    ...tidy,
    countPointers,
    settleConstants,
    ...tidy,
    ...legalize,
    deadGlobals,
  ],
  '1': [
    constantGlobals,
    ...tidy,
    tailRecursion,
    inlinePass('always', tidy),
    ...tidy,
    countPointers,
    unroll,
    ...tidy,
    settleConstants,
    ...tidy,
    ...legalize,
    ...tidy,
    deadGlobals,
  ],
  '2': optimize,
  s: optimize,
}

/** Passes that `--disable-pass` does not reach: without them code generation would meet what it cannot express. */
export const neededPasses: ReadonlySet<string> = new Set([
  'settle-constants',
  'loop-memory',
  'expand-memory',
  'expand-division',
  'split-unaligned',
])

/** What is done in the place of a pass that is left out: `always_inline` is no optimisation. */
const inPlaceOf: ReadonlyMap<string, Pass> = new Map([['inline', inlinePass('always', tidy)]])

/** Every pass's name, for `--disable-pass` and its help. */
export function passNames(): string[] {
  return [...new Set(Object.values(passLists).flatMap(list => list.map(pass => pass.name)))].sort()
}

/** Called after each pass, with the function it ran on (or undefined for a whole-module pass). For dumps and validation. */
export type AfterPass = (pass: Pass, func: Func | undefined, module: Module) => void

/** Runs the passes of the chosen level. Changes the module in place; what the program cannot have goes to `sink`. */
export function runPasses(module: Module, options: CompileOptions, sink: DiagnosticSink, after?: AfterPass): void {
  const settled = new SettledPasses()
  for (const listed of passLists[options.optimize]) {
    const pass = options.disabledPasses.has(listed.name) && !neededPasses.has(listed.name) ? inPlaceOf.get(listed.name) : listed
    if (!pass) continue
    if (pass.kind === 'module') {
      if (pass.run(module, options, sink)) settled.forget()
      after?.(pass, undefined, module)
      continue
    }
    for (const func of module.funcs) {
      if (func.isDeclaration || settled.has(func, pass) || !isDone(pass.name, careOf(options, func))) continue
      settled.note(func, pass, pass.run(func, module, options, sink))
      after?.(pass, func, module)
    }
  }
}
