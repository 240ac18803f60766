/** What is known of instructions where the processor may run ahead: how pointer arithmetic is masked, and where barriers go. */

/** How an addition or subtraction is masked (alu_state); 0 for one that was not seen yet. */
export const AluState = { SANITIZE_SRC: 1, SANITIZE_DST: 2, NEG_VALUE: 4, NON_POINTER: 8, IMMEDIATE: 16 } as const

/** The fields of struct bpf_insn_aux_data against Spectre, by instruction. */
export class SpeculationMarks {
  readonly aluState: Uint8Array
  readonly aluLimit: Uint32Array
  /** A barrier stands before the instruction: nothing runs ahead into it (6.17). */
  readonly nospec: Uint8Array
  /** A barrier stands behind it (Spectre v4). */
  readonly nospecResult: Uint8Array
  /** Scalars are equal only where they are the same, so that masks that differ between paths are found. */
  exploreAluLimits = false

  constructor(length: number) {
    this.aluState = new Uint8Array(length)
    this.aluLimit = new Uint32Array(length)
    this.nospec = new Uint8Array(length)
    this.nospecResult = new Uint8Array(length)
  }
}
