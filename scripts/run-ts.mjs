/** Runs a TypeScript file of the project: `node scripts/run-ts.mjs FILE.ts [ARG...]`. Node 20 cannot do that alone. */
import { mkdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const [file, ...args] = process.argv.slice(2)
if (!file) {
  console.error('usage: node scripts/run-ts.mjs FILE.ts [ARG...]')
  process.exit(2)
}
const esbuild = createRequire(import.meta.url)('esbuild')
const folder = join(root, '.cache/run-ts')
mkdirSync(folder, { recursive: true })
const out = join(folder, `${file.replace(/[^\w]/g, '_')}-${process.pid}.mjs`)
await esbuild.build({
  entryPoints: [resolve(file)],
  bundle: true,
  platform: 'node',
  format: 'esm',
  packages: 'external',
  outfile: out,
  sourcemap: 'inline',
  logLevel: 'warning',
  define: { BPFC_VERSION: '"dev"' },
})
process.argv = [process.argv[0], resolve(file), ...args]
try {
  await import(pathToFileURL(out).href)
} finally {
  rmSync(out, { force: true })
}
