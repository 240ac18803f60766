/**
 * Builds dist/: the CLI in one bundled file with V8's code cache beside it, the library, and its type declarations.
 * Run by `npm ci` (prepare) so that `npx bpfc` works from a clone. `--cli` builds only the CLI.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const require = createRequire(import.meta.url)
let esbuild
try {
  esbuild = require('esbuild')
} catch {
  // An installed package has no build tools and comes with dist/ already made.
  if (existsSync(join(root, 'dist/bpfc.mjs'))) process.exit(0)
  throw new Error('esbuild is missing: run `npm ci` first')
}
const onlyCli = process.argv.includes('--cli')
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const dist = join(root, 'dist')
mkdirSync(dist, { recursive: true })

/** Names the code that makes header indexes, so that a cached index of other code is not taken. */
const indexSources = ['header-index', 'header-run-file', 'names', 'characters']
const indexHash = createHash('sha256')
for (const name of indexSources) indexHash.update(readFileSync(join(root, `compiler/preprocessor/${name}.ts`)))

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  legalComments: 'none',
  logLevel: 'warning',
  define: { BPFC_VERSION: JSON.stringify(version), BPFC_INDEX: JSON.stringify(indexHash.digest('hex').slice(0, 16)) },
  external: ['koffi'],
}

// CommonJS, because a vm.Script with a code cache takes scripts, not modules. Dynamic imports inside stay lazy. What only reads objects
// (cli/object-commands.ts) is a bundle of its own: loading all the rest takes longer than most of its work.
/** commander loads it for subcommands that are programs of their own, which bpfc has none of; loading it takes longer than reading an object. */
const noChildProcess = {
  name: 'no-child-process',
  setup: build => {
    build.onResolve({ filter: /^node:child_process$/ }, () => ({ path: 'child-process', namespace: 'absent' }))
    build.onLoad({ filter: /.*/, namespace: 'absent' }, () => ({ contents: 'module.exports = {}', loader: 'js' }))
  },
}
const objectVerbs = ['dump', 'asm', 'link', 'strip', 'btf']
for (const [entry, name] of [
  ['main', 'bpfc'],
  ['object-main', 'bpfc-object'],
])
  await esbuild.build({
    ...common,
    entryPoints: [`cli/${entry}.ts`],
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
    keepNames: false,
    // A script has no import.meta; koffi is looked up from where the bundle lies.
    banner: { js: "var bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
    define: { ...common.define, 'import.meta.url': 'bundleUrl' },
    outfile: `dist/${name}.cjs`,
    plugins: [noChildProcess],
  })
for (const [name, driver] of [
  ['bpfc', 'main'],
  ['bpfc-clang', 'clangMain'],
])
  writeFileSync(join(dist, `${name}.mjs`), launcher(driver), { mode: 0o755 })
// The shipped headers as files, for editors and other compilers: `clang -isystem dist/include`.
rmSync(join(dist, 'include'), { recursive: true, force: true })
cpSync(join(root, 'compiler/include/headers/system'), join(dist, 'include'), { recursive: true })
// A cache is made by a run that goes through the compiler, so that lazily compiled functions are in it. Reading one takes time by its size:
// what compiles has its own, without the verifier and the virtual machine, and so has what only reads objects.
rmSync(join(dist, 'bpfc.cache'), { force: true })
const start = (...words) => {
  const run = spawnSync(process.execPath, [join(dist, 'bpfc.mjs'), ...words], { encoding: 'utf8', cwd: root })
  if (run.status !== 0) throw new Error(`the bundle does not start: ${run.stderr}`)
}
for (const use of ['build', 'check', 'object']) rmSync(join(dist, `bpfc-${use}.cache`), { force: true })
const example = 'examples/exec-audit/exec_audit.bpf.c'
for (const use of ['build', 'check']) start('--make-code-cache', use, example)
if (existsSync(join(root, example))) {
  const object = join(dist, 'warm.bpf.o')
  start('build', example, '--btf', 'bundled', '-o', object)
  start('--make-code-cache', 'object', object)
  rmSync(object)
}

if (!onlyCli) {
  await esbuild.build({
    ...common,
    platform: 'neutral',
    mainFields: ['module', 'main'],
    entryPoints: ['index.ts'],
    format: 'esm',
    packages: 'external',
    outfile: 'dist/index.mjs',
  })
  // Entry points for Node import the library above instead of holding it again, so that its classes are the same in both.
  for (const name of ['node', 'vitest', 'esbuild', 'rollup'])
    await esbuild.build({
      ...common,
      entryPoints: [`plugins/${name}/${name}.ts`],
      format: 'esm',
      packages: 'external',
      outfile: `dist/${name}.mjs`,
      plugins: [
        {
          name: 'library-stays-outside',
          setup: build => {
            build.onResolve({ filter: /^(\.\.\/)+index\.js$/ }, () => ({ path: './index.mjs', external: true }))
          },
        },
      ],
    })
  const tsc = spawnSync(
    process.execPath,
    [require.resolve('typescript/package.json').replace('package.json', 'bin/tsc'), '-p', 'tsconfig.types.json'],
    {
      cwd: root,
      encoding: 'utf8',
    },
  )
  if (tsc.status !== 0) throw new Error(`type declarations: ${tsc.stdout}${tsc.stderr}`)
}

/** A few lines that load the bundle with its code cache when that fits this version of Node, and without when not. */
function launcher(driver) {
  return `#!/usr/bin/env node
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import vm from 'node:vm'

const verb = process.argv[2] === '--make-code-cache' ? process.argv[3] : process.argv[2]
const objects = ${driver === 'main' ? JSON.stringify(['object', ...objectVerbs]) + '.includes(verb)' : 'false'}
// A compilation is over before most of what V8 would optimise on the side pays: with eight times its budget a cold one takes three quarters of
// the time. Part of what a code cache is checked against, so set before everything. Only where the flag is known to exist.
if (!objects && ['20', '22', '24'].includes(process.versions.node.split('.')[0]))
  (await import('node:v8')).setFlagsFromString('--interrupt-budget=1000000')

const folder = dirname(fileURLToPath(import.meta.url))
const file = join(folder, objects ? 'bpfc-object.cjs' : 'bpfc.cjs')
const cache = join(folder, objects ? 'bpfc-object.cache' : ['check', 'run', 'load'].includes(verb) ? 'bpfc-check.cache' : 'bpfc-build.cache')
const script = new vm.Script('(function (exports, require, module, __filename, __dirname) {' + readFileSync(file, 'utf8') + '\\n})', {
  filename: file,
  cachedData: existsSync(cache) ? readFileSync(cache) : undefined,
  importModuleDynamically: vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER,
})
const module = { exports: {} }
script.runInThisContext()(module.exports, createRequire(import.meta.url), module, file, folder)
process.exitCode = await module.exports.${driver}(process.argv.slice(2), { script, cache })
`
}
