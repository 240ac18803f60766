/** A program did what the verifier exists to prevent: a wild access, a stack too deep, a helper called wrongly. */

/** Thrown inside the VM, caught by `VmProgram.run`, which returns it as the run's `fault`. */
export class VmFault extends Error {
  override readonly name = 'VmFault'
  constructor(
    message: string,
    /** Slot of the instruction, counted from the start of the program; -1 before any ran. */
    public slot = -1,
    /** The program it belongs to; a tail call may have left the one that was started. */
    public program = '',
  ) {
    super(message)
  }
}

/** What a caller of the VM sees of a fault. */
export interface FaultReport {
  readonly message: string
  readonly program: string
  readonly slot: number
  /** C source of the instruction, when the object has line information. */
  readonly line: { readonly path: string; readonly line: number; readonly text: string } | undefined
}
