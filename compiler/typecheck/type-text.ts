/** Types as C text, spelled the way clang prints them in messages. */
import { Qualifier } from '../parser/ast.js'
import type { Atom } from '../preprocessor/tokens.js'
import { type CType, canonical, spaceShift } from './types.js'

type Spell = (atom: Atom) => string

function qualifierWords(bits: number): string[] {
  const words: string[] = []
  if (bits & Qualifier.const) words.push('const')
  if (bits & Qualifier.volatile) words.push('volatile')
  if (bits & Qualifier.restrict) words.push('restrict')
  if (bits & Qualifier.atomic) words.push('_Atomic')
  const space = bits >> spaceShift
  if (space) words.push(`__attribute__((address_space(${space})))`)
  return words
}

function write(type: CType, inner: string, spell: Spell, qualifiers: number): string {
  switch (type.kind) {
    case 'qualified':
      return write(type.of, inner, spell, qualifiers | type.qualifiers)
    case 'tagged':
      return write(type.of, inner, spell, qualifiers)
    case 'pointer': {
      const words = qualifierWords(qualifiers)
      const star = `*${words.join(' ')}${words.length && inner ? ' ' : ''}${inner}`
      const to = canonicalShape(type.to)
      return write(type.to, to === 'array' || to === 'function' ? `(${star})` : star, spell, 0)
    }
    case 'array':
      return write(type.element, `${inner}[${type.count ?? ''}]`, spell, qualifiers)
    case 'function': {
      const params = type.params.map(param => write(param.type, '', spell, 0))
      if (type.variadic) params.push('...')
      const list = params.length ? params.join(', ') : type.prototyped ? 'void' : ''
      return write(type.result, `${inner}(${list})`, spell, 0)
    }
    default:
      return `${[...qualifierWords(qualifiers), baseName(type, spell)].join(' ')}${inner && !inner.startsWith('[') ? ' ' : ''}${inner}`
  }
}

/** The outermost shape without looking through typedefs: decides about parentheses. */
function canonicalShape(type: CType): CType['kind'] {
  let at = type
  while (at.kind === 'qualified' || at.kind === 'tagged') at = at.of
  return at.kind
}

function baseName(type: CType, spell: Spell): string {
  switch (type.kind) {
    case 'void':
      return 'void'
    case 'int':
    case 'float':
      return type.name
    case 'record':
      return `${type.union ? 'union' : 'struct'} ${type.tag === undefined ? '(unnamed)' : spell(type.tag)}`
    case 'enum':
      return `enum ${type.tag === undefined ? '(unnamed)' : spell(type.tag)}`
    case 'typedef':
      return spell(type.name)
    default:
      return '<error>'
  }
}

/** `struct foo *const [3]`. */
export const typeText = (type: CType, spell: Spell): string => write(type, '', spell, 0)

/** As clang quotes types: `'u32' (aka 'unsigned int')` where a typedef hides the type. */
export function quoteType(type: CType, spell: Spell): string {
  const own = typeText(type, spell)
  const plain = typeText(desugar(type), spell)
  return own === plain ? `'${own}'` : `'${own}' (aka '${plain}')`
}

/** The type with every typedef name on the way replaced. */
function desugar(type: CType): CType {
  switch (type.kind) {
    case 'typedef':
      return desugar(type.to)
    case 'tagged':
      return desugar(type.of)
    case 'qualified': {
      const of = desugar(type.of)
      return of.kind === 'qualified'
        ? { kind: 'qualified', of: of.of, qualifiers: of.qualifiers | type.qualifiers }
        : { kind: 'qualified', of, qualifiers: type.qualifiers }
    }
    case 'pointer':
      return { kind: 'pointer', to: desugar(type.to), space: type.space }
    case 'array':
      return { kind: 'array', element: desugar(type.element), count: type.count }
    default:
      return canonical(type)
  }
}
