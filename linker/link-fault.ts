/** Objects that do not go together: says which symbol or section of which file. */
export class LinkFault extends Error {
  override readonly name = 'LinkFault'
  constructor(
    /** Catalogue code, `L….`. */
    readonly code: string,
    /** The file that it is about, which the message does not repeat. */
    readonly path: string,
    message: string,
  ) {
    super(message)
  }
}
