import { describe, expect, it } from 'vitest'
import { Insns } from '../../../assembler/isa/insns.js'
import type { PreparedObject, PreparedProgram } from '../../../linker/object/prepared.js'
import { kernelProfile } from '../../../runtime/kernel/profile.js'
import { type Verdict, verifyProgram } from '../../../runtime/verifier/verify.js'

type Row = readonly [code: number, dst: number, src: number, off: number, imm: number]

const MOV_R0_0: Row = [0xb7, 0, 0, 0, 0]
const EXIT: Row = [0x95, 0, 0, 0, 0]

function verify(rows: readonly Row[], version = '6.18', over: Partial<PreparedProgram> = {}): Verdict {
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
  return verifyProgram(object, program, { kernel: kernelProfile(version)!, logLevel: 1 })
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

  it('does not accept for a kernel whose rules are not all there', () => {
    expect(verify([MOV_R0_0, EXIT], '6.1').verdict).toBe('not-implemented')
    expect(verify([[0xbf, 0, 2, 0, 0], EXIT], '6.1').verdict).toBe('rejected')
  })
})
