/** Switches over values of an enum: which enumerators have no case, and which cases are no enumerator (`-Wswitch`). */
import { foldedConstant } from './constants.js'
import type { Context } from './context.js'
import { placeOfToken } from './report.js'
import type { Expr, SwitchStmt } from './typed-ast.js'
import { canonical } from './types.js'

/**
 * Checks a whole switch against the enum its value has before promotion, as clang: without a default a missing enumerator is worth a
 * warning, and where none is missing control does not pass the switch by (`coversEnum`). Nothing is asked of constant values.
 */
export function checkEnumSwitch(c: Context, stmt: SwitchStmt, value: Expr): void {
  const type = canonical(value.type)
  if (type.kind !== 'enum' || type.constants.length === 0 || foldedConstant(value) !== undefined) return
  const values = new Set(type.constants.map(each => each.value))
  for (const { low, high, token } of stmt.cases) {
    if (low === undefined || high === undefined || low > high) continue
    for (const end of low === high ? [low] : [low, high])
      if (!values.has(end))
        c.warn('T0503', placeOfToken(token + 1), `case value not in enumerated type ${c.quote(value.type)}`, 'switch')
  }
  if (stmt.cases.some(each => each.low === undefined)) return
  const missing = new Map<bigint, string>()
  for (const { name, value: number } of type.constants)
    if (!missing.has(number) && !isCovered(stmt, number)) missing.set(number, `'${c.text(name)}'`)
  stmt.coversEnum = missing.size === 0
  if (missing.size === 0) return
  const names = [...missing].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, name]) => name)
  c.warn('T0503', value, missingText(names), 'switch')
}

const isCovered = (stmt: SwitchStmt, value: bigint): boolean =>
  stmt.cases.some(({ low, high }) => low! <= value && value <= high!)

function missingText(names: readonly string[]): string {
  if (names.length === 1) return `enumeration value ${names[0]} not handled in switch`
  if (names.length === 2) return `enumeration values ${names.join(' and ')} not handled in switch`
  if (names.length === 3) return `enumeration values ${names[0]}, ${names[1]}, and ${names[2]} not handled in switch`
  return `${names.length} enumeration values not handled in switch: ${names.slice(0, 3).join(', ')}...`
}
