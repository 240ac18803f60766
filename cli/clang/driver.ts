/**
 * `bpfc-clang`: takes the place of `clang -target bpf` in somebody's build, with the same flags, the same outputs and clang's
 * form of messages. What clang would do for other targets is refused.
 */
import { readFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { ExitCode } from '../../base/outcome.js'
import { preprocessOnly } from '../../compiler/preprocess-only.js'
import { depfile, quoteTarget } from '../../compiler/preprocessor/depfile.js'
import type { Dependency } from '../../compiler/preprocessor/preprocessor.js'
import { type CompileResult, compile } from '../../compiler/pipeline.js'
import { shippedDirectories } from '../../compiler/include/shipped-headers.js'
import { assembleObject } from '../assembly-object.js'
import {
  type CompileFlags,
  defaultFlags,
  MACHINE_INCLUDES,
  parseCpu,
  parseStandard,
  toCompileOptions,
} from '../compile-options.js'
import { type CliContext, MAX_INPUT_BYTES, NodeHost } from '../context.js'
import { compilerHost } from '../compiler-host.js'
import { sharedState } from '../shared-compilations.js'
import { renderClangStyle } from '../report/diagnostic-text.js'
import { type ParsedOption, parseClangArguments } from './options.js'

type Mode = 'compile' | 'assembly' | 'preprocess' | 'syntax' | 'dependencies' | 'link'

interface Job {
  mode: Mode
  flags: CompileFlags
  output: string | undefined
  language: string | undefined
  warnings: string[]
  noWarnings: boolean
  /** Flags about DWARF, which is never made. */
  dwarfFlags: string[]
  dumpMacros: boolean
  lineMarkers: boolean
  verbose: boolean
  /** `-###`: print the command and do nothing. */
  showOnly: boolean
  errorLimit: number
  targetGiven: boolean
  /** `-MD` and its kind. */
  dependencies: {
    write: boolean
    system: boolean
    phony: boolean
    file: string | undefined
    targets: { text: string; quoted: boolean }[]
  }
}

/** Version that `__clang_major__` claims, so that build scripts which parse `--version` agree with the macros. */
const CLAIMED = '19.1.7'

export function clangMain(words: readonly string[], context: CliContext, version: string): number {
  const expanded = words.flatMap(word => expandResponse(word, context, 0))
  const command = parseClangArguments(expanded)
  const error = (message: string) => context.err(`bpfc-clang: error: ${message}\n`)
  const job: Job = {
    mode: 'link',
    flags: { ...defaultFlags(), optimize: '0', debug: false, machineFirst: true },
    output: undefined,
    language: undefined,
    warnings: [],
    noWarnings: false,
    dwarfFlags: [],
    dumpMacros: false,
    lineMarkers: true,
    verbose: false,
    showOnly: false,
    errorLimit: 20,
    targetGiven: false,
    dependencies: { write: false, system: true, phony: false, file: undefined, targets: [] },
  }
  for (const message of command.errors) error(message)
  if (command.errors.length > 0) return ExitCode.rejected
  for (const option of command.options) {
    const done = applyOption(option, job, context, version)
    if (done === 'printed') return ExitCode.ok
    if (done !== undefined) {
      error(done)
      return ExitCode.rejected
    }
  }
  if (job.showOnly) {
    context.err(versionText(version))
    context.err(` ${['bpfc-clang', ...expanded].map(quoteWord).join(' ')}\n`)
    return ExitCode.ok
  }
  if (job.verbose) showSearchPath(job, context, version)
  if (command.inputs.length === 0) {
    if (job.verbose) return ExitCode.ok
    error('no input files')
    return ExitCode.rejected
  }
  if (job.mode === 'link') {
    error('only -c, -S, -E, -M and -fsyntax-only have a meaning for BPF; link objects with `bpfc link`')
    return ExitCode.rejected
  }
  const inputs = command.inputs.filter(input => {
    if (!LINKER_INPUT.test(input)) return true
    if (!job.noWarnings) context.err(`bpfc-clang: warning: ${input}: 'linker' input unused [-Wunused-command-line-argument]\n`)
    return false
  })
  if (job.output !== undefined && inputs.length > 1 && job.mode !== 'syntax') {
    error('cannot specify -o when generating multiple output files')
    return ExitCode.rejected
  }
  if (job.dwarfFlags.length > 0 && !job.noWarnings && job.mode === 'compile')
    context.err(
      `bpfc-clang: note: without effect: ${job.dwarfFlags.join(' ')}; -g means BTF and BTF.ext, objects of bpfc have no DWARF\n`,
    )
  let code: number = ExitCode.ok
  for (const input of inputs) code = Math.max(code, runOne(input, job, context))
  return code
}

/** Objects and libraries: nothing to compile. */
const LINKER_INPUT = /\.(?:o|a|so)$/

/** What may follow -g: levels, of which there is one. */
const DEBUG_LEVELS: ReadonlySet<string> = new Set(['', '0', '1', '2', '3'])

/** Response files name each other at most so deep; a file that names itself is then an input that does not exist. */
const RESPONSE_DEPTH = 16

/** The words of `@FILE`, and of the response files it names; another word, or the name of no file, stays what it is. */
function expandResponse(word: string, context: CliContext, depth: number): string[] {
  const bytes = word.startsWith('@') && depth < RESPONSE_DEPTH ? context.host.read(word.slice(1)) : undefined
  if (!bytes) return [word]
  return responseWords(new TextDecoder().decode(bytes)).flatMap(inner => expandResponse(inner, context, depth + 1))
}

/** Words as GNU tools take them from a response file: quotes may stand within a word, a backslash keeps the next character. */
export function responseWords(text: string): string[] {
  const words: string[] = []
  for (const [whole] of text.matchAll(/(?:\\[\s\S]|"(?:[^"\\]|\\[\s\S])*"?|'(?:[^'\\]|\\[\s\S])*'?|[^\s"'\\]|\\$)+/g))
    words.push(
      whole.replace(/\\([\s\S])|"((?:[^"\\]|\\[\s\S])*)"?|'((?:[^'\\]|\\[\s\S])*)'?/g, (_, kept, double, single) =>
        kept !== undefined ? kept : (double ?? single).replace(/\\([\s\S])/g, '$1'),
      ),
    )
  return words
}

