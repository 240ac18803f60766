/** What programs and callbacks may return. */
import { hint, type RejectionClass } from '../rejection-class.js'

/** Both ends of what is allowed: `0, 3`, or before 6.8 value and mask of the bits, `0x0; 0x3`. */
function ends(text: string): readonly string[] {
  if (!text.includes('; ')) return text.split(', ')
  const [value, mask] = text.split('; ').map(BigInt)
  return [String(value), String(value! | mask!)]
}

/** `smin=2 smax=2` as 2, other bounds as words. */
function valueText(bounds: string): string {
  const [, low, high] = /^smin=(-?\d+) smax=(-?\d+)$/.exec(bounds.trim()) ?? []
  if (low !== undefined) return low === high ? low : `${low} to ${high}`
  return bounds.replace(/=/g, ' ').trim()
}

export const returnRules: readonly RejectionClass[] = [
  {
    code: 'V0901',
    pattern:
      /^At (program exit|callback return|async callback return|subprogram exit)?.* ?the register R(\d+) (?:has (.*?) ?should have been in [[(](.*?)[\])]|is not a known value \((\S+)\)|is not a scalar value \((\S+)\))/,
    explain: (found, story) => {
      const origin = story.origin(Number(found[2]))
      const [low, high] = ends(found[4] ?? '')
      const range = found[4] === undefined ? undefined : low === high ? `${low}` : `${low} to ${high}`
      const who = found[1] === 'program exit' ? story.aProgram : 'a callback'
      return {
        message: range
          ? `${who} must return ${range}, but \`${story.functionName}\` may return something else`
          : `${who} must return a number, but \`${story.functionName}\` returns a ${found[5] ?? found[6]} pointer`,
        label: found[3] ? `returns ${valueText(found[3])}` : '',
        notes: origin.notes,
        hint: hint('return one of the values that are allowed', `return ${range && low ? low : 0};`),
      }
    },
  },
]
