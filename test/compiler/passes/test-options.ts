/** Options for tests that start in the middle: words like `v2` and `big` choose the machine. */
import type { CompileOptions, Cpu } from '../../../compiler/options.js'

export function testOptions(words: readonly string[] = []): CompileOptions {
  const cpu = (words.find(word => /^v[1-4]$/.test(word)) ?? 'v3') as Cpu
  return {
    target: { cpu, little: !words.includes('big') },
    optimize: '2',
    debug: false,
    predefines: [],
    includes: { quote: [], user: [], system: [], standard: [], after: [] },
    prefixMap: [],
    workingDirectory: '/',
    disabledPasses: new Set(),
    vmlinux: undefined,
  }
}