const quoteWord = (word: string) => `"${word.replace(/["\\$]/g, '\\$&')}"`

/** Sets what an option says. A message means that it is refused; `printed` that the whole job was to print something. */
function applyOption(option: ParsedOption, job: Job, context: CliContext, version: string): string | 'printed' | undefined {
  const { value, name } = option
  const flags = job.flags
  switch (option.row.to) {
    case 'include-user':
      flags.user.push(value)
      break
    case 'include-system':
      flags.system.push(value)
      break
    case 'include-after':
      flags.after.push(value)
      break
    case 'include-quote':
      flags.quote.push(value)
      break
    case 'include-file':
      flags.predefines.push({ kind: 'include', path: value })
      break
    case 'define':
      flags.predefines.push({ kind: 'define', text: value })
      break
    case 'undefine':
      flags.predefines.push({ kind: 'undef', name: value })
      break
    case 'output':
      job.output = value
      break
    case 'language':
      job.language = value
      if (!['c', 'none', 'cpp-output', 'assembler'].includes(value)) return `language not supported: '${value}'`
      break
    case 'target':
      job.targetGiven = true
      if (/^bpf(el)?(-|$)/.test(value)) flags.little = true
      else if (/^bpfeb(-|$)/.test(value)) flags.little = false
      else return `target '${value}' is not BPF; bpfc compiles for bpf, bpfel and bpfeb`
      break
    case 'little':
      flags.little = true
      break
    case 'big':
      flags.little = false
      break
    case 'strict-aliasing':
      flags.noStrictAliasing = name === '-fno-strict-aliasing'
      break
    case 'cpu': {
      const cpu = parseCpu(value)
      if (!cpu) return `unknown target CPU '${value}'; valid are: generic, v1, v2, v3, v4, probe`
      flags.cpu = cpu
      break
    }
    case 'standard': {
      flags.standard = parseStandard(name === '-ansi' ? 'c89' : value)
      if (!flags.standard) return `invalid value '${value}' in '${name}${value}'`
      break
    }
    case 'compile':
      if (job.mode === 'link') job.mode = 'compile'
      break
    case 'assembly':
      job.mode = 'assembly'
      break
    case 'preprocess':
      job.mode = 'preprocess'
      break
    case 'syntax-only':
      job.mode = 'syntax'
      break
    case 'no-line-markers':
      job.lineMarkers = false
      break
    case 'dump-macros':
      job.dumpMacros = true
      break
    case 'dependencies':
      applyDependencyFlag(name, job)
      break
    case 'dependency-file':
      job.dependencies.file = value
      break
    case 'dependency-target':
      if (name !== '-MJ') job.dependencies.targets.push({ text: value, quoted: name === '-MQ' })
      break
    case 'optimize':
      flags.optimize = value === '0' ? '0' : value === '1' || value === 'g' ? '1' : value === 's' || value === 'z' ? 's' : '2'
      break
    case 'debug':
      flags.debug = value !== '0'
      if (!DEBUG_LEVELS.has(value)) job.dwarfFlags.push(`${name}${value}`)
      break
    case 'no-standard-includes':
      if (name !== '-nostdinc++' && name !== '-nobuiltininc') flags.standardIncludes = false
      break
    case 'verbose':
      job.verbose = true
      break
    case 'show-commands':
      job.showOnly = true
      break
    case 'version':
    case 'print':
      return printAnswer(name, value, context, version)
    case 'help':
      context.out(
        "usage: bpfc-clang -target bpf [-O2] [-g] [-mcpu=v1|v2|v3|v4] [-I DIR] [-D NAME[=VALUE]] -c FILE.c -o FILE.o\n\nTakes clang's options; those without meaning for BPF are accepted and ignored. See also `bpfc --help`.\n",
      )
      return 'printed'
    case 'no-warnings':
      job.noWarnings = true
      break
    case 'warning':
      job.warnings.push(`-W${value}`)
      break
    case 'prefix-map': {
      const at = value.indexOf('=')
      if (at < 0) return `invalid argument '${value}' to ${name}`
      const replacement = { from: value.slice(0, at), to: value.slice(at + 1) }
      // The last that fits counts; -ffile-prefix-map is both.
      if (name !== '-fmacro-prefix-map=') flags.prefixMap.unshift(replacement)
      if (name !== '-fdebug-prefix-map=') flags.macroPrefixMap.unshift(replacement)
      break
    }
    case 'working-directory':
      flags.workingDirectory = value
      break
    case 'error-limit':
      job.errorLimit = Number.parseInt(value, 10) || 0
      break
    case 'refused':
      return `'${name}${value}' is not supported: ${option.row.why}`
    default:
      break
  }
  return undefined
}

