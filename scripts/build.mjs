/**
 * Builds dist/: the CLI in one bundled file with V8's code cache beside it, the library, and its type declarations.
 * Run by `npm ci` (prepare) so that `npx bpfc` works from a clone. `--cli` builds only the CLI.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { arrayLoops } from './array-loops.mjs'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const require = createRequire(import.meta.url)
let esbuild
try {
  esbuild = require('esbuild')
} catch {
  // An installed package has no build tools and comes with dist/ already made.
  if (existsSync(join(root, 'dist/bpfc.cjs'))) process.exit(0)
  throw new Error('esbuild is missing: run `npm ci` first')
}
const onlyCli = process.argv.includes('--cli')
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const dist = join(root, 'dist')
mkdirSync(dist, { recursive: true })

/** Names the code that makes what is kept in the user's cache folder, so that nothing is taken from there that other code made. */
const hashOf = files => {
  const hash = createHash('sha256')
  for (const file of files) hash.update(readFileSync(join(root, file)))
  return hash.digest('hex').slice(0, 16)
}
const indexSources = ['header-index', 'header-words', 'header-run-file', 'names', 'characters'].map(
  name => `compiler/preprocessor/${name}.ts`,
)
const vmlinuxSources = readdirSync(join(root, 'linker/btf')).map(name => `linker/btf/${name}`)

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  legalComments: 'none',
  logLevel: 'warning',
  define: {
    BPFC_VERSION: JSON.stringify(version),
    BPFC_INDEX: JSON.stringify(hashOf(indexSources)),
    BPFC_VMLINUX: JSON.stringify(hashOf(vmlinuxSources)),
  },
  external: ['koffi'],
}

/**
 * The CLI's bundles. What a command needs is loaded whole, which takes time by its size, so that what is short and frequent has a bundle of
 * its own; `all` has every subcommand. `caches` are V8's code caches of the bundle, each made by a run that goes through what its
 * subcommands do (`warm`, command lines; OBJECT and ASSEMBLY are small files), because functions that did not run are not in it.
 */
const source = 'examples/exec-audit/exec_audit.bpf.c'
/** Those of cli/object-commands.ts: what they do takes about as long as loading it, so each has a bundle of its own. */
const objectVerbs = {
  dump: ['dump OBJECT', 'dump --only programs OBJECT', 'dump --only programs --no-source OBJECT'],
  asm: ['asm -o unwritten.o ASSEMBLY'],
  link: ['link -o unwritten.o OBJECT'],
  strip: ['strip OBJECT'],
  btf: ['btf dump OBJECT', 'btf dump OBJECT --format c'],
}
const clangLine = `bpfc-clang -target bpf -g -O2 -MD -c ${source} -o unwritten.o`
const bundles = [
  {
    name: 'build',
    entry: 'cli/build-main.ts',
    // Verifies too, which only `all` has.
    without: '^--for-kernel',
    absent: [/\/for-kernels\.js$/],
    caches: [
      {
        name: 'build',
        verbs: ['build'],
        warm: [`build ${source}`, `build ${source}`],
      },
      {
        name: 'clang',
        verbs: ['bpfc-clang'],
        warm: [clangLine, clangLine],
      },
    ],
  },
  ...Object.entries(objectVerbs).map(([verb, warm]) => ({
    name: verb,
    entry: 'cli/object-main.ts',
    // The other verbs' files.
    absent: [
      new RegExp(
        `/commands/(?:${Object.keys(objectVerbs)
          .filter(other => other !== verb)
          .join('|')})\\.js$`,
      ),
    ],
    caches: [{ name: verb, verbs: [verb], warm }],
  })),
  {
    name: 'check',
    entry: 'cli/check-main.ts',
    // Compiles nothing, which only `all` does: words that are a source (or SOURCE:PROGRAM), and what is said about passes.
    without: '\\.[ci](:[^/]*)?$|^--disable',
    // Most of its time goes into few functions, which are worth optimising sooner than a compiler's many.
    flags: '--interrupt-budget=400000 --semi-space-growth-factor=8',
    absent: [/\/compile-file\.js$/, /\/pass-list\.js$/],
    caches: [
      { name: 'check', verbs: ['check'], warm: ['check --kernel 6.18 OBJECT', 'check --kernel 6.1 --format json OBJECT'] },
    ],
  },
  { name: 'all', entry: 'cli/main.ts', caches: [{ name: 'all', verbs: [], warm: [`check ${source}`] }] },
]

