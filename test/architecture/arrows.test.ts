/** Keeps the arrows of docs/architecture.md: who may import whom, and that the portable part stays free of `node:*`. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '../..')

/** A layer and what its files may import besides files of the same layer. Longer paths win. */
const layers: readonly { readonly path: string; readonly may: readonly string[]; readonly node?: true }[] = [
  { path: 'base', may: [] },
  { path: 'assembler', may: ['base'] },
  { path: 'linker', may: ['base', 'assembler'] },
  { path: 'compiler', may: ['base', 'assembler', 'linker'] },
  { path: 'runtime/kernel', may: ['base', 'assembler', 'linker'] },
  { path: 'runtime/verifier', may: ['base', 'assembler', 'linker', 'runtime/kernel'] },
  { path: 'runtime/vm', may: ['base', 'assembler', 'linker', 'runtime/kernel'] },
  { path: 'runtime/live', may: ['base', 'assembler', 'linker', 'runtime/kernel'], node: true },
  { path: 'api', may: ['base', 'assembler', 'linker', 'compiler', 'runtime/kernel', 'runtime/verifier', 'runtime/vm'] },
  {
    path: 'index.ts',
    may: ['api', 'base', 'assembler', 'linker', 'compiler', 'runtime/kernel', 'runtime/verifier', 'runtime/vm'],
  },
  {
    path: 'cli',
    may: [
      'index.ts',
      'api',
      'base',
      'assembler',
      'linker',
      'compiler',
      'runtime/kernel',
      'runtime/verifier',
      'runtime/vm',
      'runtime/live',
    ],
    node: true,
  },
  { path: 'plugins', may: ['index.ts', 'base', 'cli'], node: true },
  { path: 'playground', may: ['index.ts', 'base'] },
]

const layerOf = (path: string) =>
  layers
    .filter(layer => path === layer.path || path.startsWith(`${layer.path}/`))
    .sort((a, b) => b.path.length - a.path.length)[0]

function* sources(folder: string): Generator<string> {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* sources(path)
    else if (entry.name.endsWith('.ts')) yield path
  }
}

/** Specifiers of import and export declarations, dynamic imports and import types. */
function imports(text: string): string[] {
  const found: string[] = []
  for (const match of text.matchAll(
    /(?:^|\n)\s*(?:import|export)\b[^'"\n]*?(?:from\s*)?['"]([^'"]+)['"]|\}\s*from\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g,
  ))
    found.push((match[1] ?? match[2] ?? match[3])!)
  return found
}

function violations(path: string, text: string): string[] {
  const layer = layerOf(path)
  if (!layer) return []
  const wrong: string[] = []
  for (const specifier of imports(text)) {
    if (specifier.startsWith('node:')) {
      if (!layer.node) wrong.push(`${path} imports ${specifier}`)
      continue
    }
    if (!specifier.startsWith('.')) continue
    const target = relative(root, resolve(root, dirname(path), specifier))
    const to = layerOf(target.replace(/\.js$/, '.ts'))
    if (!to) wrong.push(`${path} imports ${target}, which is in no layer`)
    else if (to !== layer && !layer.may.includes(to.path)) wrong.push(`${path} (${layer.path}) imports ${target} (${to.path})`)
  }
  return wrong
}

describe('arrows', () => {
  it('every import goes along an arrow of the architecture', () => {
    const tops = [...new Set(layers.map(layer => layer.path.split('/')[0]!))]
    const wrong = tops
      .flatMap(top => (top.endsWith('.ts') ? [top] : readdirSync(root).includes(top) ? [...sources(top)] : []))
      .filter(path => readdirSync(join(root, dirname(path))).includes(path.split('/').pop()!))
      .flatMap(path => violations(path, readFileSync(join(root, path), 'utf8')))
    expect(wrong).toEqual([])
  })

  it('notices what is forbidden', () => {
    expect(violations('compiler/x.ts', "import { a } from '../runtime/vm/vm.js'\n")).toHaveLength(1)
    expect(violations('runtime/vm/x.ts', "import type { a } from '../verifier/verify.js'\n")).toHaveLength(1)
    expect(violations('base/x.ts', "import { a } from 'node:fs'\n")).toHaveLength(1)
    expect(violations('linker/x.ts', "import {\n  a,\n} from '../compiler/x.js'\n")).toHaveLength(1)
    expect(violations('cli/x.ts', "import { a } from 'node:fs'\nimport { b } from '../index.js'\n")).toEqual([])
  })
})
