/** What may be calculated with pointers. */
import { hint, type RejectionClass } from '../rejection-class.js'
import { kindText, type Story } from '../story.js'

const of = (story: Story, kind: string, regno = 0): string => kindText({ ...story.reg(regno), kind }, story)

export const arithmetic: readonly RejectionClass[] = [
  {
    code: 'V0801',
    pattern: /^math between (\S+) pointer and register with unbounded min value is not allowed/,
    explain: (found, story) => {
      const { insns } = story.program
      const regno = story.slot === undefined ? 0 : insns.src[story.slot]!
      const scalar = story.reg(regno).kind === 'scalar' ? regno : story.slot === undefined ? 0 : insns.dst[story.slot]!
      const origin = story.origin(scalar)
      const name = origin.name
      return {
        message: `${name ? `\`${name}\`` : 'a number'} has no known bounds, and is added to ${of(story, found[1]!, regno)}`,
        label: 'could point anywhere',
        notes: origin.notes,
        hint: hint(
          'bound it before it is added; make it unsigned, or check that it is not negative',
          `if (${name ?? 'index'} >= 4096) ${story.giveUp}`,
        ),
      }
    },
  },
  {
    code: 'V0802',
    pattern: /^R(\d+) pointer arithmetic on (\S+) prohibited$/,
    explain: (found, story) => ({
      message: `nothing may be added to ${of(story, found[2]!, Number(found[1]))}`,
      label: `calculates with ${of(story, found[2]!, Number(found[1]))}`,
      notes: story.origin(Number(found[1])).notes,
      hint: hint('start from a pointer that may move (packet data, a map value, the stack)'),
    }),
  },
  {
    code: 'V0803',
    pattern:
      /^R(\d+) (?:pointer (?:[-+*/%&|^]=|<<=|>>=|s>>=) pointer|bitwise operator \S+ on pointer|pointer arithmetic with \S+ operator|32-bit pointer arithmetic|tried to subtract pointer from scalar|subtraction from stack pointer)(?: prohibited)?/,
    explain: (found, story) => ({
      message: `\`${story.code}\` calculates with a pointer in a way that makes a number of it`,
      label: 'only a bounded number may be added to a pointer or taken from it',
      notes: story.origin(Number(found[1])).notes,
      hint: hint('keep offsets as numbers of their own, and add them to the start of the memory'),
    }),
  },
  {
    code: 'V0804',
    pattern:
      /^(?:math between (\S+) pointer and (-?\d+) is not allowed|value (-?\d+) makes (\S+) pointer be out of bounds|(\S+) pointer offset (-?\d+) is not allowed)/,
    explain: (found, story) => ({
      message: `\`${story.code}\` moves a pointer by ${found[2] ?? found[3] ?? found[6]}, farther than any memory reaches`,
      label: 'far out of bounds',
      hint: hint('bound the offset first'),
    }),
  },
  {
    code: 'V0805',
    pattern: /^R(\d+) leaks addr (?:as return value|into (.*))/,
    explain: (found, story) => ({
      message: `\`${story.code}\` would give away a kernel address`,
      label: found[2] ? `into ${found[2]}` : 'as the return value',
      hint: hint('store a number instead of the pointer'),
    }),
  },
  {
    code: 'V0806',
    pattern: /^div by zero/,
    explain: (_found, story) => ({
      message: `\`${story.code}\` divides by the constant 0`,
      label: 'division by zero',
      hint: hint('divide by something else'),
    }),
  },
  {
    code: 'V0807',
    pattern: /^misaligned (\S* ?)access off (.*) size (\d+)/,
    explain: (found, story) => ({
      message: `\`${story.code}\` reads ${found[3]} bytes at an address that is not a multiple of ${found[3]}`,
      label: 'misaligned',
      hint: hint('copy the bytes with __builtin_memcpy into a variable, or align the member'),
    }),
  },
]