/** commander loads it for subcommands that are programs of their own, which bpfc has none of; loading it takes longer than reading an object. */
const noChildProcess = {
  name: 'no-child-process',
  setup: build => {
    build.onResolve({ filter: /^node:child_process$/ }, () => ({ path: 'child-process', namespace: 'absent' }))
    build.onLoad({ filter: /.*/, namespace: 'absent' }, () => ({ contents: 'module.exports = {}', loader: 'js' }))
  },
}
/** What a bundle's commands never ask for. */
const absentModules = patterns => ({
  name: 'absent-modules',
  setup: build => {
    for (const filter of patterns) build.onResolve({ filter }, () => ({ path: 'module', namespace: 'absent' }))
  },
})
/** Data that few commands need, and then little of, is read from files beside the bundles instead of lying in them. */
const dataBeside = {
  name: 'data-beside',
  setup: build => {
    const beside = {
      'compiler/include/header-bytes.ts': `
        import { readFileSync } from 'node:fs'
        import { join } from 'node:path'
        const names = new Set(${JSON.stringify(Object.keys(headers))})
        export const isHeader = name => names.has(name)
        export const headerBytes = name => readFileSync(join(__dirname, name.startsWith('own/') ? 'include-' + name : 'include' + name.slice(6)))`,
      'linker/btf/bundled-btf-bytes.ts': `
        import { readFileSync } from 'node:fs'
        import { join } from 'node:path'
        export const bundledBtfBytes = () => readFileSync(join(__dirname, 'bundled.btf'))`,
    }
    for (const [path, contents] of Object.entries(beside))
      build.onLoad({ filter: new RegExp(`${path}$`.replaceAll('.', '\\.').replaceAll('/', '[/\\\\]')) }, () => ({
        contents,
        loader: 'js',
      }))
  },
}

/** The value of a module's export, for data in TypeScript. */
async function dataOf(module, name) {
  const made = await esbuild.build({ ...common, entryPoints: [module], format: 'esm', write: false })
  return (await import(`data:text/javascript;base64,${Buffer.from(made.outputFiles[0].contents).toString('base64')}`))[name]
}

