/** Loops, size and everything that is too much. */
import { hint, type RejectionClass } from '../rejection-class.js'

export const complexity: readonly RejectionClass[] = [
  {
    code: 'V0701',
    pattern: /^infinite loop detected at insn (\d+)/,
    explain: found => ({
      slot: Number(found[1]),
      message: 'this loop comes round with nothing changed: it would never end',
      label: 'the same state as a round before',
      hint: hint('count the rounds with a variable that the condition tests', 'for (int i = 0; i < 100; i++)'),
    }),
  },
  {
    code: 'V0702',
    pattern: /^BPF program is too large\. Processed (\d+) insn/,
    explain: (_found, story) => ({
      message: `\`${story.program.name}\` takes more than 1,000,000 instructions to verify`,
      label: 'the verifier was here when it gave up',
      hint: hint('fewer rounds or fewer branches inside loops; bpf_loop (since 5.17) verifies its body once'),
    }),
  },
  {
    code: 'V0703',
    pattern: /^The sequence of (\d+) jumps is too complex/,
    explain: found => ({
      message: `more than ${Number(found[1]) - 1} branches wait to be looked at on one path`,
      label: 'one branch too many',
      hint: hint('split the program with tail calls or global functions, or turn the loop into bpf_loop'),
    }),
  },
  {
    code: 'V0704',
    pattern: /^back-edge from insn (\d+) to (\d+)/,
    explain: found => ({
      slot: Number(found[1]),
      message: 'this kernel does not take loops',
      label: 'jumps back',
      hint: hint('unroll it', '#pragma unroll'),
    }),
  },
  {
    code: 'V0705',
    pattern: /^the call stack of (\d+) frames is too deep/,
    explain: found => ({
      message: `functions call each other ${found[1]} deep, and 8 is the limit`,
      label: 'the call that is one too deep',
      hint: hint('mark the innermost ones', 'static __always_inline'),
    }),
  },
]
