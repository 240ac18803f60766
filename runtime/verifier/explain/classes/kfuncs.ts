/** Kernel functions, dynptrs, iterators, BTF-typed pointers. */
import { isName } from '../c-text.js'
import { hint, type RejectionClass } from '../rejection-class.js'

export const kfuncRules: readonly RejectionClass[] = [
  {
    code: 'V1101',
    pattern: /^calling kernel function (\S+) is not allowed/,
    explain: (found, story) => ({
      message: `${story.programs} cannot call \`${found[1]}\``,
      label: 'not for this type of program',
      hint: hint('use a program type for which the kernel registers this function'),
    }),
  },
  {
    code: 'V1102',
    pattern: /^R(\d+) must be (?:referenced or trusted|a rcu pointer)/,
    explain: (found, story) => {
      const regno = Number(found[1])
      const text = story.argument(regno)
      return {
        message: `${text ? `\`${text}\`` : `argument ${regno}`} of \`${story.callee ?? 'the function'}\` may be freed at any time`,
        label: `argument ${regno} is not held`,
        notes: story.origin(regno).notes,
        hint: hint('take a reference first (bpf_task_acquire and the like), check it for NULL, and release it'),
      }
    },
  },
  {
    code: 'V1103',
    pattern: /^Expected an initialized dynptr as arg #(\d+)/,
    explain: (found, story) => ({
      message: `argument ${Number(found[1]) + 1} of \`${story.callee ?? 'the function'}\` is not a dynptr that was set up`,
      label: 'not initialised, or given back before',
      hint: hint('set it up with bpf_dynptr_from_mem, bpf_dynptr_from_skb or bpf_ringbuf_reserve_dynptr, on every path'),
    }),
  },
  {
    code: 'V1104',
    pattern: /^(?:cannot overwrite referenced dynptr|Dynptr has to be an uninitialized dynptr)/,
    explain: () => ({
      message: 'a dynptr that is in use is overwritten',
      label: 'already in use',
      hint: hint('submit or discard it first, or use another variable'),
    }),
  },
  {
    code: 'V1105',
    pattern: /^expected an (un)?initialized (\w+) as arg #(\d+)/,
    explain: (found, story) => ({
      message: found[1]
        ? `\`${story.callee}\` needs a fresh ${found[2]}, but this one is in use`
        : `\`${story.callee}\` needs a ${found[2]} that was started with bpf_${found[2]}_new`,
      label: '',
      hint: hint('new, next until NULL, destroy: in this order, on the same variable; bpf_for does it all'),
    }),
  },
  {
    code: 'V1106',
    pattern: /^(?:only read is supported|R(\d+) cannot write into (\S+))/,
    explain: (found, story) => ({
      message: `\`${story.code}\` writes to memory that programs may only read`,
      label: 'read-only',
      hint: hint(
        found[2]?.startsWith('rdonly') ? 'copy it to a variable and change the copy' : 'use a helper or kfunc that changes it',
      ),
    }),
  },
  {
    code: 'V1108',
    pattern: /^access beyond (?:the end of member (\S+)|struct (\S+))/,
    explain: (found, story) => ({
      message: `\`${story.code}\` reads behind the end of ${found[1] ? `member \`${found[1]}\`` : `struct ${found[2]}`}`,
      label: 'out of bounds',
      hint: hint('stay inside of the type; for arrays of unknown length use bpf_probe_read_kernel'),
    }),
  },
]

/** Asked before all others: what is wrong with an argument is said before whose argument it is. */
export const globalCalls: readonly RejectionClass[] = [
  {
    code: 'V1107',
    pattern: /^Caller passes invalid args into func#(\d+) \('(.*)'\)/,
    explain: (found, story) => {
      const text = story.argument(1)
      return {
        message: `the arguments do not fit what the global function \`${found[2]}\` was verified with`,
        label: story.trace.complaint.findLast(line => line !== found[0]) ?? '',
        hint: hint(
          'a pointer to a global function must not be NULL and must point to memory of the size of its type',
          ...(text && isName(text) ? [`if (!${text}) ${story.giveUp}`] : []),
        ),
      }
    },
  },
]
