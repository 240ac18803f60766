/** Enum specifiers: enumerators, their values, and the integer type clang picks for the enum. */
import type * as ast from '../parser/ast.js'
import { noAttributes, readAttributes } from './attributes.js'
import { foldedConstant } from './constants.js'
import type { Context } from './context.js'
import { checkTypeName } from './declarators.js'
import { checkExpr } from './expressions.js'
import { rvalue } from './nodes.js'
import type { EnumeratorSymbol } from './scopes.js'
import { fits, integerOf, isError } from './type-facts.js'
import {
  type CType,
  type EnumConstant,
  type EnumType,
  type IntType,
  intType,
  longType,
  shortType,
  signedCharType,
  unsignedCharType,
  unsignedIntType,
  unsignedLongType,
  unsignedShortType,
} from './types.js'

const newEnum = (c: Context, specifier: ast.EnumSpecifier): EnumType => ({
  kind: 'enum',
  tag: specifier.name,
  complete: false,
  underlying: unsignedIntType,
  constants: [],
  preserveAccessIndex: false,
  token: c.namePlace(specifier).token,
})

/** The enum type that a specifier names, declares or defines. */
export function checkEnum(c: Context, specifier: ast.EnumSpecifier, alone: boolean): CType {
  const type = findOrDeclare(c, specifier, alone)
  if (!type) return { kind: 'error' }
  const set = readAttributes(c, specifier.attributes, noAttributes())
  if (specifier.underlying) {
    const underlying = integerOf(checkTypeName(c, specifier.underlying))
    if (underlying) type.underlying = underlying
    else c.error('T0102', specifier.underlying, 'non-integral type is an invalid underlying type')
    if (!specifier.enumerators) type.complete = true
  }
  if (set.preserveAccessIndex) type.preserveAccessIndex = true
  if (specifier.enumerators) define(c, specifier, specifier.enumerators, type, set.packed)
  else if (!type.complete) c.complete(type)
  return type
}

function findOrDeclare(c: Context, specifier: ast.EnumSpecifier, alone: boolean): EnumType | undefined {
  const { name } = specifier
  if (name === undefined) return newEnum(c, specifier)
  const defines = specifier.enumerators !== undefined
  const own = defines || alone
  if (defines && c.scope === c.fileScope) c.askTag(name)
  const known = own ? c.scope.tags.get(name) : c.lookupTag(name)
  if (known) {
    if (known.type.kind !== 'enum') {
      c.error('T0004', specifier, `use of '${c.text(name)}' with tag type that does not match previous declaration`, {
        notes: [c.reporter.note('previous use is here', known.token)],
      })
      return undefined
    }
    if (defines && known.type.complete) {
      c.error('T0009', c.namePlace(specifier), `redefinition of '${c.text(name)}'`, {
        notes: [c.reporter.note('previous definition is here', known.token)],
      })
      return newEnum(c, specifier)
    }
    return known.type
  }
  const type = newEnum(c, specifier)
  const scope = own ? c.scope : c.fileScope
  scope.tags.set(name, { type, token: c.namePlace(specifier).token })
  return type
}

/** The type of the constant after `value` while the enum is being read: `int`, then what holds the values so far. */
function typeFor(value: bigint): IntType {
  if (fits(value, intType)) return intType
  if (fits(value, unsignedIntType)) return unsignedIntType
  return fits(value, longType) ? longType : unsignedLongType
}

function define(
  c: Context,
  specifier: ast.EnumSpecifier,
  enumerators: readonly ast.Enumerator[],
  type: EnumType,
  packed: boolean,
): void {
  const constants: EnumConstant[] = []
  const symbols: EnumeratorSymbol[] = []
  const fixed = specifier.underlying ? type.underlying : undefined
  let next = 0n
  for (const enumerator of enumerators) {
    let value = next
    if (enumerator.value) {
      const expr = rvalue(checkExpr(c, enumerator.value))
      const given = foldedConstant(expr)
      if (given !== undefined) value = given
      else if (!isError(expr.type))
        c.error('T0215', enumerator.value, `expression is not an integer constant expression`, {
          hint: `the value of enumerator '${c.text(enumerator.name)}' must be known when compiling`,
        })
    }
    if (fixed && !fits(value, fixed))
      c.error('T0302', enumerator, `enumerator value ${value} is not representable in the underlying type ${c.quote(fixed)}`)
    next = value + 1n
    const symbol: EnumeratorSymbol = {
      kind: 'enumerator',
      value,
      type: fixed ? type : typeFor(value),
      of: type,
      token: enumerator.token,
    }
    if (declareEnumerator(c, enumerator, symbol)) {
      constants.push({ name: enumerator.name, value, index: constants.length })
      symbols.push(symbol)
    }
  }
  type.constants = constants
  if (!fixed) type.underlying = underlyingOf(constants, packed)
  if (!fixed) for (const symbol of symbols) symbol.type = fits(symbol.value, intType) ? intType : type.underlying
  type.token = c.namePlace(specifier).token
  type.complete = true
}

function declareEnumerator(c: Context, enumerator: ast.Enumerator, symbol: EnumeratorSymbol): boolean {
  const { name } = enumerator
  const known = c.scope.ordinary.get(name)
  if (known) {
    const what = known.kind === 'enumerator' ? 'enumerator' : 'symbol'
    const message =
      what === 'enumerator'
        ? `redefinition of enumerator '${c.text(name)}'`
        : `redefinition of '${c.text(name)}' as different kind of symbol`
    const token = known.kind === 'typedef' ? known.token : known.token
    c.error('T0009', enumerator, message, { notes: [c.reporter.note('previous definition is here', token)] })
    return false
  }
  c.scope.ordinary.set(name, symbol)
  return true
}

/** The smallest type clang takes for the values: from 4 bytes up, from 1 if packed. */
function underlyingOf(constants: readonly EnumConstant[], packed: boolean): IntType {
  let low = 0n
  let high = 0n
  for (const { value } of constants) {
    if (value < low) low = value
    if (value > high) high = value
  }
  const signed: IntType[] = packed ? [signedCharType, shortType, intType, longType] : [intType, longType]
  const unsigned: IntType[] = packed
    ? [unsignedCharType, unsignedShortType, unsignedIntType, unsignedLongType]
    : [unsignedIntType, unsignedLongType]
  for (const candidate of low < 0n ? signed : unsigned) if (fits(low, candidate) && fits(high, candidate)) return candidate
  return low < 0n ? longType : unsignedLongType
}