function applyDependencyFlag(name: string, job: Job): void {
  const wanted = job.dependencies
  if (name === '-M' || name === '-MM') {
    job.mode = 'dependencies'
    wanted.system = name === '-M'
  } else if (name === '-MD' || name === '-MMD') {
    wanted.write = true
    wanted.system = name === '-MD'
  } else if (name === '-MP') wanted.phony = true
}

/** `--version`, `-dumpversion` and clang's `-print-…`: what a build asks before it compiles. */
function printAnswer(name: string, value: string, context: CliContext, version: string): string {
  const answer = answerTo((name + value).replace(/^--?/, ''), context, version)
  if (answer === undefined) return `unsupported option '${name}${value}'`
  context.out(answer)
  return 'printed'
}

function answerTo(what: string, context: CliContext, version: string): string | undefined {
  const at = what.indexOf('=')
  const value = at < 0 ? '' : what.slice(at + 1)
  switch (at < 0 ? what : what.slice(0, at)) {
    case 'version':
      return versionText(version)
    case 'dumpversion':
      return `${CLAIMED}\n`
    case 'dumpmachine':
    case 'print-target-triple':
    case 'print-effective-triple':
      return 'bpf\n'
    case 'print-multiarch':
      return '\n'
    case 'print-resource-dir':
      return `${shippedDirectories.own}\n`
    case 'print-file-name': {
      const shipped = value === 'include' ? shippedDirectories.own : `${shippedDirectories.own}/${value}`
      return `${value === 'include' || compilerHost(context.host).exists(shipped) ? shipped : value}\n`
    }
    case 'print-prog-name':
      return `${value}\n`
    case 'print-search-dirs':
      return `programs: =${installedDirectory()}\nlibraries: =${shippedDirectories.own}\n`
    case 'print-targets':
      return '  Registered Targets:\n    bpf   - BPF (host endian)\n    bpfeb - BPF (big endian)\n    bpfel - BPF (little endian)\n'
    default:
      return undefined
  }
}

const installedDirectory = () => dirname(process.argv[1] ?? process.execPath)

function versionText(version: string): string {
  return `bpfc ${version}, in the place of clang version ${CLAIMED}\nTarget: bpf\nThread model: posix\nInstalledDir: ${installedDirectory()}\n`
}

/** clang's `-v` block that build files take include directories from. */
function showSearchPath(job: Job, context: CliContext, version: string): void {
  context.err(versionText(version))
  const flags = job.flags
  const machine = flags.standardIncludes ? [...MACHINE_INCLUDES.slice(0, 1), ...multiarch(), ...MACHINE_INCLUDES.slice(1)] : []
  const exists = (path: string) => !(context.host instanceof NodeHost) || directoryExists(path, context)
  context.err('#include "..." search starts here:\n')
  for (const path of flags.quote) context.err(` ${path}\n`)
  context.err('#include <...> search starts here:\n')
  for (const path of [...flags.user, ...flags.system, ...machine, ...flags.after]) if (exists(path)) context.err(` ${path}\n`)
  context.err('End of search list.\n')
}

/** Debian and its kin keep `asm/types.h` in a folder named by the machine. */
export function multiarch(): string[] {
  const names: Readonly<Record<string, string>> = {
    x64: 'x86_64-linux-gnu',
    arm64: 'aarch64-linux-gnu',
    riscv64: 'riscv64-linux-gnu',
    ppc64: 'powerpc64le-linux-gnu',
    s390x: 's390x-linux-gnu',
  }
  const name = names[process.arch]
  return name ? [`/usr/include/${name}`] : []
}

