/**
 * What the words of an encoded type are: the one place that knows where each kind keeps names and the ids of other types
 * (Documentation/bpf/btf.rst, section 2.2). The first word is always the name, the second the kind with `vlen` and the flag.
 */

export const NUMBER = 0
export const NAME = 1
export const TYPE = 2
export type WordKind = typeof NUMBER | typeof NAME | typeof TYPE

export interface TypeLayout {
  /** The word called `size` or `type`. */
  readonly third: WordKind
  /** Words behind it, and behind those the words of each of `vlen` entries. */
  readonly fixed: readonly WordKind[]
  readonly entry: readonly WordKind[]
}

const layout = (third: WordKind, fixed: readonly WordKind[] = [], entry: readonly WordKind[] = []): TypeLayout => ({
  third,
  fixed,
  entry,
})
const MEMBERS = layout(NUMBER, [], [NAME, TYPE, NUMBER])
const REFERENCE = layout(TYPE)

/** By kind. */
export const TYPE_LAYOUTS: readonly TypeLayout[] = [
  layout(NUMBER), // void
  layout(NUMBER, [NUMBER]), // int
  REFERENCE, // pointer
  layout(NUMBER, [TYPE, TYPE, NUMBER]), // array
  MEMBERS, // struct
  MEMBERS, // union
  layout(NUMBER, [], [NAME, NUMBER]), // enum
  layout(NUMBER), // forward declaration
  REFERENCE, // typedef
  REFERENCE, // volatile
  REFERENCE, // const
  REFERENCE, // restrict
  REFERENCE, // function
  layout(TYPE, [], [NAME, TYPE]), // function prototype
  layout(TYPE, [NUMBER]), // variable
  layout(NUMBER, [], [TYPE, NUMBER, NUMBER]), // section
  layout(NUMBER), // float
  layout(TYPE, [NUMBER]), // declaration tag
  REFERENCE, // type tag
  layout(NUMBER, [], [NAME, NUMBER, NUMBER]), // enum64
]
