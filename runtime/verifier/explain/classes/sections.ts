/** Sections that must be left again, and what may not be done inside: locks, RCU, preemption, sleeping. */
import { hint, type RejectionClass } from '../rejection-class.js'

const unlocks: Readonly<Record<string, readonly [what: string, end: string]>> = {
  'bpf_spin_lock-ed': ['a lock', 'bpf_spin_unlock'],
  'bpf_rcu_read_lock-ed': ['an RCU read section', 'bpf_rcu_read_unlock'],
  'bpf_preempt_disable-ed': ['a section without preemption', 'bpf_preempt_enable'],
  'bpf_local_irq_save-ed': ['a section without interrupts', 'bpf_local_irq_restore'],
}

export const sections: readonly RejectionClass[] = [
  {
    code: 'V1001',
    pattern: /^(.*) cannot be used inside (\S+) region/,
    explain: (found, story) => {
      const [what, end] = unlocks[found[2]!] ?? ['a section', 'the end of it']
      return {
        message: `${found[1]!.startsWith('BPF_EXIT') ? `\`${story.functionName}\` returns` : `\`${story.code}\` is used`} while ${what} is held`,
        label: `still inside of ${what}`,
        hint: hint(
          'leave it on every path, also before an early return',
          `${end}(${end === 'bpf_spin_unlock' ? '&value->lock' : ''});`,
        ),
      }
    },
  },
  {
    code: 'V1001',
    pattern: /^(bpf_spin_unlock|bpf_rcu_read_unlock) is missing/,
    explain: (found, story) => ({
      message: `\`${story.functionName}\` returns while ${found[1] === 'bpf_spin_unlock' ? 'a lock' : 'an RCU read section'} is held`,
      label: 'the path ends here',
      hint: hint(
        'leave it on every path, also before an early return',
        `${found[1]}(${found[1] === 'bpf_spin_unlock' ? '&value->lock' : ''});`,
      ),
    }),
  },
  {
    code: 'V1002',
    pattern: /^(?:global )?function calls are not allowed while holding a lock/,
    explain: (_found, story) => ({
      message: `\`${story.callee ?? story.code}\` is called while a lock is held`,
      label: 'a call under the lock',
      hint: hint('call it before the lock is taken or after it is given back; static inline functions are fine'),
    }),
  },
  {
    code: 'V1003',
    pattern:
      /^(?:bpf_spin_unlock of different lock|bpf_spin_unlock without taking a lock|Locking two bpf_spin_locks are not allowed)/,
    explain: (found, story) => ({
      message: found[0].startsWith('Locking')
        ? 'a second lock is taken while one is held; one at a time is allowed'
        : found[0].includes('different')
          ? 'the lock that is given back is not the one that was taken'
          : `\`${story.code}\` gives back a lock that is not held`,
      label: story.argument(1) ?? '',
      hint: hint('unlock the same lock of the same pointer, from the same lookup, before anything else is locked'),
    }),
  },
  {
    code: 'V1004',
    pattern:
      /^(?:helper call might sleep in a non-sleepable prog|program must be sleepable to call sleepable kfunc (\S+)|kernel func (\S+) is sleepable within|sleepable helper (\S+) in (.*) region|kernel function (\S+) requires|calling sleepable)/,
    explain: (found, story) => ({
      message: found[4]
        ? `\`${story.callee ?? found[3]}\` may sleep, which is not allowed inside of a ${found[4]} region`
        : `\`${story.callee ?? 'this function'}\` may sleep, but ${story.aProgram} must not`,
      label: 'may sleep',
      hint: hint(
        'use a sleepable program (a section that ends in .s, where the type has one) outside of such regions, or a function that does not sleep',
      ),
    }),
  },
  {
    code: 'V1004',
    // The last of three lines.
    pattern: /^a non-sleepable BPF program context/,
    explain: (_found, story) => ({
      message: `\`${story.callee ?? 'this function'}\` may sleep, which is not allowed here: with a lock held, without preemption or interrupts, in an RCU section, or in a program that does not sleep`,
      label: 'may sleep',
      hint: hint(
        'call it before such a section or after it, and use a sleepable program (a section that ends in .s, where the type has one)',
      ),
    }),
  },
  {
    code: 'V1005',
    pattern: /^(?:tracing|socket filter) progs cannot use (\S+) yet/,
    explain: (found, story) => ({
      message: `${story.programs} cannot use ${found[1]}`,
      label: '',
      hint: hint('use atomic operations (__sync_fetch_and_add) or a per-CPU map instead of a lock'),
    }),
  },
  {
    code: 'V1006',
    pattern: /^(\w+) cannot be accessed directly by load\/store/,
    explain: (found, story) => ({
      message: `\`${story.code}\` touches the bytes of a ${found[1]}`,
      label: `part of it is a ${found[1]}`,
      hint: hint('use only the functions made for it; copy the members around it one by one'),
    }),
  },
]
