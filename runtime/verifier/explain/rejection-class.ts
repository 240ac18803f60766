/** A class of rejection: which complaints are of it, and what there is to say. One file of `classes/` a family. */
import type { Hint, PathNote } from './explanation.js'
import type { Story } from './story.js'

export interface Finding {
  /** Where a closer look shows a class of its own. */
  readonly code?: string
  /** The cause in one sentence, in terms of C. */
  readonly message: string
  /** What the expression at fault does; stands under the caret. */
  readonly label?: string
  /** Where the fault is, when not where the verifier stopped. */
  readonly slot?: number
  readonly notes?: readonly PathNote[]
  readonly hint?: Hint
}

export interface RejectionClass {
  readonly code: string
  /** Matched against each line of the complaint. */
  readonly pattern: RegExp
  /** Undefined where on a closer look it is another class. */
  explain(found: RegExpExecArray, story: Story): Finding | undefined
}

export const hint = (text: string, ...code: string[]): Hint => ({ text, code })
