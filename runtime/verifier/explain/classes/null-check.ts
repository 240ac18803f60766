/** Pointers that may be NULL. */
import { isName } from '../c-text.js'
import { hint, type RejectionClass } from '../rejection-class.js'
import { quoted, type Story } from '../story.js'

/** Who gave the pointer, and the check that is missing. */
function unchecked(story: Story, regno: number, use: string) {
  const origin = story.origin(regno)
  const giver = origin.step >= 0 ? story.calleeAt(story.trace.steps[origin.step]!.slot) : undefined
  const name = origin.name !== undefined && isName(origin.name) ? origin.name : undefined
  const from = giver ? `\`${giver}\` gives NULL when there is nothing` : 'it may be NULL'
  return {
    message: `${name ? `\`${name}\`` : `the result of ${giver ?? 'a load'}`} may be NULL here: ${from}`,
    label: use,
    notes: origin.notes,
    hint: name
      ? hint('check it before the first use', `if (!${name}) ${story.giveUp}`)
      : hint('keep the pointer in a variable, and check it before the first use'),
  }
}

export const nullChecks: readonly RejectionClass[] = [
  {
    code: 'V0101',
    pattern: /^R(\d+) invalid mem access '(\w*_or_null_?)'/,
    explain: (found, story) => unchecked(story, Number(found[1]), 'goes through a pointer that may be NULL'),
  },
  {
    code: 'V0102',
    pattern: /^R(\d+) pointer arithmetic on (\w*_or_null_?) prohibited, null-check it first/,
    explain: (found, story) => unchecked(story, Number(found[1]), 'calculates with a pointer that may be NULL'),
  },
  {
    code: 'V0103',
    pattern: /^R(\d+) type=(\w*_or_null_?) expected=/,
    explain: (found, story) =>
      unchecked(story, Number(found[1]), `passes a pointer that may be NULL to ${story.callee ?? 'a function'}`),
  },
  {
    code: 'V0103',
    pattern: /^Possibly NULL pointer passed to (?:helper|trusted) arg(\d+)/,
    explain: (found, story) => {
      // Helpers count arguments from 1, kfuncs from 0.
      const regno = Number(found[1]) + (found[0].includes('trusted') ? 1 : 0)
      return unchecked(story, regno, `passes a pointer that may be NULL to ${story.callee ?? 'a function'}`)
    },
  },
  {
    code: 'V0104',
    pattern: /^R(\d+) invalid mem access 'scalar'|^R(\d+) invalid mem access 'inv'/,
    explain: (found, story) => {
      const regno = Number(found[1] ?? found[2])
      const value = story.reg(regno)
      const origin = story.origin(regno)
      if (value.umax === 0n && value.umin === 0n)
        return {
          message: `\`${story.code}\` goes through a pointer that is NULL on this path`,
          label: 'the pointer is NULL here',
          notes: origin.notes,
          hint: hint('leave on the path where the pointer is NULL; the check may be the wrong way round'),
        }
      const stale = story.staleSince(regno)
      if (stale) {
        const name = quoted(origin.name !== undefined && isName(origin.name) ? origin.name : undefined, 'the pointer')
        return {
          code: 'V0105',
          message: `${name} pointed into the packet, which \`${stale.callee}\` may have moved since`,
          label: 'the pointer is void',
          notes: [...origin.notes, ...(stale.note ? [stale.note] : [])],
          hint: hint(`take packet pointers anew after \`${stale.callee}\`, and check them again; or call it first`),
        }
      }
      return {
        message: `\`${story.code}\` uses a number as an address: the verifier does not know that it points to memory`,
        label: 'the pointer is only a number for the verifier',
        notes: origin.notes,
        hint: hint(
          'read kernel memory with bpf_probe_read_kernel (or BPF_CORE_READ); a pointer kept in a map or passed through arithmetic loses its type',
          `bpf_probe_read_kernel(&value, sizeof(value), ${origin.name && isName(origin.name) ? origin.name : 'pointer'});`,
        ),
      }
    },
  },
]
