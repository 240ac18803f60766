/** Objects that do not go together: says which symbol or section of which file. */
export class LinkFault extends Error {
  override readonly name = 'LinkFault'
  constructor(
    /** Catalogue code, `L….`. */
    readonly code: string,
    readonly path: string,
    message: string,
  ) {
    super(message)
  }
}
