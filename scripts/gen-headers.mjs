// Makes bpf_helper_defs.h from the table of helpers, and packs all headers that ship with bpfc into one module.
//   node scripts/gen-headers.mjs
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'

const root = join(import.meta.dirname, '..')
const include = join(root, 'compiler/include')
const folder = join(include, 'headers')

const { forward, helpers } = JSON.parse(readFileSync(join(include, 'helpers.json'), 'utf8'))
const declarations = helpers.map(
  ([id, name, result, params]) =>
    `static ${result}${result.endsWith('*') ? '' : ' '}(* const bpf_${name})(${params}) = (void *) ${id};`,
)
writeFileSync(
  join(folder, 'system/bpf/bpf_helper_defs.h'),
  `/* The kernel's helpers, as pointers to constant addresses: calling one compiles to a call by number. Made by scripts/gen-headers.mjs. */
#ifndef __BPF_HELPER_DEFS_H__
#define __BPF_HELPER_DEFS_H__

${forward.map(type => `${type};`).join('\n')}

${declarations.join('\n')}

#endif
`,
)

function* files(path) {
  for (const entry of readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const full = join(path, entry.name)
    if (entry.isDirectory()) yield* files(full)
    else yield full
  }
}

const quote = text => `\`${text.replace(/[\\`]|\$\{/g, '\\$&')}\``
const rows = [...files(folder)].map(
  path => `  '${relative(folder, path).replaceAll('\\', '/')}': ${quote(readFileSync(path, 'utf8'))},`,
)
writeFileSync(
  join(include, 'headers.gen.ts'),
  `// Made by scripts/gen-headers.mjs from compiler/include/headers. Do not edit.
/** Path to text. */
export const headers: Readonly<Record<string, string>> = {
${rows.join('\n')}
}
`,
)
