/**
 * Mutates C sources (bytes and tokens) and compiles them in this process: whatever comes, bpfc answers with an object, diagnostics or "not
 * implemented", in bounded time and memory. Inputs that make it crash, hang or grow are kept, one for each place of failure.
 *
 * usage: node scripts/run-ts.mjs scripts/fuzz-sources.ts [--from SEED] [--count N] [--limit SECONDS] [--memory MB] [--keep DIR]
 *        [--sources DIR --include DIR:DIR…]   sources beside the project's own examples and test cases
 *        [--only SEED]                        prints that input and what becomes of it
 *        [--reduce SEED]                      makes that input as small as it fails in the same place
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { defaultOptions } from '../api/compile-source.js'
import type { Host } from '../base/host.js'
import { compilerHost } from '../cli/compiler-host.js'
import { NodeHost } from '../cli/context.js'
import { renderClangStyle, renderDiagnostic } from '../cli/report/diagnostic-text.js'
import type { CompileOptions, Cpu } from '../compiler/options.js'
import { compile } from '../compiler/pipeline.js'
import { MemoryHeaderCache } from '../compiler/preprocessor/header-cache.js'
import { FormatError } from '../base/outcome.js'
import { openObject } from '../linker/object/open.js'
import { Random } from '../test/differential/random.js'
import { fuzz, fuzzArguments, signature } from './fuzzing.js'

const args = fuzzArguments()

// --- what is mutated ---

function filesUnder(folder: string): string[] {
  const found: string[] = []
  for (const name of readdirSync(folder).sort()) {
    if (name === 'node_modules') continue
    const path = join(folder, name)
    if (statSync(path).isDirectory()) found.push(...filesUnder(path))
    else if (name.endsWith('.c')) found.push(path)
  }
  return found
}

interface Source {
  readonly path: string
  readonly text: string
}

function readSources(): Source[] {
  const folders = ['examples', 'test', ...(args.get('sources')?.split(':') ?? [])]
  return folders.flatMap(filesUnder).map(path => ({ path, text: readFileSync(path, 'latin1') }))
}

const split = (text: string): string[] => text.match(/\s+|\w+|"(?:[^"\\\n]|\\.)*"|[^\w\s]/g) ?? []

/** Words that sources do not hold often enough to meet by chance. */
const spice = split(
  `0xffffffffffffffff 0x80000000 -1 0 1 64 1e400 1.5 'abcd' L'x' u8"x" "\\xff" __int128 _Bool _Generic _Static_assert _Alignas _Alignof typeof
  __auto_type __builtin_memcpy __builtin_memset __builtin_memcmp __builtin_offsetof __builtin_choose_expr __builtin_types_compatible_p
  __builtin_add_overflow __builtin_preserve_access_index __builtin_preserve_field_info __builtin_btf_type_id __builtin_constant_p
  __sync_fetch_and_add __atomic_compare_exchange_n goto switch case default while for do return static extern inline volatile const
  struct union enum typedef unsigned long char void asm volatile __attribute__((packed)) __attribute__((aligned(64))) __attribute__((noinline))
  __attribute__((always_inline)) __attribute__((section("maps"))) __attribute__((naked)) __attribute__((cleanup(f))) #define #include #if #else
  #endif #pragma unroll #line ## __VA_ARGS__ __VA_OPT__ ... ?: -> ++ -- << >> && || sizeof & * ~ ! [ ] { } ( ) ; , . \\ \n \0`,
)

