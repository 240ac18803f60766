/**
 * Functions: signatures in registers, and bodies. By-value records follow clang's BPF ABI: up to 16 bytes in one or two 64-bit
 * arguments, larger ones by the address of the caller's copy; a record is returned through an address given as first argument. Integers of
 * less than 32 bits travel as i32; the receiver cuts them to size itself and trusts nobody.
 */
import type { Func, IrType, Value } from '../ir/ir.js'
import type { CompoundStmt, FunctionDecl, Stmt, TypedNode } from '../typecheck/typed-ast.js'
import { type CType, canonical, type FunctionType } from '../typecheck/types.js'
import { FunctionContext } from './function-context.js'
import { alignmentOf, bytesOf, irTypeOf, isWide } from './ir-types.js'
import type { ModuleContext } from './module-context.js'
import { closeScope, lowerCompound } from './statements.js'

/** How one parameter or result travels. */
export type Passing =
  | { readonly kind: 'none' }
  | { readonly kind: 'scalar'; readonly type: IrType }
  /** The bytes of a record in registers. */
  | { readonly kind: 'words'; readonly types: readonly IrType[] }
  | { readonly kind: 'address' }

export function passingOf(type: CType): Passing {
  const plain = canonical(type)
  if (plain.kind === 'void') return { kind: 'none' }
  if (plain.kind !== 'record' && !isWide(type)) {
    const scalar = irTypeOf(type)
    return { kind: 'scalar', type: scalar === 'i8' || scalar === 'i16' ? 'i32' : scalar }
  }
  const size = bytesOf(type)
  if (size === 0) return { kind: 'none' }
  if (size > 16) return { kind: 'address' }
  return { kind: 'words', types: size > 8 ? ['i64', 'i64'] : [size <= 4 ? 'i32' : 'i64'] }
}

/** Whether the result goes to an address given by the caller. */
export function returnsByAddress(type: FunctionType): boolean {
  return (canonical(type.result).kind === 'record' && bytesOf(type.result) > 0) || isWide(type.result)
}

export function functionSignature(type: FunctionType): { readonly params: IrType[]; readonly result: IrType } {
  const params: IrType[] = []
  const byAddress = returnsByAddress(type)
  if (byAddress) params.push('ptr')
  for (const param of type.params) {
    const passing = passingOf(param.type)
    if (passing.kind === 'scalar') params.push(passing.type)
    else if (passing.kind === 'address') params.push('ptr')
    else if (passing.kind === 'words') params.push(...passing.types)
  }
  const result = byAddress ? undefined : passingOf(type.result)
  return { params, result: result?.kind === 'scalar' ? result.type : 'void' }
}

/** Width of the memory that carries a record of `size` bytes in whole registers. */
export function wordBytes(types: readonly IrType[]): number {
  return types.length === 2 ? 16 : types[0] === 'i32' ? 4 : 8
}

export function lowerBody(module: ModuleContext, decl: FunctionDecl, func: Func): void {
  const fc = new FunctionContext(module, func, decl)
  const { builder } = fc
  fc.mark(decl.body!)
  func.endLoc = module.context.tokens.fileLoc(decl.endToken)
  if (func.result !== 'void') {
    const value = func.value('blockparam', func.result, [], func.endLoc)
    fc.exit.params.push(value)
  }
  if (!decl.naked) receiveParams(fc, decl)
  collectLabelScopes(fc, decl.body!)
  lowerCompound(fc, decl.body!)
  closeScope(fc, 0)
  builder.loc = func.endLoc
  if (decl.naked) {
    // Its assembly is all there is: no frame, no return of ours.
    builder.terminate({ kind: 'unreachable', loc: func.endLoc })
    return
  }
  // Falling off the end: C says the value must not be used.
  builder.br(fc.exit, func.result === 'void' ? [] : [builder.undef(func.result)])
  builder.place(fc.exit)
  builder.terminate({ kind: 'ret', value: fc.exit.params[0], loc: func.endLoc })
}

function receiveParams(fc: FunctionContext, decl: FunctionDecl): void {
  const { builder, func } = fc
  let next = 0
  const take = (): Value => func.params[next++]!
  if (returnsByAddress(decl.type)) fc.resultAddress = take()
  for (const param of decl.params) {
    fc.mark({ token: param.token, first: param.token, last: param.token })
    const passing = passingOf(param.type)
    switch (passing.kind) {
      case 'none':
        fc.locals.set(param, builder.alloca(0, 1, param.name))
        break
      case 'address':
        fc.locals.set(param, take())
        break
      case 'words': {
        const place = builder.alloca(wordBytes(passing.types), 8, param.name)
        builder.begin(place)
        passing.types.forEach((type, i) => {
          builder.store(place, take(), i * 8, type === 'i32' ? 4 : 8)
        })
        fc.locals.set(param, place)
        break
      }
      case 'scalar': {
        const value = take()
        value.name = param.name
        const type = irTypeOf(param.type)
        const place = builder.alloca(bytesOf(param.type), alignmentOf(param.type), param.name)
        builder.begin(place)
        builder.store(place, type === value.type ? value : builder.cast('trunc', value, type), 0, bytesOf(param.type))
        fc.locals.set(param, place)
        break
      }
    }
  }
}

/** In a function with cleanups, the scopes around each label, so that a jump knows which it leaves. */
function collectLabelScopes(fc: FunctionContext, body: CompoundStmt): void {
  const found = new Map<NonNullable<Extract<Stmt, { kind: 'label' }>['label']>, readonly TypedNode[]>()
  const path: TypedNode[] = []
  const visit = (stmt: Stmt): void => {
    switch (stmt.kind) {
      case 'compound':
        path.push(stmt)
        stmt.body.forEach(visit)
        path.pop()
        break
      case 'if':
        visit(stmt.then)
        if (stmt.otherwise) visit(stmt.otherwise)
        break
      case 'loop':
        path.push(stmt)
        stmt.init.forEach(visit)
        visit(stmt.body)
        path.pop()
        break
      case 'switch':
      case 'case':
        visit(stmt.body)
        break
      case 'label':
        found.set(stmt.label, path.slice())
        visit(stmt.body)
        break
      default:
        break
    }
  }
  visit(body)
  fc.labelScopes = found
}
