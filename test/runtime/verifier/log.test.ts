/** Whole logs, in the layout of each kernel, of one program with a loop and a spill: levels 1, 2 and 4. */
import { describe, expect, it } from 'vitest'
import { assembleConformance } from '../../../assembler/syntax/conformance.js'
import type { PreparedObject, PreparedProgram } from '../../../linker/object/prepared.js'
import { kernelProfile } from '../../../runtime/kernel/profile.js'
import { type Verdict, verifyProgram } from '../../../runtime/verifier/verify.js'

function verify(text: string, version: string, logLevel: number): Verdict {
  const program: PreparedProgram = {
    name: 'prog',
    section: 'socket',
    type: 1,
    expectedAttachType: 0,
    sleepable: false,
    flags: 0,
    attachName: '',
    attachBtfId: 0,
    insns: assembleConformance(text),
    functions: [{ name: 'prog', slot: 0, type: 0, linkage: 1 }],
    lineInfo: [],
    autoload: true,
    fault: undefined,
  }
  const object: PreparedObject = {
    path: 'test.o',
    license: 'GPL',
    programs: [program],
    maps: [],
    btf: undefined,
    kernelBtf: undefined,
  }
  return verifyProgram(object, program, { kernel: kernelProfile(version)!, logLevel })
}

const loop = `
  mov %r0, 0
  stxdw [%r10-8], %r0
  call 7
  mov %r6, %r0
  and %r6, 2
  jeq %r6, 0, leave
  again:
  ldxdw %r1, [%r10-8]
  add %r1, 1
  stxdw [%r10-8], %r1
  jlt %r1, 3, again
  leave:
  mov %r0, 0
  exit`

describe('the log', () => {
  it.each(['6.1', '6.12', '6.18'])('level 2 of %s', async version => {
    await expect(verify(loop, version, 2).log).toMatchFileSnapshot(`logs/loop-${version}.txt`)
  })

  it('of an accepted program at level 1 and 4 is its statistics', () => {
    expect(verify(loop, '6.18', 1).log).toMatch(/^processed \d+ insns \(limit 1000000\)[^\n]*\n$/)
    expect(verify(loop, '6.18', 4).log).toMatch(/^stack depth 8\nprocessed \d+ insns [^\n]*\n$/)
  })

  it('has the message at every level', () => {
    for (const level of [1, 2, 4]) expect(verify('mov %r0, %r2\nexit', '6.18', level).log).toContain('R2 !read_ok\n')
  })
})

describe('a range and known bits that leave one value', () => {
  it('are that value in 6.18, and the path without it is not walked', () => {
    // r0 is 0 or 2, and not 0: it is 2, so that r9, which was never set, is not read.
    const text = `call 7\nand %r0, 2\njeq %r0, 0, leave\njeq %r0, 2, leave\nmov %r0, %r9\nleave:\nmov %r0, 0\nexit`
    expect(verify(text, '6.18', 0)).toMatchObject({ verdict: 'accepted' })
    expect(verify(text, '6.12', 0)).toMatchObject({ verdict: 'rejected', message: 'R9 !read_ok' })
  })
})

describe('what an atomic operation fetched and then decided something', () => {
  it('is traced to memory by 6.12, to the older value of its register by 6.18', () => {
    const text = `mov %r0, 0
      stxdw [%r10-8], %r0
      mov %r1, 1
      lock fetch add [%r10-8], %r1
      and %r1, 7
      jlt %r1, 8, leave
      leave:
      mov %r0, 0
      exit`
    const traced = (version: string) => verify(text, version, 2).log.includes('regs=r1 stack= before 2: (b7) r1 = 1')
    expect([traced('6.12'), traced('6.18')]).toEqual([false, true])
  })
})
