/** What an explained rejection is: a value that reports print and tools read. */

/** A place in the C source, as the object's line info has it; lines and columns count from 1. */
export interface Place {
  readonly path: string
  readonly line: number
  readonly column: number
  /** The whole source line. */
  readonly text: string
}

/** A station of the path that led to the fault. */
export interface PathNote {
  readonly place: Place
  /** What is known from there on: `port = 1..65535`, `not taken: port = 1..65535`. */
  readonly text: string
  /** Index of the step it is about, to put notes in order; not part of what is handed out. */
  readonly step?: number
}

export interface Hint {
  /** What to write instead, as a sentence without a full stop. */
  readonly text: string
  /** Lines of C to add; empty where the sentence says all. */
  readonly code: readonly string[]
}

export interface Explanation {
  /** Catalogue code `V….`. */
  readonly code: string
  /** The cause in one sentence, in terms of C. */
  readonly message: string
  /** The expression at fault: `column` its first character, `width` its length; undefined without line info. */
  readonly place: (Place & { readonly width: number }) | undefined
  /** Stands under the caret: what that expression does. */
  readonly label: string
  readonly path: readonly PathNote[]
  readonly hint: Hint | undefined
  /** The kernel's own words. */
  readonly kernelWords: string
  /** Instruction at fault; undefined where the rejection is of none. */
  readonly slot: number | undefined
}
