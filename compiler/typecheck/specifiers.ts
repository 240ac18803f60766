/** Declaration specifiers to a type: the words, tags, typedef names, typeof; qualifiers and type attributes around them. */
import type * as ast from '../parser/ast.js'
import { Qualifier } from '../parser/ast.js'
import { type AttributeSet, applyMode, applyTypeAttributes, noAttributes, readAttributes } from './attributes.js'
import { integerConstant } from './constants.js'
import type { Context } from './context.js'
import { checkTypeName } from './declarators.js'
import { checkEnum } from './enums.js'
import { checkExpr } from './expressions.js'
import { doubleType, floatType, longDoubleType } from './literals.js'
import { bitFieldOf, rvalue } from './nodes.js'
import { checkRecord } from './records.js'
import type { Place } from './report.js'
import { alignOf, isArray, isFunction, isPointer, unqualified, voidPointer, withQualifiers } from './type-facts.js'
import {
  boolType,
  type CType,
  canonical,
  charType,
  errorType,
  int128Type,
  intType,
  longLongType,
  longType,
  qualifiersOf,
  shortType,
  signedCharType,
  unsignedCharType,
  unsignedInt128Type,
  unsignedIntType,
  unsignedLongLongType,
  unsignedLongType,
  unsignedShortType,
  voidType,
} from './types.js'

export interface ResolvedSpecifiers {
  readonly type: CType
  readonly attributes: AttributeSet
  /** `__auto_type`: the initialiser gives the type. */
  readonly auto: boolean
}

/** Words of a type, sorted and joined, to the type (C11 6.7.2p2, and GNU's). */
const wordTypes: Readonly<Record<string, CType>> = (() => {
  const table: Record<string, CType> = {}
  const add = (type: CType, ...spellings: string[]): void => {
    for (const spelling of spellings) table[spelling.split(' ').sort().join(' ')] = type
  }
  add(voidType, 'void')
  add(boolType, '_Bool')
  add(charType, 'char')
  add(signedCharType, 'signed char')
  add(unsignedCharType, 'unsigned char')
  add(shortType, 'short', 'short int', 'signed short', 'signed short int')
  add(unsignedShortType, 'unsigned short', 'unsigned short int')
  add(intType, 'int', 'signed', 'signed int')
  add(unsignedIntType, 'unsigned', 'unsigned int')
  add(longType, 'long', 'long int', 'signed long', 'signed long int')
  add(unsignedLongType, 'unsigned long', 'unsigned long int')
  add(longLongType, 'long long', 'long long int', 'signed long long', 'signed long long int')
  add(unsignedLongLongType, 'unsigned long long', 'unsigned long long int')
  add(int128Type, '__int128', 'signed __int128')
  add(unsignedInt128Type, 'unsigned __int128')
  add(floatType, 'float')
  add(doubleType, 'double')
  add(longDoubleType, 'long double')
  add({ kind: 'float', name: '_Float16', size: 2 }, '_Float16')
  return table
})()

const builtinTypedefs: Readonly<Record<string, CType>> = {
  __builtin_va_list: voidPointer,
  __builtin_ms_va_list: voidPointer,
  __int128_t: int128Type,
  __uint128_t: unsignedInt128Type,
}

/** Types by their words as they were written, filled as spellings come up. */
const spelledTypes = new Map<string, CType>()

function builtinType(c: Context, specifier: ast.TypeSpecifier & { kind: 'builtin' }): CType {
  const spelled = specifier.words.join(' ')
  const known = spelledTypes.get(spelled)
  if (known) return known
  const plain = specifier.words.map(word => word.replace(/^__signed(__)?$/, 'signed').replace(/^bool$/, '_Bool'))
  const type = wordTypes[[...plain].sort().join(' ')]
  if (type) {
    spelledTypes.set(spelled, type)
    return type
  }
  if (plain.some(word => word === '_Complex' || word === '__complex__' || word === '_Imaginary'))
    c.error('B0001', specifier, 'complex numbers do not exist in eBPF', { hint: 'keep the two parts in integers' })
  else if (plain.some(word => word === '__float128' || word === '__bf16' || word === '_BitInt'))
    c.error('T0102', specifier, `'${spelled}' is not supported on this target`)
  else c.error('T0102', specifier, `'${spelled}' is invalid`)
  return errorType
}

