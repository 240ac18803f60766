/** The context a program gets. */
import { hint, type RejectionClass } from '../rejection-class.js'

export const contextRules: readonly RejectionClass[] = [
  {
    code: 'V0601',
    pattern: /^invalid bpf_context access off=(-?\d+) size=(\d+)/,
    explain: (found, story) => {
      const { insns } = story.program
      const writes = story.slot !== undefined && [2, 3].includes(insns.code[story.slot]! & 7)
      return {
        message: `${story.aProgram} may not ${writes ? 'write' : 'read'} \`${story.code}\``,
        label: `${found[2]} bytes at offset ${found[1]} of the context`,
        hint: hint(
          writes
            ? 'most members of the context are read-only; look for a helper that changes it'
            : 'this member is not there for this type of program, or must be read whole, with the size it is declared with',
        ),
      }
    },
  },
  {
    code: 'V0602',
    pattern: /^dereference of modified (\S+) ptr R(\d+) off=(-?\d+) disallowed/,
    explain: (found, story) => ({
      message:
        found[1] === 'ctx'
          ? `\`${story.code}\` goes through a context pointer that was moved by ${found[3]} bytes`
          : `\`${story.code}\` goes through a pointer that was moved by ${found[3]} bytes`,
      label: 'only the unchanged pointer may be used',
      notes: story.origin(Number(found[2])).notes,
      hint: hint('name the member (ctx->member): its offset then stands in the instruction, and the pointer stays as it came'),
    }),
  },
  {
    code: 'V0603',
    pattern: /^(?:variable ctx access var_off=.* disallowed|negative offset ctx ptr R\d+ off=-?\d+ disallowed)/,
    explain: (_found, story) => ({
      message: `\`${story.code}\` reads the context at an offset only known at run time`,
      label: 'a variable offset',
      hint: hint('write out the members with constant indices (a switch, or an unrolled loop)'),
    }),
  },
]
