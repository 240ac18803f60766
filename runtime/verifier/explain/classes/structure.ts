/** The shape of a program: jumps, ends, code that nothing reaches. */
import { hint, type RejectionClass } from '../rejection-class.js'

export const structure: readonly RejectionClass[] = [
  {
    code: 'V1201',
    pattern: /^unreachable insn (\d+)/,
    explain: found => ({
      slot: Number(found[1]),
      message: 'no path leads here',
      label: 'unreachable',
      hint: hint('remove the code behind a return or an endless loop'),
    }),
  },
  {
    code: 'V1202',
    pattern: /^jump out of range from insn (\d+) to (\d+)/,
    explain: found => ({
      slot: Number(found[1]),
      message: `a jump leads out of its function, to instruction ${found[2]}`,
      label: 'jumps out of the function',
      hint: hint('jump only to labels of the same function; in inline assembly use %l labels'),
    }),
  },
  {
    code: 'V1203',
    pattern: /^last insn is not an exit or jmp/,
    explain: (_found, story) => ({
      message: `\`${story.program.name}\` runs out of its end: a function must end in a return`,
      label: '',
      hint: hint('return at the end', story.giveUp),
    }),
  },
  {
    code: 'V1205',
    pattern: /^(BPF_\S+) uses reserved fields|^(unknown opcode|invalid BPF_\S+ opcode|invalid atomic opcode) ?(\S*)/,
    explain: (found, story) => ({
      message: found[1]
        ? `\`${story.code}\` has something in a field that must be zero: it was not made by a compiler for BPF, or by a newer one than the kernel knows`
        : `${found[0]}: the kernel does not know the instruction`,
      label: 'not an instruction',
      hint: hint('check instructions written as .byte or .long; compile with -mcpu=v3 for kernels before 6.6'),
    }),
  },
  {
    code: 'V1204',
    pattern: /^frame pointer is read only/,
    explain: () => ({
      message: 'the frame pointer (r10) is written, and it cannot be changed',
      label: 'writes r10',
      hint: hint('copy it to another register first (inline assembly)'),
    }),
  },
]
