/** Bytes a variable takes: those of its type, and of what its initialiser puts into a flexible array member at its end. */
import { sizeOf } from './type-facts.js'
import type { VarDecl } from './typed-ast.js'

export function objectSize(decl: VarDecl): number {
  let size = sizeOf(decl.type)
  for (const item of decl.init?.items ?? []) size = Math.max(size, item.offset + (item.bitField ? 0 : sizeOf(item.type)))
  return size
}
