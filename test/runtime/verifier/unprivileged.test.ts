/**
 * Programs loaded without CAP_PERFMON, or without any capability: what is hidden from them, and what is done against speculation. The
 * messages and counts are those of the kernels named.
 */
import { describe, expect, it } from 'vitest'
import { assembleConformance } from '../../../assembler/syntax/conformance.js'
import { mapDef } from '../../../linker/object/bpf-object.js'
import type { PreparedObject, PreparedProgram } from '../../../linker/object/prepared.js'
import { MapType, ProgType } from '../../../linker/object/uapi.js'
import { NO_PRIVILEGES, type Privileges } from '../../../runtime/kernel/privileges.js'
import { kernelProfile } from '../../../runtime/kernel/profile.js'
import { type Verdict, verifyProgram } from '../../../runtime/verifier/verify.js'

const ONLY_BPF: Privileges = { bpf: true, perfmon: false, netAdmin: true }

interface Load {
  readonly kernel?: string
  readonly privileges?: Privileges
  readonly type?: number
  readonly map?: number
  readonly logLevel?: number
}

/** `lddw` loads the one map there is: an array with one value of 48 bytes. */
function load(text: string, { kernel = '6.18', privileges, type = ProgType.SOCKET_FILTER, map, logLevel = 0 }: Load): Verdict {
  const insns = assembleConformance(text)
  for (let slot = 0; slot < insns.length; slot++) if (insns.code[slot] === 0x18) insns.src[slot] = 1
  const program: PreparedProgram = {
    name: 'prog',
    section: 'socket',
    type,
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
  }
  const object: PreparedObject = {
    path: 'test.o',
    license: 'GPL',
    programs: [program],
    maps: [mapDef({ name: 'values', type: map ?? MapType.ARRAY, keySize: 4, valueSize: 48, maxEntries: 1 })],
    btf: undefined,
    kernelBtf: undefined,
  }
  return verifyProgram(object, program, { kernel: kernelProfile(kernel)!, logLevel, ...(privileges && { privileges }) })
}

/** r0 points to the map's value, r6 to the context; `rest` comes after. */
const value = (rest: string) =>
  `mov %r6, %r1
   stw [%r10-4], 0
   mov %r2, %r10
   add %r2, -4
   lddw %r1, 0
   call 1
   jne %r0, 0, go
   exit
   go:
   ${rest}`

const leave = 'mov %r0, 0\n exit'
const PROHIBITED = 'pointer arithmetic with it prohibited for !root'

