/** What the code generator refuses, and how it says so. */
import { describe, expect, it } from 'vitest'
import { DiagnosticSink } from '../../../base/diagnostics.js'
import { compileFunction } from '../../../compiler/codegen/compile-function.js'
import { readModule } from '../../../compiler/ir/read.js'
import type { Cpu } from '../../../compiler/options.js'

function complaints(body: string, cpu: Cpu): string[] {
  const { module } = readModule(`func @g(%0: i64, %1: i64, %2: i64, %3: i64, %4: i64, %5: i64) -> i64
func @f(%0: ptr, %1: i64, %2: i32) -> i64 section "xdp" {
b0:
${body}
}`)
  const sink = new DiagnosticSink(0)
  compileFunction(module.funcs[1]!, { target: { cpu, little: true }, sink }, 0)
  return sink.all.map(({ code, message }) => `${code} ${message}`)
}

describe('refused', () => {
  it.each([
    ['v3', '%3: i64 = sdiv %1, i64 3\n ret %3', 'G0002 signed division has no instruction before -mcpu=v4'],
    [
      'v2',
      '%3: i32 = atomicrmw add fetch %0, i32 1\n %4: i64 = zext %3\n ret %4',
      'G0003 the result of an atomic addition on 32 bits cannot be had before -mcpu=v3',
    ],
    ['v2', 'atomicrmw or %0, i32 1\n ret %1', "G0003 an atomic 'or' on 32 bits has no instruction before -mcpu=v3"],
    [
      'v2',
      '%3: i32 = cmpxchg %0, i32 1, i32 2\n ret %1',
      'G0003 an atomic compare and exchange on 32 bits has no instruction before -mcpu=v3',
    ],
    ['v3', 'atomicrmw add %0, i8 1\n ret %1', 'G0003 an atomic operation on 8 bits has no instruction'],
    ['v3', '%3: i64 = call @g(%1, %1, %1, %1, %1, %1)\n ret %3', "G0004 6 arguments in a call of 'g': eBPF passes at most 5"],
    ['v3', 'trap\n unreachable', 'G0015 __builtin_trap() can be reached: eBPF has no instruction for it'],
    ['v3', 'memcpy %0, %0 size 90000\n ret %1', 'G0005 a memcpy of 90000 bytes is too large to be done in line'],
    ['v3', 'asm "r0 = %0" volatile () (i %1) ()\n ret %1', "G0006 an operand with constraint 'i' is not a constant"],
    [
      'v3',
      '%3: ptr "big" = alloca size 600 align 8\n store %3, %1\n ret %1',
      "G0007 the stack frame of 'f' takes 600 bytes, the limit is 512",
    ],
    ['v3', 'asm "%0 += %7" volatile () (r %1) ()\n ret %1', "G0009 the assembly names the operand '%7', which it does not have"],
    ['v3', 'asm "nonsense here" volatile () () ()\n ret %1', /^G0010 inline assembly: /],
    ['v3', 'asm "goto nowhere" volatile () () ()\n ret %1', "G0012 a branch to 'nowhere', which is not a label here"],
    ['v3', `asm "" volatile () (${Array.from({ length: 11 }, (_, i) => `r i64 ${i + 100}`).join(', ')}) ()\n ret %1`, /^G0013 /],
  ] as const)('-mcpu=%s: %s', (cpu, body, wanted) => {
    const found = complaints(body, cpu)
    expect(found.length).toBeGreaterThan(0)
    if (typeof wanted === 'string') expect(found).toContain(wanted)
    else expect(found[0]).toMatch(wanted)
  })

  it('names what takes the stack', () => {
    const { module } = readModule(`func @f(%0: i64) -> i64 {
b0:
  %1: ptr "small" = alloca size 16 align 8
  %2: ptr "large" = alloca size 512 align 8
  %3: i64 = callhelper 4(%1, %2)
  ret %3
}`)
    const sink = new DiagnosticSink(0)
    compileFunction(module.funcs[0]!, { target: { cpu: 'v3', little: true }, sink }, 0)
    expect(sink.all[0]!.notes.map(note => note.message)).toEqual(['512 bytes: large', '16 bytes: small'])
  })
})
