import { describe, expect, it } from 'vitest'
import { Insns } from '../../../assembler/isa/insns.js'
import type { PreparedObject, PreparedProgram } from '../../../linker/object/prepared.js'
import { type KernelProfile, kernelProfile } from '../../../runtime/kernel/profile.js'
import { type Verdict, verifyProgram } from '../../../runtime/verifier/verify.js'

type Row = readonly [code: number, dst: number, src: number, off: number, imm: number]

const MOV_R0_0: Row = [0xb7, 0, 0, 0, 0]
const EXIT: Row = [0x95, 0, 0, 0, 0]

function verify(
  rows: readonly Row[],
  version = '6.18',
  over: Partial<PreparedProgram> = {},
  rules: Partial<KernelProfile> = {},
): Verdict {
  const insns = new Insns(rows.length)
  rows.forEach(([code, dst, src, off, imm], i) => {
    insns.code[i] = code
    insns.dst[i] = dst
    insns.src[i] = src
    insns.off[i] = off
    insns.imm[i] = imm
  })
  const program: PreparedProgram = {
    name: 'prog',
    section: 'socket',
    type: 1,
    expectedAttachType: 0,
    sleepable: false,
    flags: 0,
    attachName: '',
    attachBtfId: 0,
    insns,
    functions: [{ name: 'prog', slot: 0, type: 0, linkage: 1 }],
    lineInfo: [],
    autoload: true,
    fault: undefined,
    ...over,
  }
  const object: PreparedObject = {
    path: 'test.o',
    license: 'GPL',
    programs: [program],
    maps: [],
    btf: undefined,
    kernelBtf: undefined,
  }
  return verifyProgram(object, program, { kernel: { ...kernelProfile(version)!, ...rules }, logLevel: 1 })
}

describe('verifyProgram', () => {
  it('accepts the smallest program', () => {
    expect(verify([MOV_R0_0, EXIT])).toMatchObject({ verdict: 'accepted', processed: 2 })
  })

  it('says what the kernel says of an unset register, and where', () => {
    const verdict = verify([[0xbf, 0, 2, 0, 0], EXIT])
    expect(verdict).toMatchObject({ verdict: 'rejected', message: 'R2 !read_ok', faultSlot: 0, processed: 1 })
    expect(verdict.log).toContain('0: (bf) r0 = r2\nR2 !read_ok\nprocessed 1 insns (limit 1000000)')
  })

  it('rejects stack out of bounds', () => {
    const verdict = verify([[0x7a, 10, 0, -520, 0], MOV_R0_0, EXIT])
    expect(verdict).toMatchObject({ verdict: 'rejected', message: 'invalid write to stack R10 off=-520 size=8' })
  })

  it('finds an endless loop', () => {
    const verdict = verify([MOV_R0_0, [0x05, 0, 0, -1, 0], EXIT])
    expect(verdict.verdict).toBe('rejected')
  })

  it('says which helper or program type it does not know instead of accepting', () => {
    expect(verify([MOV_R0_0, EXIT], '6.18', { type: 99 }).verdict).toBe('not-implemented')
    expect(verify([[0x85, 0, 0, 0, 9999], EXIT])).toMatchObject({
      verdict: 'rejected',
      message: 'invalid func unknown#9999',
    })
  })

  it('lets only jumps lead back before 6.9', () => {
    // r0 = 0; goto 3; 2: r0 += 1; 3: if r0 < 4 goto 2; exit
    const loop: readonly Row[] = [MOV_R0_0, [0x05, 0, 0, 1, 0], [0x07, 0, 0, 0, 1], [0xa5, 0, 0, -2, 4], EXIT]
    expect(verify(loop)).toMatchObject({ verdict: 'accepted' })
    expect(verify(loop, '6.1')).toMatchObject({ verdict: 'rejected', message: 'back-edge from insn 2 to 3' })
  })

  it('learns nothing from two unknowns before 6.8', () => {
    // Whether r6 < r0 says that r0 is not 0, so that r9 (never set) is not read.
    const compare: readonly Row[] = [
      [0x85, 0, 0, 0, 7],
      [0xbf, 6, 0, 0, 0],
      [0x85, 0, 0, 0, 7],
      [0xbd, 0, 6, 2, 0],
      [0x55, 0, 0, 1, 0],
      [0xbf, 0, 9, 0, 0],
      MOV_R0_0,
      EXIT,
    ]
    expect(verify(compare)).toMatchObject({ verdict: 'accepted' })
    expect(verify(compare, '6.1')).toMatchObject({ verdict: 'rejected', message: 'R9 !read_ok' })
  })

  it('computes OR of two unknowns since 6.10', () => {
    const either: readonly Row[] = [
      [0x85, 0, 0, 0, 7],
      [0xbf, 6, 0, 0, 0],
      [0x57, 6, 0, 0, 3],
      [0x85, 0, 0, 0, 7],
      [0x57, 0, 0, 0, 4],
      [0x4f, 0, 6, 0, 0],
      // r0 > 7 cannot be; r9 was never set.
      [0xb5, 0, 0, 1, 7],
      [0xbf, 0, 9, 0, 0],
      MOV_R0_0,
      EXIT,
    ]
    expect(verify(either)).toMatchObject({ verdict: 'accepted' })
    expect(verify(either, '6.1')).toMatchObject({ verdict: 'rejected', message: 'R9 !read_ok' })
  })

  it('says what a kernel is too old for', () => {
    expect(verify([MOV_R0_0, EXIT], '6.1', { type: 32 })).toMatchObject({
      verdict: 'rejected',
      message: 'Linux 6.1 has no programs of type netfilter: they came with 6.4',
    })
  })

  it('does not accept for a kernel whose rules are not all there', () => {
    expect(verify([MOV_R0_0, EXIT], '6.1', {}, { settled: false, documented: false }).verdict).toBe('not-implemented')
    expect(verify([[0xbf, 0, 2, 0, 0], EXIT], '6.1', {}, { settled: false, documented: false }).verdict).toBe('rejected')
  })
})
