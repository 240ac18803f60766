/** The stack, and registers that nothing was written to. */
import { hint, type RejectionClass } from '../rejection-class.js'
import type { Story } from '../story.js'

const variable = (story: Story, argument: number): string | undefined =>
  story
    .argument(argument)
    ?.replace(/^\(.*?\)\s*(?=&)/, '')
    .replace(/^&/, '')

function uninitialised(story: Story, regno: number, off: number, missing: number, size: number) {
  const name = variable(story, regno)
  return {
    message: name
      ? `byte ${missing} of ${size} of \`${name}\` was never written, but \`${story.callee}\` reads it all`
      : `\`${story.code}\` reads ${size} bytes of stack of which byte ${missing} was never written`,
    label: `reads ${size} bytes of stack at fp${off}`,
    hint: name
      ? hint('set it to zero first, holes between members included', `__builtin_memset(&${name}, 0, sizeof(${name}));`)
      : hint('give the variable a value where it is declared, on every path'),
  }
}

export const stackRules: readonly RejectionClass[] = [
  {
    code: 'V0301',
    pattern: /^invalid(?: indirect)? (?:read from stack|access to stack) R(\d+) off (-?\d+)\+(\d+) size (\d+)/,
    explain: (found, story) => uninitialised(story, Number(found[1]), Number(found[2]), Number(found[3]), Number(found[4])),
  },
  {
    code: 'V0301',
    pattern: /^invalid read from stack off (-?\d+)\+(\d+) size (\d+)/,
    explain: (found, story) => uninitialised(story, 0, Number(found[1]), Number(found[2]), Number(found[3])),
  },
  {
    code: 'V0302',
    pattern: /^R(\d+) !read_ok/,
    explain: (_found, story) => {
      const atExit = story.slot !== undefined && story.program.insns.code[story.slot] === 0x95
      return {
        message: atExit
          ? `\`${story.functionName}\` ends without a return value on this path`
          : `\`${story.code}\` uses a value that was never set on this path`,
        label: atExit ? 'returns nothing' : 'not set on this path',
        hint: atExit
          ? hint('return a value on every path', story.giveUp)
          : hint('give the variable a value where it is declared'),
      }
    },
  },
  {
    code: 'V0303',
    pattern: /^combined stack size of (\d+) calls is (\d+)\. Too large/,
    explain: (found, story) => ({
      message: `the functions of \`${story.program.name}\` need ${found[2]} bytes of stack together, and there are 512`,
      label: '',
      hint: hint(
        'keep large buffers in a per-CPU array map and look them up, or mark functions __always_inline so that they share a frame',
      ),
    }),
  },
  {
    code: 'V0304',
    pattern: /^invalid (?:write to|read from|indirect access to|indirect read from)? ?stack R(\d+) off=(-?\d+) size=(\d+)/,
    explain: (found, story) => {
      const off = Number(found[2])
      return {
        message:
          off < -512
            ? `\`${story.code}\` is ${-off} bytes down the stack, and there are 512`
            : `\`${story.code}\` leaves the stack: ${found[3]} bytes at fp${off >= 0 ? '+' : ''}${off}`,
        label: `${found[3]} bytes at fp${off >= 0 ? '+' : ''}${off}`,
        hint: hint(
          off < -512
            ? 'keep large buffers in a per-CPU array map and look them up'
            : 'stay within the array: check the index and the size against its length',
        ),
      }
    },
  },
  {
    code: 'V0305',
    pattern: /^invalid (?:unbounded )?variable-offset.* stack R(\d+)/,
    explain: (found, story) => {
      const added = story.addedTo(Number(found[1]))
      const name = added?.origin.name
      return {
        message: `${name ? `\`${name}\`` : 'an index'} may lie outside the array on the stack`,
        label: 'at a variable offset of the stack',
        notes: added?.origin.notes ?? [],
        hint: hint(
          'check it against the length of the array first',
          `if (${name ?? 'index'} >= sizeof(array) / sizeof(array[0])) ${story.giveUp}`,
        ),
      }
    },
  },
]