function mutate(sources: readonly Source[], pool: readonly string[], seed: number): Source {
  const random = new Random(seed)
  const { path, text } = random.pick(sources)
  let tokens = split(text)
  // A part of the source costs less and gets as far.
  if (tokens.length > 600 && random.chance(70)) {
    const length = 100 + random.next(300)
    const start = random.next(tokens.length - length)
    const includes = text.match(/^#include.*$/gm) ?? []
    tokens = [...(random.chance(50) ? [`${includes.join('\n')}\n`] : []), ...tokens.slice(start, start + length)]
  }
  // Half of the inputs keep the kinds of their words, so that they get beyond the parser.
  if (random.chance(50)) {
    const alike = (word: string): RegExp =>
      /^\d/.test(word) ? /^\d/ : /^\w/.test(word) ? /^[A-Za-z_]/ : /^[^\w\s"(){}[\];,.#\\']$/
    for (let change = 1 + random.next(4); change > 0; change--) {
      const at = random.next(tokens.length)
      const kind = alike(tokens[at]!)
      if (!kind.test(tokens[at]!)) continue
      for (let tries = 0; tries < 20; tries++) {
        const other = random.chance(70) ? random.pick(tokens) : random.pick(random.chance(50) ? spice : pool)
        if (!kind.test(other)) continue
        tokens[at] = other
        break
      }
    }
    return { path, text: tokens.join('') }
  }
  for (let change = 1 + random.next(5); change > 0; change--) {
    const at = random.next(tokens.length)
    switch (random.next(9)) {
      case 0:
        tokens.splice(at, 1 + random.next(3))
        break
      case 1:
        tokens.splice(at, 0, random.pick(pool), ' ')
        break
      case 2:
        tokens[at] = random.pick(pool)
        break
      case 3: {
        const from = random.next(tokens.length)
        tokens.splice(at, 0, ...tokens.slice(from, from + random.next(60)))
        break
      }
      case 4:
        if (random.chance(20)) tokens.length = at
        break
      case 5: {
        const other = random.next(tokens.length)
        const kept = tokens[at]!
        tokens[at] = tokens[other]!
        tokens[other] = kept
        break
      }
      case 6:
      case 7:
        tokens.splice(at, 0, ' ', random.pick(spice), ' ')
        break
      default: {
        const word = tokens[at] ?? ' '
        const place = random.next(word.length)
        tokens[at] = word.slice(0, place) + String.fromCharCode(random.next(256)) + word.slice(place + 1)
      }
    }
    if (tokens.length === 0) tokens = ['int']
  }
  return { path, text: tokens.join('') }
}

// --- one input ---

const disk = new NodeHost(process.cwd())
const read = new Map<string, Uint8Array | undefined>()
/** Gives the same array for a file each time, so that the indexes of headers are found again. */
const files: Host = {
  read: path => {
    if (!read.has(path)) read.set(path, disk.read(path))
    return read.get(path)
  },
  exists: path => read.get(path) !== undefined || disk.exists(path),
}
const shared = { headers: new MemoryHeaderCache() }
const base = defaultOptions()
const vmlinux = base.vmlinux?.()

function optionsOf(seed: number): CompileOptions {
  const random = new Random(seed ^ 0x5bd1e995)
  const includes = args.get('include')?.split(':') ?? []
  return {
    ...base,
    target: { cpu: random.pick<Cpu>(['v1', 'v2', 'v3', 'v3', 'v4']), little: random.chance(90) },
    optimize: random.pick<CompileOptions['optimize']>(['0', '1', '2', '2', 's']),
    includes: { ...base.includes, user: includes },
    predefines: [...base.predefines, { kind: 'define', text: 'ENABLE_ATOMICS_TESTS' }],
    vmlinux: () => vmlinux,
  }
}

/** Compiles and renders; throws where bpfc is wrong. */
function check(source: Source, options: CompileOptions): string {
  const bytes = Buffer.from(source.text, 'latin1')
  const host = compilerHost(files).with(source.path, bytes)
  const result = compile(host, source.path, options, { warnings: ['-Wall', '-Wextra'], shared })
  for (const diagnostic of result.diagnostics) {
    renderDiagnostic(diagnostic, result.sources)
    renderClangStyle(diagnostic, result.sources)
    if (!diagnostic.message) throw new Error('a diagnostic without words')
  }
  if (result.notImplemented !== undefined) return `not implemented: ${result.notImplemented}`
  if (result.errors > 0) return `${result.errors} errors`
  if (!result.object) throw new Error('neither errors nor an object')
  try {
    openObject(result.object, 'fuzz.o')
  } catch (error) {
    // What a loader refuses may still be what the source says.
    if (!(error instanceof FormatError)) throw error
    return `object that no loader takes: ${error.message}`
  }
  return 'object'
}

/** Takes lines and then tokens away as long as the failure stays where it is. */
function reduce(seed: number): void {
  const sources = readSources()
  const pool = [...new Set(sources.flatMap(source => split(source.text)).filter(token => token.trim()))]
  const source = mutate(sources, pool, seed)
  const options = optionsOf(seed)
  const failure = (text: string): string | undefined => {
    try {
      check({ path: source.path, text }, options)
      return undefined
    } catch (error) {
      return signature(error).replace(/ at .* < .*/, '')
    }
  }
  const wanted = failure(source.text)
  if (wanted === undefined) throw new Error('does not fail')
  let parts = source.text.split(/(?<=\n)/)
  for (const level of ['lines', 'tokens', 'tokens'] as const) {
    if (level === 'tokens') parts = split(parts.join(''))
    for (let size = 1 << Math.floor(Math.log2(parts.length)); size >= 1; size >>= 1) {
      for (let at = 0; at + size <= parts.length; ) {
        const shorter = [...parts.slice(0, at), ...parts.slice(at + size)]
        if (failure(shorter.join('')) === wanted) parts = shorter
        else at += size
      }
    }
  }
  console.log(
    `// ${wanted}\n// -O${options.optimize} -mcpu=${options.target.cpu}${options.target.little ? '' : ' big'}\n${parts.join('')}`,
  )
}

if (args.has('reduce')) reduce(Number(args.get('reduce')))
else {
  const sources = readSources()
  const pool = [...new Set(sources.flatMap(source => split(source.text)).filter(token => token.trim()))]
  await fuzz({
    make: seed => mutate(sources, pool, seed),
    check: (source, seed) => check(source, optionsOf(seed)).replace(/\d+/g, ''),
    file: ({ text }) => ({ extension: 'c', bytes: Buffer.from(text, 'latin1') }),
  })
}
