/** The text form of the IR: printing what was read gives the text again; faults are found and named. */
import { describe, expect, it } from 'vitest'
import { computeDominators } from '../../../compiler/ir/dominators.js'
import { findLoops } from '../../../compiler/ir/loops.js'
import { printModule } from '../../../compiler/ir/print.js'
import { readModule } from '../../../compiler/ir/read.js'
import { countUses } from '../../../compiler/ir/uses.js'
import { validateModule } from '../../../compiler/ir/validate.js'

const everything = `asm ".globl x\\n"

global @counts section ".maps" size 32 align 8 reloc 8 @inner 0

global @inner weak hidden extern readonly used section ".rodata" size 4 align 4 bytes "01020304"

func @kfunc(%0: i64 "x") -> i32 weak section ".ksyms"

func @helper(%0: ptr) -> i64 local noinline {
b0:
  %1: i64 = load %0 offset 8 align 8 volatile
  ret %1
}

func @prog(%0: ptr "ctx") -> i32 used section "xdp" {
b0 "entry":
  %1: ptr "buffer" = alloca size 16 align 8
  %2: i32 = load %0 offset 4 align 4
  store %1, i64 -1 align 8
  %3: i64 = zext %2
  %4: ptr = ptradd %1, %3
  %5: i1 = icmp ult %2, i32 16
  condbr %5, b1(%3, i64 0), b2 likely
b1(%6: i64 "i", %7: i64):
  ret i32 0
b2:
  unreachable
}
`

const ops = `func @f(%0: ptr, %1: i64) -> i64 {
b0:
  %2: i64 = call @f(%0, i64 7)
  %3: i64 = callhelper 14(%0)
  %4: i64 = callindirect %0(%1)
  atomicrmw add %0, i64 1 order 5
  %5: i64 = atomicrmw xchg fetch %0, %1 offset 8
  %6: i64 = cmpxchg %0, %1, %2
  fence order 5
  memcpy %0, @f size 16 align 4
  %7: i64 = core 0 struct "task_struct" "0:5" value 16
  %8: i64 = asm "%0 = %1; call %2" volatile (&i64) (r %1, i i64 5, r tied 0 %1) (r0, r1, memory)
  %9: i64 = select i1 1, %7, i64 undef
  %10: i64 = opaque %9
  switch %10 [1: b1, 3 to 18446744073709551615: b2, default: b3]
b1:
  br b3 unroll 4
b2:
  asmgoto "if r0 > 1 goto %l0" volatile () () () () [b3, b1]
b3:
  ret %8 !17
b4:
  unreachable
}
`

describe('text form', () => {
  it.each([
    ['globals and functions', everything],
    ['instructions', ops],
  ])('%s come back as they were', (_, text) => {
    const { module, text: names } = readModule(text)
    expect(printModule(module, { text: names, places: true })).toBe(text)
    expect(validateModule(module)).toEqual([])
  })

  it.each([
    ['func @f() -> i64 {\nb0:\n  ret %1\n}', /%1 is never defined/],
    ['func @f() -> i64 {\nb0:\n  frob i64 1\n}', /an instruction expected, found 'frob'/],
    ['func @f() -> i64 {\nb0:\n  br b7\n}', /b7 is never defined/],
    ['global @g section', /a string expected/],
    ['func @f() -> i64 { b0: ret @nobody }', /nothing is named 'nobody'/],
  ])('refuses %j', (text, message) => {
    expect(() => readModule(text)).toThrow(message)
  })
})

describe('validator', () => {
  const body = (text: string, head = '%0: i64, %1: ptr') => `func @f(${head}) -> i64 {\n${text}\n}`
  it.each([
    [body('b0: %3: i64 = add %4, i64 1\n %4: i64 = add %0, %0\n ret %3'), /uses %4 where its definition has not been passed/],
    [body('b0: %3: i64 = add %0, i32 1\n ret %3'), /operands and result differ in type/],
    [body('b0: br b1(i64 1)\nb1: ret %0'), /1 arguments for the 0 parameters/],
    [body('b0: br b1(i32 1)\nb1(%2: i64): ret %0'), /argument 0 is i32, the parameter i64/],
    [body('b0: br b0'), /has predecessors/],
    [body('b0: ret %1'), /returns ptr from a function of i64/],
    [body('b0: condbr %0, b1, b1\nb1: ret %0'), /the condition is not an i1/],
    [body('b0: br b1\nb1: %2: ptr = alloca size 8 align 8\n ret %0'), /alloca outside the entry/],
    [body('b0: condbr i1 1, b1, b2\nb1: %2: i64 = add %0, %0\n ret %2\nb2: ret %2'), /uses %2 where/],
    [body('b0: %2: i64 = load %0\n ret %2'), /the address is not a pointer/],
    [body('b0: %2: i32 = zext %0\n ret %0'), /does not widen/],
    [body('b0: switch i8 1 [300: b1, default: b1]\nb1: ret %0'), /wider than the value/],
  ])('finds the fault in %j', (text, fault) => {
    expect(validateModule(readModule(text).module).join('\n')).toMatch(fault)
  })
})

describe('graph', () => {
  const nest = readModule(`func @f(%0: i1) -> void {
b0:
  br b1
b1:
  br b2
b2:
  condbr %0, b2, b3
b3:
  condbr %0, b1, b4
b4:
  condbr %0, b5, b6
b5:
  br b6
b6:
  ret
b7:
  br b6
}`).module.funcs[0]!

  it('knows immediate dominators', () => {
    const { idom, dominates } = computeDominators(nest)
    expect(idom.map(block => block?.id)).toEqual([undefined, 0, 1, 2, 3, 4, 4, undefined])
    expect(dominates(nest.blocks[1]!, nest.blocks[6]!)).toBe(true)
    expect(dominates(nest.blocks[5]!, nest.blocks[6]!)).toBe(false)
    expect(dominates(nest.blocks[7]!, nest.blocks[6]!)).toBe(false)
  })

  it('finds nested loops', () => {
    const forest = findLoops(nest)
    expect(forest.all.map(loop => [loop.header.id, loop.depth, loop.blocks.map(block => block.id)])).toEqual([
      [2, 2, [2]],
      [1, 1, [1, 2, 3]],
    ])
    expect(forest.exits(forest.all[1]!).map(({ from, to }) => [from.id, to.id])).toEqual([[3, 4]])
    expect(forest.loopOf(nest.blocks[4]!)).toBeUndefined()
  })

  it('counts uses', () => {
    expect(countUses(nest)[0]).toBe(3)
  })
})
