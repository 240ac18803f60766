/** The subcommands that need neither the compiler nor the verifier nor the virtual machine. scripts/build.mjs has their names too. */
import type { SubcommandEntry } from './commands.js'

export const objectSubcommands: readonly SubcommandEntry[] = [
  { name: 'dump', load: async () => (await import('./commands/dump.js')).dumpCommand },
  { name: 'asm', load: async () => (await import('./commands/asm.js')).asmCommand },
  { name: 'link', load: async () => (await import('./commands/link.js')).linkCommand },
  { name: 'strip', load: async () => (await import('./commands/strip.js')).stripCommand },
  { name: 'btf', load: async () => (await import('./commands/btf.js')).btfCommand },
]
