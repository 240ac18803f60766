/** Random functions give the same results and the same memory in the reference interpreter and as machine code, at every -mcpu. */
import { describe, expect, it } from 'vitest'
import type { Func } from '../../../compiler/ir/ir.js'
import { printFunc } from '../../../compiler/ir/print.js'
import { validateFunc } from '../../../compiler/ir/validate.js'
import type { Cpu } from '../../../compiler/options.js'
import { runBpf } from './bpf-interpreter.js'
import { compile } from './harness.js'
import { interpret, Memory } from './ir-interpreter.js'
import { BUFFER, Random, randomFunction } from './random-ir.js'

const BASE = 0x10000n
/** Where the global of random functions is; its bytes are compared like the buffer's. */
const GLOBAL = BASE + 64n
const INPUTS: readonly (readonly bigint[])[] = [
  [0n, 0n, 0n],
  [-1n, -1n, -1n],
  [0x1234_5678_9abc_def0n, 0xdead_beef_8000_0001n, 0x1_0001_8080n],
]

function memoryFor(little: boolean): Memory {
  const memory = new Memory(BASE, 8192, little)
  for (let i = 0; i < 2 * BUFFER; i++) memory.bytes[i] = (i * 37 + 11) & 255
  return memory
}

/** What differs between the two ways of running, or undefined. */
function difference(func: Func, cpu: Cpu, little: boolean): string | undefined {
  const code = compile(func, cpu, little)
  for (const { slot, addend } of code.relocs) code.insns.imm[slot] = Number(GLOBAL) + addend
  for (const input of INPUTS) {
    const args = [...input, BASE]
    const [one, two] = [memoryFor(little), memoryFor(little)]
    const wanted = interpret(func, args, one, BASE + 4096n, GLOBAL)
    const got = runBpf(code.insns, args, two, BASE + 8192n)
    if (got !== wanted) return `${input}: ${got.toString(16)} instead of ${wanted.toString(16)}`
    for (let i = 0; i < 2 * BUFFER; i++) if (one.bytes[i] !== two.bytes[i]) return `${input}: byte ${i} of the buffer differs`
  }
  return undefined
}

const COUNT = Number(process.env['BPFC_RANDOM'] ?? 60)
const SEED = Number(process.env['BPFC_SEED'] ?? 1)

describe.each(['v1', 'v2', 'v3', 'v4'] as const)('random functions at -mcpu=%s', cpu => {
  it(`${COUNT} of them`, () => {
    for (let seed = SEED; seed < SEED + COUNT; seed++) {
      const random = new Random(seed * 7919)
      const func = randomFunction(random, { cpu: Number(cpu[1]), size: 20 + random.next(120) })
      expect(validateFunc(func), `seed ${seed}`).toEqual([])
      const found = (() => {
        try {
          return difference(func, cpu, seed % 4 !== 0)
        } catch (error) {
          return String(error instanceof Error ? error.stack : error)
        }
      })()
      if (found) expect.fail(`seed ${seed}: ${found}\n${process.env['BPFC_SHOW'] ? printFunc(func) : ''}`)
    }
  })
})
