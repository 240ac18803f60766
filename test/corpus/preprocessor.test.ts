/**
 * The preprocessor beside `clang-19 -E` on the kernel's selftests: the same tokens, and the same again when headers' declarations are
 * put off and asked for one by one. Takes every fiftieth source; BPFC_CORPUS=all takes all of them.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DiagnosticSink } from '../../base/diagnostics.js'
import type { Host } from '../../base/host.js'
import { SourceSet } from '../../base/source.js'
import type { CompileOptions } from '../../compiler/options.js'
import type { LazyDeclarations } from '../../compiler/preprocessor/lazy-declarations.js'
import { Names } from '../../compiler/preprocessor/names.js'
import { preprocess } from '../../compiler/preprocessor/preprocess.js'
import { printPreprocessed } from '../../compiler/preprocessor/print-preprocessed.js'
import { Scanner } from '../../compiler/preprocessor/scanner.js'
import { TokenFlag, TokenKind } from '../../compiler/preprocessor/tokens.js'

const oracle = process.env.ORACLE ?? join(homedir(), '.cache/bpfc-oracle')
const selftests = join(oracle, 'linux-source-6.12/tools/testing/selftests/bpf')
const user = [
  `${oracle}/vmlinux`,
  selftests,
  `${selftests}/include`,
  `${selftests}/progs`,
  `${oracle}/include`,
  `${oracle}/linux-source-6.12/tools/include/uapi`,
]
const after = ['/usr/lib/llvm-19/lib/clang/19/include', '/usr/include/x86_64-linux-gnu', '/usr/include']
const defines = ['__TARGET_ARCH_x86', 'ENABLE_ATOMICS_TESTS']

const missing = !existsSync(selftests)
  ? `no selftests at ${selftests}`
  : spawnSync('clang-19', ['--version']).status !== 0
    ? 'no clang-19'
    : undefined

const options: CompileOptions = {
  target: { cpu: 'v3', little: true },
  optimize: '2',
  debug: true,
  predefines: [...defines, '__STDC_VERSION__=201112L'].map(text => ({ kind: 'define', text })),
  includes: { quote: [], user, system: [], standard: [], after },
  prefixMap: [],
  workingDirectory: '/',
  disabledPasses: new Set(),
  vmlinux: undefined,
}

const files = new Map<string, Uint8Array | undefined>()
const host: Host = {
  read(path) {
    if (!files.has(path)) {
      try {
        files.set(path, readFileSync(path))
      } catch {
        files.set(path, undefined)
      }
    }
    return files.get(path)
  },
  exists: path => host.read(path) !== undefined,
}

/** The tokens of preprocessed text, line markers left out. */
function scan(bytes: Uint8Array, names: Names): string[] {
  const scanner = new Scanner(bytes, names, 0, () => {})
  const words: string[] = []
  while (scanner.next() !== TokenKind.End) {
    if (names.text(scanner.atom) !== '#' || !(scanner.flags & TokenFlag.lineStart)) {
      words.push(names.text(scanner.atom))
      continue
    }
    scanner.inDirective = true
    scanner.next()
    if (names.text(scanner.atom) === 'pragma') words.push(`#pragma ${scanner.restOfLine().replace(/\s+/g, ' ')}`)
    scanner.skipLine()
    scanner.inDirective = false
  }
  return words
}

function run(path: string, extras: { printing?: boolean; lazyFrom?: number }) {
  const names = new Names()
  const sources = new SourceSet()
  const sink = new DiagnosticSink(0)
  const result = preprocess(host, path, options, sources, sink, { ...extras, names })
  return { result, names, sources, sink }
}

/** The tokens in the order of the translation unit, declarations that were put off included. */
function flatten({ result, names }: ReturnType<typeof run>): { words: string[]; putOff: number } {
  const { tokens } = result
  const index = result.index as LazyDeclarations
  const words: string[] = []
  const word = (i: number) => {
    const text = names.text(tokens.atom[i]!)
    words.push(tokens.kind[i] === TokenKind.Pragma ? `#pragma ${text.replace(/\s+/g, ' ')}` : text)
  }
  const end = tokens.count - 1
  let putOff = 0
  for (let i = 0; i < end; i++) {
    if (tokens.kind[i] !== TokenKind.LazyRegion) {
      word(i)
      continue
    }
    const region = index.regions[tokens.atom[i]!]!
    putOff += region.run.declarations
    for (let d = region.first; d < region.first + region.run.declarations; d++) {
      const range = index.tokens(d)
      for (let k = range.start; k < range.end; k++) word(k)
    }
  }
  return { words, putOff }
}

/** Where two token lists part, with a little of both. */
function difference(ours: readonly string[], theirs: readonly string[]): string | undefined {
  for (let i = 0; i < Math.max(ours.length, theirs.length); i++)
    if (ours[i] !== theirs[i])
      return `token ${i}: ${theirs.slice(Math.max(0, i - 5), i + 5).join(' ')} | ours: ${ours.slice(Math.max(0, i - 5), i + 5).join(' ')}`
  return undefined
}

if (missing) console.warn(`preprocessor corpus skipped: ${missing}`)

describe.skipIf(missing !== undefined)('selftests', () => {
  const sources = missing ? [] : readdirSync(`${selftests}/progs`).filter(name => name.endsWith('.c'))
  const step = process.env.BPFC_CORPUS === 'all' ? 1 : 50

  it('give the tokens of clang -E', () => {
    const flags = [
      '-target',
      'bpf',
      '-g',
      '-O2',
      '-mcpu=v3',
      '-std=gnu11',
      '-Wno-everything',
      ...defines.map(name => `-D${name}`),
      ...user.map(path => `-I${path}`),
      ...after.flatMap(path => ['-idirafter', path]),
    ]
    const wrong: string[] = []
    for (let i = 7; i < sources.length; i += step) {
      const path = `${selftests}/progs/${sources[i]}`
      const clang = spawnSync('clang-19', [...flags, '-E', path], { maxBuffer: 1 << 28 })
      const ours = run(path, { printing: true })
      const theirs = scan(clang.stdout, ours.names)
      const different = difference(flatten(ours).words, theirs)
      if (different) wrong.push(`${sources[i]}: ${different}`)
      const printed = scan(new TextEncoder().encode(printPreprocessed(ours.result, ours.sources)), ours.names)
      const reread = difference(printed, theirs)
      if (reread) wrong.push(`${sources[i]} printed: ${reread}`)
      if (clang.status === 0 && ours.sink.errors > 0) wrong.push(`${sources[i]}: ${ours.sink.all[0]!.message}`)
    }
    expect(wrong).toEqual([])
  }, 900_000)

  it('are the same when declarations are put off', () => {
    const wrong: string[] = []
    let putOff = 0
    for (let i = 3; i < sources.length; i += step) {
      const path = `${selftests}/progs/${sources[i]}`
      const lazy = flatten(run(path, {}))
      putOff += lazy.putOff
      const different = difference(lazy.words, flatten(run(path, { lazyFrom: Number.POSITIVE_INFINITY })).words)
      if (different) wrong.push(`${sources[i]}: ${different}`)
    }
    expect(wrong).toEqual([])
    expect(putOff).toBeGreaterThan(10_000)
  }, 900_000)
})
