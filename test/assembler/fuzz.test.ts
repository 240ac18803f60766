/** Mutated assembly text: diagnostics, never an exception or a hang. BPFC_FUZZ sets the number of inputs. */
import { describe, expect, it } from 'vitest'
import { assemble } from '../../assembler/assemble.js'
import { assembleInline } from '../../assembler/inline-asm.js'
import { assembleConformance, parseConformanceCase } from '../../assembler/syntax/conformance.js'
import { FormatError } from '../../base/outcome.js'

const COUNT = Number(process.env['BPFC_FUZZ'] ?? 4000)

const SEEDS = [
  'r1 = *(u32 *)(r2 + 4); *(u64 *)(r10 - 8) = r1; lock *(u64 *)(r1 + 0) += r2; r0 = cmpxchg_64(r1 + 8, r0, r2)',
  'l0_1: if w1 s> 5 goto l0_1; goto 1f; 1: r1 = map + 8 ll; call helper; .8byte 0x1234, 5; exit /* c */ # d',
  '\t.section\ttc,"ax",@progbits\n\t.globl\tf\n\t.type\tf,@function\nf:\n\tw0 = 1\n\texit\n.Lend:\n\t.size\tf, .Lend-f\n\t.quad f+4\n\t.asciz "a\\tb\\001"\n\t.set x, f-4\n\t.uleb128 .Lend-f\n\t.fill 3, 2, 5\n\t.p2align 3, 0\n\t.comm c, 4, 8',
  '# x\n-- asm\nmov32 %r0, 0x1\nlock fetch add [%r10-8], %r1\njne %r0, 5, exit\nlddw %r1, 0x1122334455667788\nexit\n-- mem\n00 01 ff\n-- result\n0x10',
]

/** A small generator of its own, so that a failing input can be made again from its number. */
function mutate(seed: number): string {
  let state = (seed * 2654435761) >>> 0 || 1
  const next = (below: number) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
  let text = SEEDS[next(SEEDS.length)]!
  for (let i = 1 + next(5); i > 0; i--) {
    const at = next(text.length + 1)
    const kind = next(5)
    if (kind === 0) text = text.slice(0, at) + text.slice(at + 1 + next(6))
    else if (kind === 1) text = text.slice(0, at) + String.fromCharCode(next(2) ? 32 + next(95) : next(300)) + text.slice(at)
    else if (kind === 2) text = text.slice(0, at) + text.slice(next(text.length), text.length) + text.slice(at)
    else if (kind === 3)
      text =
        text.slice(0, at) +
        ['-', '0x', '999999999999999999999', '"', '(', '/*', ';', '\n', '%', '1b', '.', ','][next(12)] +
        text.slice(at)
    else text = text.slice(0, at)
  }
  return text
}

describe('mutated assembly text', () => {
  it(`${COUNT} inputs give diagnostics at worst`, () => {
    for (let seed = 1; seed <= COUNT; seed++) {
      const text = mutate(seed)
      try {
        for (const { message } of [...assemble(text, { maxBytes: 1 << 20 }).diagnostics, ...assembleInline(text).diagnostics])
          if (!message) throw new Error('an empty message')
        try {
          parseConformanceCase(text)
          assembleConformance(text)
        } catch (error) {
          if (!(error instanceof FormatError)) throw error
        }
      } catch (error) {
        expect.fail(`input ${seed}: ${JSON.stringify(text)}: ${(error as Error).stack}`)
      }
    }
  }, 900_000)

  it('deep nesting is refused', () => {
    expect(assembleInline(`r0 = 1 + ${'('.repeat(50_000)}`).diagnostics[0]!.message).toContain('nested deeper')
    expect(assemble(`.long ${'-'.repeat(50_000)}1`).diagnostics[0]!.message).toContain('nested deeper')
  })
})
