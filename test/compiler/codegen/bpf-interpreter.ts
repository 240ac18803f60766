/**
 * A small interpreter of machine code for the tests of the code generator, by RFC 9669, on BigInt. It is stricter than the machine where
 * generated code must be: registers that a call destroys may not be read before they are written.
 */
import type { Insns } from '../../../assembler/isa/insns.js'
import { helperResult, type Memory, swapBytes } from './ir-interpreter.js'

const u64 = (value: bigint) => BigInt.asUintN(64, value)
const SIZES: Record<number, number> = { 0: 4, 8: 2, 16: 1, 24: 8 }

export function runBpf(insns: Insns, args: readonly bigint[], memory: Memory, framePointer: bigint): bigint {
  const r: (bigint | undefined)[] = new Array(11).fill(undefined)
  args.forEach((arg, i) => {
    r[i + 1] = u64(arg)
  })
  r[10] = framePointer
  let pc = 0
  const read = (register: number): bigint => {
    const value = r[register]
    if (value === undefined) throw new Error(`slot ${pc}: r${register} is read and holds nothing`)
    return value
  }
  for (let steps = 0; steps < 1_000_000; steps++) {
    const code = insns.code[pc]!
    const dst = insns.dst[pc]!
    const src = insns.src[pc]!
    const off = insns.off[pc]!
    const imm = insns.imm[pc]!
    const x = (code & 8) !== 0
    const cls = code & 7
    const size = SIZES[code & 0x18]!
    switch (cls) {
      case 4:
      case 7: {
        const wide = cls === 7
        const bits = wide ? 64 : 32
        const cut = (value: bigint) => BigInt.asUintN(bits, value)
        const operation = code & 0xf0
        if (operation === 0xd0) {
          const value = read(dst)
          const kept = BigInt.asUintN(imm, value)
          r[dst] = wide || x === memory.little ? swapBytes(kept, imm / 8) : kept
          break
        }
        const right = x ? cut(read(src)) : cut(BigInt(imm))
        if (operation === 0xb0) {
          r[dst] = cut(off ? BigInt.asIntN(off, right) : right)
          break
        }
        const left = cut(read(dst))
        const s = (value: bigint) => BigInt.asIntN(bits, value)
        const amount = right & BigInt(bits - 1)
        let out: bigint
        switch (operation) {
          case 0x00:
            out = left + right
            break
          case 0x10:
            out = left - right
            break
          case 0x20:
            out = left * right
            break
          case 0x30:
            out = right === 0n ? 0n : off ? s(left) / s(right) : left / right
            break
          case 0x40:
            out = left | right
            break
          case 0x50:
            out = left & right
            break
          case 0x60:
            out = left << amount
            break
          case 0x70:
            out = left >> amount
            break
          case 0x80:
            out = -left
            break
          case 0x90:
            out = right === 0n ? left : off ? s(left) % s(right) : left % right
            break
          case 0xa0:
            out = left ^ right
            break
          default:
            out = s(left) >> amount
        }
        r[dst] = cut(out)
        break
      }
      case 1: {
        const value = memory.load(u64(read(src) + BigInt(off)), size)
        r[dst] = (code & 0xe0) === 0x80 ? u64(BigInt.asIntN(size * 8, value)) : value
        break
      }
      case 2:
        memory.store(u64(read(dst) + BigInt(off)), size, u64(BigInt(imm)))
        break
      case 3: {
        const address = u64(read(dst) + BigInt(off))
        const operand = read(src)
        if ((code & 0xe0) === 0x60) {
          memory.store(address, size, operand)
          break
        }
        const old = memory.load(address, size)
        const value = BigInt.asUintN(size * 8, operand)
        if (imm === 0xf1) {
          if (old === BigInt.asUintN(size * 8, read(0))) memory.store(address, size, value)
          r[0] = old
          break
        }
        const now = { 0: old + value, 64: old | value, 80: old & value, 160: old ^ value, 224: value }[imm & 0xf0]!
        memory.store(address, size, now)
        if (imm & 1) r[src] = old
        break
      }
      case 0: {
        if (code !== 0x18) throw new Error(`slot ${pc}: opcode ${code}`)
        r[dst] = u64((BigInt(insns.imm[pc + 1]!) << 32n) | BigInt(imm >>> 0))
        pc++
        break
      }
      default: {
        const operation = code & 0xf0
        if (operation === 0x90) return read(0)
        if (operation === 0x80) {
          // The number of arguments is not in the code: the tests' helpers take their number modulo 4.
          r[0] = helperResult(
            imm,
            Array.from({ length: imm % 4 }, (_, i) => read(i + 1)),
          )
          for (let i = 1; i <= 5; i++) r[i] = undefined
          break
        }
        if (operation === 0x00) {
          pc += cls === 6 ? imm : off
          break
        }
        const bits = cls === 6 ? 32 : 64
        const left = BigInt.asUintN(bits, read(dst))
        const right = BigInt.asUintN(bits, x ? read(src) : BigInt(imm))
        const s = (value: bigint) => BigInt.asIntN(bits, value)
        const taken = {
          16: left === right,
          32: left > right,
          48: left >= right,
          64: (left & right) !== 0n,
          80: left !== right,
          96: s(left) > s(right),
          112: s(left) >= s(right),
          160: left < right,
          176: left <= right,
          192: s(left) < s(right),
          208: s(left) <= s(right),
        }[operation]
        if (taken === undefined) throw new Error(`slot ${pc}: opcode ${code}`)
        if (taken) pc += off
      }
    }
    pc++
    if (pc < 0 || pc >= insns.length) throw new Error('runs off the end')
  }
  throw new Error('does not end')
}
