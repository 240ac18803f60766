/** Does compile time grow with the program and no faster? Generated programs of about 1,000, 10,000 and 100,000 instructions, against clang-19. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { has, pair } from './measure.mjs'

const STEPS = [1_000, 10_000, 100_000]
/** Instructions of one generated program, about. */
const PROGRAM = 1_000

/** Programs of straight code, branches and loops over a global array; the same text for the same size. */
export function ladderSource(instructions) {
  let seed = 1
  const random = below => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
    return (seed >>> 8) % below
  }
  const lines = [
    '#define SEC(name) __attribute__((section(name), used))',
    'typedef unsigned long long u64;',
    'typedef unsigned int u32;',
    'char _license[] SEC("license") = "GPL";',
    'volatile u64 table[64];',
  ]
  for (let program = 0; program * PROGRAM < instructions; program++) {
    lines.push(`SEC("socket") int program_${program}(void *ctx) {`, '\tu64 a = table[0], b = table[1], c = table[2];')
    for (let i = 0; i < PROGRAM / 20; i++) {
      const [x, y, z] = [random(64), random(64), random(64)]
      lines.push(
        `\ta += table[${x}] * ${3 + random(97)};`,
        `\tif (a > ${random(100_000)}) b ^= a >> ${1 + random(30)}; else c += (u32)b;`,
        `\ttable[${y}] = b + c;`,
        `\tc -= table[${z}] & 0x${random(65536).toString(16)};`,
      )
    }
    lines.push('\treturn (int)(a ^ b ^ c);', '}')
  }
  return `${lines.join('\n')}\n`
}

export async function run({ root }) {
  if (!has('clang-19')) return [{ figure: 'cpu', skipped: 'clang-19 is not installed' }]
  const work = join(root, '.cache/bench')
  mkdirSync(work, { recursive: true })
  const rows = []
  for (const step of STEPS) {
    const source = join(work, `ladder-${step}.bpf.c`)
    writeFileSync(source, ladderSource(step))
    const flags = ['-target', 'bpf', '-g', '-O2', '-mcpu=v3', '-c', source]
    const result = pair(
      [process.execPath, [join(root, 'dist/bpfc-clang.cjs'), ...flags, '-o', join(work, 'ours.o')]],
      ['clang-19', [...flags, '-o', join(work, 'theirs.o')]],
      3,
    )
    rows.push({
      figure: `cpu seconds for about ${step} instructions, median of 3`,
      ours: result.ours.cpu.median,
      peer: result.peer.cpu.median,
      peerName: 'clang-19',
    })
  }
  return rows
}
