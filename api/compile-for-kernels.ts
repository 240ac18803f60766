/**
 * The loop between compiler and verifier: what a kernel refuses is compiled again, with more care for the function at fault, until every
 * kernel asked for takes it or nothing more careful is left. Costs one verification of each program where nothing is refused.
 */
import type { Host } from '../base/host.js'
import { type Care, MOST_CARE } from '../compiler/care.js'
import type { CompileOptions } from '../compiler/options.js'
import { compile, type CompileResult, type CompileSettings } from '../compiler/pipeline.js'
import type { BtfSet } from '../linker/btf/btf-types.js'
import { openObject } from '../linker/object/open.js'
import { prepareObject } from '../linker/object/prepare.js'
import type { PreparedObject, PreparedProgram } from '../linker/object/prepared.js'
import type { KernelProfile } from '../runtime/kernel/profile.js'
import { type Verdict, verifyProgram } from '../runtime/verifier/verify.js'

/** A program, a kernel, and what that kernel said. */
export interface KernelAnswer {
  readonly program: PreparedProgram
  readonly kernel: KernelProfile
  readonly verdict: Verdict
}

export interface CompiledForKernels {
  /** Of the last attempt; without an object when the source does not compile. */
  readonly result: CompileResult
  readonly prepared: PreparedObject | undefined
  /** The care that programs were compiled with in the end, by program name; those with none are not in it. */
  readonly care: ReadonlyMap<string, Care>
  /** What the usual code was refused for, by program name: why more care was taken. */
  readonly refusedFirst: ReadonlyMap<string, KernelAnswer>
  /** Answers other than `accepted` to the last attempt; none where all is well. */
  readonly open: readonly KernelAnswer[]
}

export interface ForKernels {
  readonly kernels: readonly KernelProfile[]
  readonly kernelBtf: BtfSet
  /** Who decides: our verifier, unless there is another judge, such as a running kernel. */
  readonly judge?: Judge
}

export type Judge = (object: PreparedObject, program: PreparedProgram, kernel: KernelProfile) => Verdict

const ownVerifier: Judge = (object, program, kernel) => verifyProgram(object, program, { kernel, logLevel: 0 })

/** As `compile`, for kernels that must accept the result. Does not throw for anything in the input but what `prepareObject` throws. */
export function compileForKernels(
  host: Host,
  path: string,
  options: CompileOptions,
  settings: Omit<CompileSettings, 'emit'>,
  { kernels, kernelBtf, judge = ownVerifier }: ForKernels,
): CompiledForKernels {
  const byFunction = new Map<string, Care>()
  const care = new Map<string, Care>()
  const refusedFirst = new Map<string, KernelAnswer>()
  for (;;) {
    const result = compile(host, path, { ...options, care: byFunction }, settings)
    if (!result.object) return { result, prepared: undefined, care, refusedFirst, open: [] }
    const prepared = prepareObject(openObject(result.object, path), { kernelBtf })
    const open = ask(prepared, kernels, judge)
    const retry = open.filter(({ program, verdict }) => isRefusal(verdict) && (care.get(program.name) ?? 0) < MOST_CARE)
    if (retry.length === 0) return { result, prepared, care, refusedFirst, open }
    for (const answer of retry) if (!refusedFirst.has(answer.program.name)) refusedFirst.set(answer.program.name, answer)
    for (const program of together(prepared.programs, new Set(retry.map(answer => answer.program)))) {
      const more = Math.min(MOST_CARE, (care.get(program.name) ?? 0) + 1) as Care
      care.set(program.name, more)
      for (const { name } of program.functions) byFunction.set(name, more)
    }
  }
}

/** Refused for what the code is; what is not implemented stays so however it is compiled. */
const isRefusal = (verdict: Verdict): boolean => verdict.verdict === 'rejected' || verdict.verdict === 'limit'

function ask(prepared: PreparedObject, kernels: readonly KernelProfile[], judge: Judge): KernelAnswer[] {
  const open: KernelAnswer[] = []
  for (const program of prepared.programs)
    for (const kernel of kernels) {
      const verdict = judge(prepared, program, kernel)
      if (verdict.verdict !== 'accepted') open.push({ program, kernel, verdict })
    }
  return open
}

/** The programs and all that share a subprogram with them, directly or through others: their functions take the same care. */
function together(programs: readonly PreparedProgram[], seeds: ReadonlySet<PreparedProgram>): Set<PreparedProgram> {
  const byFunction = new Map<string, PreparedProgram[]>()
  for (const program of programs)
    for (const { name } of program.functions) byFunction.set(name, [...(byFunction.get(name) ?? []), program])
  const found = new Set(seeds)
  // A set visits what is added to it on the way.
  for (const program of found)
    for (const { name } of program.functions) for (const other of byFunction.get(name)!) found.add(other)
  return found
}
