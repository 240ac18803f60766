// Reads out of Linux source trees which kernel functions programs may call, with their flags and the program types they are for
// (BTF_ID_FLAGS in id sets, register_btf_kfunc_id_set). Writes runtime/kernel/kfunc-facts.gen.ts.
// usage: node scripts/gen-kernel-kfuncs.mjs 6.1=DIR 6.12=DIR      (trees in ascending order of version)
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const trees = process.argv.slice(2).map(argument => argument.split('='))
if (trees.length === 0) {
  console.error('usage: gen-kernel-kfuncs.mjs VERSION=KERNEL_TREE...')
  process.exit(2)
}

function* cFiles(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* cFiles(path)
    else if (entry.name.endsWith('.c')) yield path
  }
}

/** kfunc name to `flags @type type…`. */
function readTree(tree) {
  const found = new Map()
  for (const folder of ['kernel', 'net', 'security', 'fs', 'drivers/media/rc'])
    for (const path of cFiles(join(tree, folder))) {
      const text = readFileSync(path, 'utf8').replace(/\/\*[\s\S]*?\*\//g, ' ')
      if (!text.includes('BTF_ID_FLAGS')) continue
      const sets = new Map()
      for (const [, set, body] of text.matchAll(/BTF_(?:KFUNCS|SET8)_START\((\w+)\)([\s\S]*?)BTF_(?:KFUNCS|SET8)_END/g))
        sets.set(
          set,
          [...body.matchAll(/BTF_ID_FLAGS\(func,\s*(\w+)\s*(?:,\s*([^)]*))?\)/g)].map(([, name, flags = '']) => [
            name,
            flags
              .split('|')
              .map(flag => flag.trim().replace(/^KF_/, '').toLowerCase())
              .filter(Boolean),
          ]),
        )
      const holders = new Map()
      for (const [, holder, body] of text.matchAll(/struct btf_kfunc_id_set (\w+)\s*=\s*\{([^}]*)\}/g)) {
        const set = /\.set\s*=\s*&(\w+)/.exec(body)
        if (set) holders.set(holder, { set: set[1], filter: /\.filter/.test(body) })
      }
      for (const [, type, holder] of text.matchAll(/register_btf_kfunc_id_set\(\s*BPF_PROG_TYPE_(\w+),\s*&(\w+)\)/g)) {
        const place = holders.get(holder)
        for (const [name, flags] of sets.get(place?.set) ?? []) {
          const entry = found.get(name) ?? { flags: place.filter ? [...flags, 'filter'] : flags, types: [] }
          if (!entry.types.includes(type)) entry.types.push(type)
          found.set(name, entry)
        }
      }
      for (const entries of sets.values())
        for (const [name, flags] of entries) if (!found.has(name)) found.set(name, { flags, types: [] })
    }
  return found
}

const rows = new Map()
for (const [version, path] of trees) {
  const found = readTree(path)
  for (const name of new Set([...rows.keys(), ...found.keys()])) {
    const entry = found.get(name)
    const text = entry ? `${entry.flags.join(' ')} @ ${entry.types.sort().join(' ')}`.trim() : null
    const row = rows.get(name) ?? []
    rows.set(name, row)
    if (row.length === 0 ? text !== null : row.at(-1)[1] !== text) row.push([version, text])
  }
  console.log(version, found.size, 'kfuncs')
}
writeFileSync(
  process.env.OUT ?? 'runtime/kernel/kfunc-facts.gen.ts',
  `// Made by scripts/gen-kernel-kfuncs.mjs from the Linux source trees of ${trees.map(([version]) => version).join(', ')}; do not edit. Facts only.
import type { Since } from './helper-facts.gen.js'

/** By kfunc: \`flags @ program types\`; UNSPEC is every type. */
export const kfuncFacts: Readonly<Record<string, Since>> = {
${[...rows.keys()]
  .sort()
  .map(name => `  ${name}: ${JSON.stringify(rows.get(name))},`)
  .join('\n')}
}
`,
)
