/** A file that the preprocessor stands in, and what is remembered of it when it is closed. */
import type { SourceFile } from '../../base/source.js'
import type { Scanner } from './scanner.js'
import type { Atom } from './tokens.js'

/** What is remembered of a file for the next time it is included. */
export interface FileFacts {
  readonly file: SourceFile
  once: boolean
  /** Nothing in it matters while this macro is defined; 0 for none. */
  guard: Atom
}

/** A file being read. */
export class OpenFile {
  /** Tokens and directives seen, to find out whether an include guard covers everything. */
  activity = 0
  guardCandidate: Atom = 0
  guardActivity = -1

  constructor(
    readonly file: SourceFile,
    readonly scanner: Scanner,
    readonly facts: FileFacts,
    /** Index in the search list, for `#include_next`. */
    readonly directory: number,
    readonly firstCondition: number,
    /** Made up: predefined macros, the command line. */
    readonly virtual: boolean,
    /** A part of a file, for one declaration. */
    readonly part: boolean,
  ) {}

  /** Its declarations are put off where that can be done. */
  lazy = false
  /** Runs made so far. */
  runs = 0
  /** A macro has the name of something it declares. */
  crossed = false
  /** Stands between two declarations. */
  between = true
  /** Brackets open in what is being read in the ordinary way. */
  nesting = 0
}