function typedefType(c: Context, specifier: ast.TypeSpecifier & { kind: 'typedef_name' }): CType {
  const symbol = c.lookup(specifier.name)
  if (symbol?.kind === 'typedef') return symbol.type
  const name = c.text(specifier.name)
  const builtin = builtinTypedefs[name]
  if (builtin) return builtin
  if (symbol) c.error('T0103', specifier, `'${name}' does not name a type`)
  else {
    const tag = c.lookupTag(specifier.name)
    const word = tag && (tag.type.kind === 'enum' ? 'enum' : tag.type.union ? 'union' : 'struct')
    if (word)
      c.error('T0103', specifier, `must use '${word}' tag to refer to type '${name}'`, { hint: `write '${word} ${name}'` })
    else c.error('T0103', specifier, `unknown type name '${name}'`)
  }
  return errorType
}

function typeofType(c: Context, specifier: ast.TypeSpecifier & { kind: 'typeof' }): CType {
  const { operand } = specifier
  let type: CType
  if (operand.kind === 'type_name') type = checkTypeName(c, operand)
  else {
    const expr = c.notEvaluated(() => checkExpr(c, operand))
    if (expr.kind !== 'load' && bitFieldOf(expr)) c.error('T0106', operand, "invalid application of 'typeof' to bit-field")
    type = expr.type
  }
  return specifier.unqualified ? unqualified(type) : type
}

function specifiedType(c: Context, specifiers: ast.Specifiers, alone: boolean): CType {
  const specifier = specifiers.type
  if (!specifier) {
    c.warn(
      'T0103',
      specifiers,
      "type specifier missing, defaults to 'int'; ISO C99 and later do not support implicit int",
      'implicit-int',
    )
    return intType
  }
  switch (specifier.kind) {
    case 'builtin':
      return builtinType(c, specifier)
    case 'record':
      return checkRecord(c, specifier, alone)
    case 'enum':
      return checkEnum(c, specifier, alone)
    case 'typedef_name':
      return typedefType(c, specifier)
    case 'typeof':
      return typeofType(c, specifier)
    case 'auto_type':
      return errorType
    case 'atomic':
      return withQualifiers(checkTypeName(c, specifier.type), Qualifier.atomic)
  }
}

/** Adds written qualifiers, and says where they make no sense. */
export function qualify(c: Context, place: Place, type: CType, qualifiers: number): CType {
  if (!qualifiers || canonical(type).kind === 'error') return type
  let bits = qualifiers
  if (bits & Qualifier.restrict && !isPointer(type)) {
    c.error('T0102', place, `restrict requires a pointer or reference (${c.quote(type)} is invalid)`)
    bits &= ~Qualifier.restrict
  }
  if (bits & Qualifier.atomic && (isArray(type) || isFunction(type))) {
    c.error('T0102', place, `_Atomic cannot be applied to ${isArray(type) ? 'array' : 'function'} type ${c.quote(type)}`)
    bits &= ~Qualifier.atomic
  }
  if (!bits) return type
  if (isFunction(type)) {
    c.warn('T0102', place, `qualifier on function type ${c.quote(type)} has unspecified behavior`, 'ignored-qualifiers')
    return type
  }
  if ((qualifiersOf(type) & bits) === bits && type.kind === 'qualified') return type
  return type.kind === 'qualified'
    ? { kind: 'qualified', of: type.of, qualifiers: type.qualifiers | bits }
    : { kind: 'qualified', of: type, qualifiers: bits }
}

/** `_Alignas` operands, the largest wins; 0 for none. */
function alignasOf(c: Context, specifiers: ast.Specifiers): number {
  let align = 0
  for (const operand of specifiers.alignas) {
    if (operand.kind === 'type_name') {
      const type = checkTypeName(c, operand)
      c.complete(type)
      align = Math.max(align, alignOf(type))
      continue
    }
    const value = integerConstant(c.notEvaluated(() => rvalue(checkExpr(c, operand))))
    if (value === undefined) c.error('T0215', operand, "'_Alignas' attribute requires an integer constant")
    else if (value < 0n || (value & (value - 1n)) !== 0n) c.error('T0107', operand, 'requested alignment is not a power of 2')
    else align = Math.max(align, Number(value))
  }
  return align
}

/**
 * The type that specifiers give, and what their attributes say. `alone`: no declarator follows (`struct s;`), so a tag is declared in the scope at
 * hand even if an outer one has it.
 */
export function resolveSpecifiers(c: Context, specifiers: ast.Specifiers, alone = false): ResolvedSpecifiers {
  const attributes = readAttributes(c, specifiers.attributes, noAttributes())
  attributes.align = Math.max(attributes.align, alignasOf(c, specifiers))
  if (specifiers.noreturn) attributes.noReturn = true
  const auto = specifiers.type?.kind === 'auto_type'
  let type = specifiedType(c, specifiers, alone)
  if (attributes.mode) type = applyMode(c, specifiers, type, attributes.mode)
  type = qualify(c, specifiers, type, specifiers.qualifiers)
  type = applyTypeAttributes(type, attributes)
  return { type, attributes, auto }
}