describe('without CAP_PERFMON', () => {
  it.each<[what: string, text: string, message: string]>([
    ['a pointer returned', 'mov %r0, %r10\n exit', 'R0 leaks addr as return value'],
    ['a pointer stored in a map', value(`stxdw [%r0], %r6\n ${leave}`), 'R6 leaks addr into map'],
    ['a pointer stored in the context', `stxdw [%r1+48], %r1\n ${leave}`, 'R1 leaks addr into ctx'],
    ['a pointer added to memory', value(`lock add [%r0], %r6\n ${leave}`), 'R6 leaks addr into mem'],
    ['half a pointer', `mov32 %r2, %r1\n ${leave}`, 'R1 partial copy of pointer'],
    ['a pointer negated', `neg %r1\n ${leave}`, 'R1 pointer arithmetic prohibited'],
    ['the distance of two pointers', `mov %r2, %r10\n sub %r2, %r1\n ${leave}`, 'R2 pointer -= pointer prohibited'],
    ['half of a difference', `sub32 %r10, 4\n ${leave}`, 'frame pointer is read only'],
    ['a pointer compared', `mov %r2, 8\n jeq %r2, %r1, exit\n ${leave}`, 'R1 pointer comparison prohibited'],
    ['a pointer compared with a constant', `jeq %r1, 8, exit\n ${leave}`, 'R1 pointer comparison prohibited'],
    [
      'half a spilled pointer overwritten',
      `stxdw [%r10-8], %r1\n stw [%r10-8], 1\n ${leave}`,
      'attempt to corrupt spilled pointer on stack',
    ],
    ['stack that was never written', `ldxdw %r0, [%r10-8]\n exit`, 'invalid read from stack R10 off=-8 size=8'],
    ['a pointer given to a helper as a number', `mov %r2, %r1\n call 26\n ${leave}`, 'R2 leaks addr into helper function'],
    [
      'an offset that may have either sign',
      value(`ldxw %r1, [%r6]\n and %r1, 7\n sub %r1, 4\n add %r0, %r1\n ${leave}`),
      `R1 has unknown scalar with mixed signed bounds, ${PROHIBITED}`,
    ],
    [
      'a result out of bounds',
      value(`add %r0, 48\n ${leave}`),
      'R0 pointer arithmetic of map value goes out of range, prohibited for !root',
    ],
    [
      'a pointer that cannot be masked',
      `mov %r2, 0\n add %r1, %r2\n ${leave}`,
      `R1 has pointer with unsupported alu operation, ${PROHIBITED}`,
    ],
    [
      'a stack pointer out of the frame',
      `mov %r1, %r10\n add %r1, 8\n ${leave}`,
      'R1 stack pointer arithmetic goes out of range, prohibited for !root; off=8',
    ],
  ])('%s', (_, text, message) => {
    const { verdict, message: words } = load(text, { privileges: ONLY_BPF })
    expect([verdict, words]).toEqual(['rejected', message])
  })

  it('lets what it refuses through with all privileges', () => {
    expect(load(value(`stxdw [%r0], %r6\n ${leave}`), {}).verdict).toBe('accepted')
    expect(load(`ldxdw %r0, [%r10-8]\n exit`, {}).verdict).toBe('accepted')
  })

  it('walks the way that only a mispredicted jump takes', () => {
    const text = `mov %r0, 0\n jne %r0, 0, away\n exit\n away:\n mov %r0, 1\n exit`
    expect(load(text, {}).processed).toBe(3)
    const { verdict, processed, log } = load(text, { privileges: ONLY_BPF, logLevel: 2 })
    expect([verdict, processed]).toEqual(['accepted', 5])
    expect(log).toContain('from 1 to 3 (speculative execution): R0=scalar() R1=ctx() R10=fp0')
  })

  it('puts a barrier before what would be refused there, since 6.17; before it is refused', () => {
    const text = value(`mov %r1, 1\n jeq %r1, 1, fine\n ldxdw %r0, [%r1]\n fine:\n ${leave}`)
    expect(load(text, { privileges: ONLY_BPF }).verdict).toBe('accepted')
    for (const kernel of ['6.1', '6.12']) {
      const { verdict, message } = load(text, { privileges: ONLY_BPF, kernel })
      expect([verdict, message]).toEqual(['rejected', "R1 invalid mem access 'scalar'"])
    }
  })
})

describe('without any capability', () => {
  it.each<[what: string, text: string, load: Load, message: string]>([
    ['a program of another type', leave, { type: ProgType.XDP }, 'programs of type xdp need CAP_BPF'],
    ['a map of another type', leave, { map: MapType.LRU_HASH }, "maps of type lru_hash ('values') need CAP_BPF"],
    ['a loop', `mov %r0, 0\n add %r0, 1\n jlt %r0, 4, -2\n exit`, {}, 'back-edge from insn 2 to 1'],
    ['a helper for CAP_BPF', `call 118\n exit`, {}, 'program of this type cannot use helper bpf_jiffies64#118'],
    ['a helper for CAP_PERFMON', `call 35\n exit`, {}, 'program of this type cannot use helper bpf_get_current_task#35'],
    ['the packet', `ldxw %r0, [%r1+76]\n exit`, { type: ProgType.CGROUP_SKB }, 'invalid bpf_context access off=76 size=4'],
  ])('%s', (_, text, over, message) => {
    const { verdict, message: words } = load(text, { ...over, privileges: NO_PRIVILEGES })
    expect([verdict, words]).toEqual(['rejected', message])
  })

  it('holds every number for precise', () => {
    const { verdict, log } = load(`mov %r0, 1\n exit`, { privileges: NO_PRIVILEGES, logLevel: 2 })
    expect(verdict).toBe('accepted')
    expect(log).toContain('R0=P1')
  })
})
