/** The formats of `bpfc check` that print everything at the end, for CI. */
import type { KernelProfile } from '../../runtime/kernel/profile.js'
import type { Explanation } from '../../runtime/verifier/explain/explanation.js'
import type { Verdict } from '../../runtime/verifier/verify.js'
import { githubReport } from './github.js'
import { junitReport } from './junit.js'
import { sarifReport } from './sarif.js'

/** A program on a kernel. */
export interface CheckResult {
  /** The file as it was named. */
  readonly path: string
  readonly program: { readonly name: string; readonly section: string }
  readonly kernel: Pick<KernelProfile, 'version'>
  readonly verdict: Pick<Verdict, 'verdict' | 'message'>
  readonly ms: number
  readonly explanation: Explanation | undefined
}

export type CheckFormat = (results: readonly CheckResult[]) => string

export const checkFormats: ReadonlyMap<string, CheckFormat> = new Map([
  ['sarif', sarifReport],
  ['junit', junitReport],
  ['github', githubReport],
])

/** Results that are not accepted, those put together that only differ in the kernel. */
export function faults(results: readonly CheckResult[]): { readonly result: CheckResult; readonly kernels: readonly string[] }[] {
  const found = new Map<string, { result: CheckResult; kernels: string[] }>()
  for (const result of results) {
    const { verdict, explanation, path, program } = result
    if (verdict.verdict === 'accepted') continue
    const key = JSON.stringify([
      path,
      program.section,
      program.name,
      verdict.verdict,
      explanation?.code,
      explanation?.message ?? verdict.message,
      explanation?.slot,
    ])
    const same = found.get(key)
    if (same) same.kernels.push(result.kernel.version)
    else found.set(key, { result, kernels: [result.kernel.version] })
  }
  return [...found.values()]
}

/** Cause, hint and the kernel's words in plain text. */
export function plainText({ explanation, verdict }: CheckResult): string {
  if (!explanation) return `${verdict.verdict}: ${verdict.message}`
  const { hint } = explanation
  const help = hint ? `\nhelp: ${hint.text}${hint.code.map(line => `\n  + ${line}`).join('')}` : ''
  const path = explanation.path.map(note => `\n${note.place.path}:${note.place.line}: ${note.text}`).join('')
  return `${explanation.message}${explanation.label ? ` (${explanation.label})` : ''}${path}${help}\nthe kernel's words: ${explanation.kernelWords}`
}
