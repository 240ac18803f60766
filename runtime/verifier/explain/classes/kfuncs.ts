/** Kernel functions, dynptrs, iterators, BTF-typed pointers. */
import { isName } from '../c-text.js'
import { hint, type RejectionClass } from '../rejection-class.js'
import { kindText } from '../story.js'

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
    code: 'V1109',
    pattern: /^(?:store to (uptr|referenced kptr) disallowed|BPF_ST imm must be 0 when storing to kptr)/,
    explain: (found, story) => ({
      message:
        found[1] === 'uptr'
          ? `\`${story.code}\` is a pointer to user memory (__uptr): only user space sets it, when it updates the map`
          : `\`${story.code}\` is a pointer to a kernel object (__kptr): a program sets it only in exchange`,
      label: 'cannot be assigned',
      hint:
        found[1] === 'uptr'
          ? hint('read through it only; write what it points to')
          : hint('exchange it, and give back what was there', `old = bpf_kptr_xchg(&value->member, object);`),
    }),
  },
  {
    code: 'V1110',
    pattern: /^BPF_ATOMIC (?:stores into|loads from) R(\d+) (\S+) is not allowed/,
    explain: (found, story) => ({
      message: `\`${story.code}\` is atomic, and atomic operations do not work on ${kindText({ ...story.reg(Number(found[1])), kind: found[2]! })}`,
      label: 'an atomic operation',
      hint: hint(
        'work on a map value, global data or the stack; the context, packets and sockets have plain loads and stores only',
      ),
    }),
  },
  {
    code: 'V1107',
    pattern: /^Caller passes invalid args into func#(\d+) \('(.*)'\)/,
    explain: (found, story) => {
      const text = story.argument(1)
      const why = story.trace.complaint.findLast(line => line !== found[0]) ?? ''
      const untrusted = /^R(\d+) type=\S*untrusted\S* expected=/.exec(why)
      if (untrusted)
        return {
          message: `argument ${untrusted[1]} of the global function \`${found[2]}\` must be a pointer that the kernel vouches for, and this one is not`,
          label: 'an untrusted pointer',
          notes: story.origin(Number(untrusted[1])).notes,
          hint: hint(
            'pass an argument of the program or what an acquiring function gave (bpf_task_acquire …), or declare the parameter __arg_untrusted and only read through it',
          ),
        }
      return {
        message: `the arguments do not fit what the global function \`${found[2]}\` was verified with`,
        label: why,
        hint: hint(
          'a pointer to a global function must not be NULL and must point to memory of the size of its type',
          ...(text && isName(text) ? [`if (!${text}) ${story.giveUp}`] : []),
        ),
      }
    },
  },
]
