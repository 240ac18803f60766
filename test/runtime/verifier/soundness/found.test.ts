/** Programs that scripts/soundness.ts found to be accepted though the kernel rejects them, or to break the verifier: each stays rejected. */
import { expect, test } from 'vitest'
import { Insns } from '../../../../assembler/isa/insns.js'
import { bundledBtf } from '../../../../linker/btf/bundled-btf.js'
import { kernelProfile } from '../../../../runtime/kernel/profile.js'
import { verifyProgram } from '../../../../runtime/verifier/verify.js'
import { Randoms } from '../randoms.js'
import { generated, objectOf } from './programs.js'

type Row = [code: number, dst: number, src: number, off: number, imm: number]

const cases: readonly (readonly [name: string, rows: readonly Row[], message: string])[] = [
  [
    'a call of what is no kernel function, where the walk does not come: the null of a lookup that finds its constant key',
    [
      [0x7a, 10, 0, -8, 0],
      [0x18, 1, 1, 0, 0],
      [0, 0, 0, 0, 0],
      [0xbf, 2, 10, 0, 0],
      [0x07, 2, 0, 0, -8],
      [0x85, 0, 0, 0, 1],
      [0x55, 0, 0, 1, 0],
      [0x85, 0, 2, 0, 1],
      [0xb7, 0, 0, 0, 0],
      [0x95, 0, 0, 0, 0],
    ],
    'kernel btf_id 1 is not a function',
  ],
  [
    'a kernel function with an offset into modules that are not given',
    [
      [0x85, 0, 2, 8, 1],
      [0xb7, 0, 0, 0, 0],
      [0x95, 0, 0, 0, 0],
    ],
    'failed to find BTF for kernel function',
  ],
  [
    'an id beyond the types',
    [
      [0x85, 0, 2, 0, 0x7ffffff0],
      [0xb7, 0, 0, 0, 0],
      [0x95, 0, 0, 0, 0],
    ],
    'kernel btf_id 2147483632 is not a function',
  ],
]

test.each(cases)('%s', (_name, rows, message) => {
  const insns = new Insns(rows.length)
  for (let slot = 0; slot < rows.length; slot++) insns.set(slot, ...rows[slot]!)
  const program = { ...generated('p', new Randoms(1)), insns }
  const object = { ...objectOf([program]), kernelBtf: bundledBtf() }
  for (const version of ['6.12', '6.18']) {
    const { verdict, message: words } = verifyProgram(object, program, { kernel: kernelProfile(version)! })
    expect([version, verdict, words]).toEqual([version, 'rejected', message])
  }
})