function directoryExists(path: string, context: CliContext): boolean {
  return (context.host as NodeHost).isDirectory(path)
}

function runOne(input: string, job: Job, context: CliContext): number {
  const error = (message: string) => context.err(`bpfc-clang: error: ${message}\n`)
  let host = compilerHost(context.host)
  let path = input
  if (input === '-') {
    path = '<stdin>'
    host = host.with(path, new Uint8Array(readFileSync(0)))
  } else if (!context.host.exists(input)) {
    error(`no such file or directory: '${input}'`)
    return ExitCode.rejected
  } else if (context.host instanceof NodeHost && (context.host.size(input) ?? 0) > MAX_INPUT_BYTES) {
    error(`'${input}' is larger than ${MAX_INPUT_BYTES >> 20} MB`)
    return ExitCode.limit
  }
  const options = toCompileOptions(job.flags, context.cwd)
  const settings = { errorLimit: job.errorLimit, warnings: job.noWarnings ? [...job.warnings, '-w'] : job.warnings }
  const emit = (target: string | undefined, content: Uint8Array | string): number => {
    if (target === undefined || target === '-')
      context.out(typeof content === 'string' ? content : new TextDecoder('latin1').decode(content))
    else {
      const problem = context.write(target, content)
      if (problem) {
        error(problem)
        return ExitCode.rejected
      }
    }
    return ExitCode.ok
  }
  const stem = basename(path).replace(/\.[^.]*$/, '')
  const object = job.output ?? `${stem}${job.mode === 'assembly' ? '.s' : '.o'}`

  if (job.language === 'assembler' || (/\.s$/.test(path) && (job.language ?? 'none') === 'none')) {
    if (job.mode !== 'compile') {
      error(`'${path}' is assembly already; only -c has a meaning for it`)
      return ExitCode.rejected
    }
    const assembled = assembleObject(path, host.read(path)!, job.flags.little)
    for (const diagnostic of assembled.diagnostics) context.err(renderClangStyle(diagnostic, assembled.sources))
    return assembled.object ? emit(object, assembled.object) : ExitCode.rejected
  }
  if (job.mode === 'preprocess' || job.mode === 'dependencies') {
    const result = preprocessOnly(host, path, options, settings)
    for (const diagnostic of result.diagnostics) context.err(renderClangStyle(diagnostic, result.sources))
    if (result.failed) return ExitCode.rejected
    if (job.mode === 'dependencies')
      return emit(job.dependencies.file ?? job.output, dependencyRule(result.dependencies, job, `${stem}.o`))
    if (job.dependencies.write)
      emit(job.dependencies.file ?? `${job.output ?? stem}.d`, dependencyRule(result.dependencies, job, `${stem}.o`))
    return emit(job.output, job.dumpMacros ? result.macros() : result.text(job.lineMarkers))
  }

  const result: CompileResult = compile(host, path, options, {
    ...settings,
    shared: sharedState(context),
    emit: job.mode === 'assembly' ? 'asm' : job.mode === 'syntax' ? 'check' : 'obj',
  })
  for (const diagnostic of result.diagnostics) context.err(renderClangStyle(diagnostic, result.sources))
  const count = (n: number, word: string) => `${n} ${word}${n === 1 ? '' : 's'}`
  if (result.errors + result.warnings > 0) {
    const parts = [
      result.warnings > 0 ? count(result.warnings, 'warning') : '',
      result.errors > 0 ? count(result.errors, 'error') : '',
    ].filter(Boolean)
    context.err(`${parts.join(' and ')} generated.\n`)
  }
  if (result.notImplemented) {
    error(result.notImplemented)
    return ExitCode.notImplemented
  }
  if (result.errors > 0) return ExitCode.rejected
  if (job.dependencies.write) {
    const code = emit(
      job.dependencies.file ?? object.replace(/\.[^./]*$/, '.d'),
      dependencyRule(result.dependencies, job, object),
    )
    if (code !== ExitCode.ok) return code
  }
  if (job.mode === 'assembly') return emit(object, result.text ?? '')
  return job.mode === 'compile' && result.object ? emit(object, result.object) : ExitCode.ok
}

function dependencyRule(dependencies: readonly Dependency[], job: Job, target: string): string {
  const given = job.dependencies.targets.map(({ text, quoted }) => (quoted ? quoteTarget(text) : text))
  return depfile(dependencies, {
    targets: given.length > 0 ? given : [quoteTarget(target)],
    phony: job.dependencies.phony,
    userOnly: !job.dependencies.system,
  })
}