for (const name of readdirSync(dist)) if (/^bpfc.*\.(cjs|cache)$/.test(name)) rmSync(join(dist, name))
const headers = await dataOf('compiler/include/headers.gen.ts', 'headers')
writeFileSync(join(dist, 'bundled.btf'), Buffer.from(await dataOf('linker/btf/bundled-btf.gen.ts', 'bundledBtfBase64'), 'base64'))
// The shipped headers as files, also for editors and other compilers: `clang -isystem dist/include`.
for (const [from, to] of [
  ['system', 'include'],
  ['own', 'include-own'],
]) {
  rmSync(join(dist, to), { recursive: true, force: true })
  cpSync(join(root, 'compiler/include/headers', from), join(dist, to), { recursive: true })
}
const sources = ['base', 'assembler', 'linker', 'compiler', 'runtime', 'api', 'cli'].flatMap(folder =>
  readdirSync(join(root, folder), { recursive: true })
    .filter(name => name.endsWith('.ts') && !name.endsWith('.gen.ts'))
    .map(name => `${folder}/${name}`.replaceAll('\\', '/')),
)
const countingLoops = await arrayLoops(root, sources.sort(), join(root, '.cache/array-loops.json'))
// CommonJS, because a vm.Script with a code cache takes scripts, not modules. Dynamic imports inside stay lazy.
for (const { name, entry, absent = [] } of bundles) {
  const outfile = `dist/bpfc-${name}.cjs`
  await esbuild.build({
    ...common,
    entryPoints: [entry],
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
    keepNames: false,
    // A script has no import.meta; koffi is looked up from where the bundle lies.
    define: { ...common.define, 'import.meta.url': '__filename' },
    outfile,
    plugins: [noChildProcess, absentModules(absent), dataBeside, countingLoops],
  })
  // The launcher reads it byte for byte, which takes less than decoding it.
  if (/[^\0-\x7f]/.test(readFileSync(join(root, outfile), 'utf8'))) throw new Error(`${outfile} is not ASCII`)
}
for (const [name, driver] of [
  ['bpfc', 'main'],
  ['bpfc-clang', 'clangMain'],
]) {
  writeFileSync(join(dist, `${name}.cjs`), launcher(driver), { mode: 0o755 })
  writeFileSync(join(dist, `${name}.mjs`), `#!/usr/bin/env node\nimport './${name}.cjs'\n`, { mode: 0o755 })
}
const start = (...words) => {
  const env = { ...process.env, BPFC_CACHE: join(dist, 'warm') }
  const run = spawnSync(process.execPath, [join(dist, 'bpfc.cjs'), ...words], { encoding: 'utf8', cwd: root, env })
  if (run.status !== 0) throw new Error(`the bundle does not start: ${run.stderr}`)
}
const object = join(dist, 'warm.bpf.o')
const assembly = join(dist, 'warm.s')
if (existsSync(join(root, source))) {
  start('build', source, '--btf', 'bundled', '-o', object)
  start('build', source, '--btf', 'bundled', '--emit', 'asm', '-o', assembly)
  for (const { caches } of bundles)
    for (const { name, verbs, warm } of caches) {
      const lines = warm.map(line => line.split(' ').map(word => ({ OBJECT: object, ASSEMBLY: assembly })[word] ?? word))
      start('--make-code-cache', verbs[0] ?? name, JSON.stringify(lines))
    }
  rmSync(object)
  rmSync(assembly)
  rmSync(join(dist, 'warm'), { recursive: true, force: true })
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

/**
 * A few lines that load a bundle with its code cache when that fits this version of Node, and without when not. CommonJS: Node takes
 * several milliseconds longer to begin with a module.
 */
function launcher(driver) {
  const places = Object.fromEntries(
    bundles.flatMap(({ name, caches, without, flags }) =>
      caches.flatMap(cache => cache.verbs.map(verb => [verb, { bundle: name, cache: cache.name, without, flags }])),
    ),
  )
  return `#!/usr/bin/env node
'use strict'
const { existsSync, readFileSync, renameSync, writeFileSync } = require('node:fs')
const vm = require('node:vm')

const words = process.argv.slice(2)
const warm = words[0] === '--make-code-cache' ? JSON.parse(words[2]) : undefined
${
  driver === 'clangMain'
    ? `const place = ${JSON.stringify(places['bpfc-clang'])}`
    : `const places = ${JSON.stringify(places)}
const verb = words[warm ? 1 : 0]
let place = Object.hasOwn(places, verb ?? '') ? places[verb] : undefined
const without = place?.without && new RegExp(place.without)
if (!place || (without && words.some(word => without.test(word)))) place = { bundle: 'all', cache: 'all' }`
}
// A command is over before most of what V8 would optimise on the side pays: with eight times its budget a cold compilation takes three quarters of
// the time. And nearly all it allocates stays: a nursery that grows faster is swept three times instead of nine. What a large compilation leaves
// behind is collected when a third has come to what is in use, not when that has doubled or more. Part of what a code cache is checked
// against, so set before everything. Only where the flags are known to exist.
if (['20', '22', '24'].includes(process.versions.node.split('.')[0]))
  require('node:v8').setFlagsFromString(place.flags ?? '--interrupt-budget=1000000 --semi-space-growth-factor=8 --heap-growing-percent=30')

const file = \`\${__dirname}/bpfc-\${place.bundle}.cjs\`
const shipped = \`\${__dirname}/bpfc-\${place.cache}.cache\`
// A package was made with one version of Node, and others refuse its caches: they keep one of their own beside it.
const own = \`\${__dirname}/bpfc-\${place.cache}.\${process.version}-\${process.arch}.cache\`
const cache = !warm && existsSync(own) ? own : shipped
const script = new vm.Script(\`(function (exports, require, module, __filename, __dirname) {\${readFileSync(file, 'latin1')}\\n})\`, {
  filename: file,
  cachedData: existsSync(cache) ? readFileSync(cache) : undefined,
  importModuleDynamically: vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER,
})
const bundle = { exports: {} }
script.runInThisContext()(bundle.exports, require, bundle, file, __dirname)
bundle.exports.${driver}(words, { script, cache, warm }).then(code => {
  process.exitCode = code
  if (script.cachedDataRejected && !warm) {
    try {
      writeFileSync(\`\${own}.\${process.pid}\`, script.createCachedData())
      renameSync(\`\${own}.\${process.pid}\`, own)
    } catch {
      // Installed by somebody else: slower, not wrong.
    }
  }
  // All is written; what V8 has put off for idle time need not be done. What talks to a kernel or a person may have more to close.
  if (place.bundle !== 'all') process.exit()
})
`
}
