/**
 * clang's command line, as far as build files of BPF programs use it: one table of options with how they take their value and
 * what becomes of them. What clang knows and we cannot do is an error; what has no bearing on BPF code is accepted and ignored.
 */

export type OptionForm =
  /** Exactly that word. */
  | 'flag'
  /** The value follows directly or as the next word (`-Ifoo`, `-I foo`). */
  | 'joined-or-separate'
  /** The value is the next word. */
  | 'separate'
  /** The value is the rest of the word. */
  | 'joined'

export interface OptionRow {
  readonly name: string
  readonly form: OptionForm
  /** What it sets; `ignored` is accepted without effect, `refused` is an error with a reason. */
  readonly to: string
  readonly why?: string
}

const row = (form: OptionForm, to: string, ...names: string[]): OptionRow[] => names.map(name => ({ name, form, to }))

export const clangOptions: readonly OptionRow[] = [
  ...row('joined-or-separate', 'include-user', '-I'),
  ...row('joined-or-separate', 'define', '-D'),
  ...row('joined-or-separate', 'undefine', '-U'),
  ...row('joined-or-separate', 'output', '-o'),
  ...row('joined-or-separate', 'language', '-x'),
  ...row('joined-or-separate', 'include-system', '-isystem'),
  ...row('joined-or-separate', 'include-after', '-idirafter'),
  ...row('joined-or-separate', 'include-quote', '-iquote'),
  ...row('joined-or-separate', 'include-file', '-include'),
  ...row('joined-or-separate', 'sysroot', '-isysroot'),
  ...row('joined', 'sysroot', '--sysroot='),
  ...row('separate', 'sysroot', '--sysroot'),
  ...row('separate', 'target', '-target', '--target'),
  ...row('joined', 'target', '--target='),
  ...row('joined', 'cpu', '-mcpu='),
  ...row('joined', 'ignored', '-march=', '-mtune=', '-mabi='),
  ...row('flag', 'little', '-mlittle-endian', '-EL'),
  ...row('flag', 'big', '-mbig-endian', '-EB'),
  ...row('flag', 'compile', '-c', '--compile'),
  ...row('flag', 'assembly', '-S', '--assemble'),
  ...row('flag', 'preprocess', '-E', '--preprocess'),
  ...row('flag', 'no-line-markers', '-P'),
  ...row('flag', 'keep-comments', '-C', '-CC'),
  ...row('flag', 'dump-macros', '-dM'),
  ...row('flag', 'ignored', '-dD', '-dI'),
  ...row('flag', 'syntax-only', '-fsyntax-only'),
  ...row('flag', 'dependencies', '-M', '-MM', '-MD', '-MMD', '-MP', '-MG', '-MV'),
  ...row('joined-or-separate', 'dependency-file', '-MF'),
  ...row('joined-or-separate', 'dependency-target', '-MT', '-MQ', '-MJ'),
  ...row('joined', 'optimize', '-O'),
  ...row('joined', 'debug', '-g'),
  ...row('flag', 'no-standard-includes', '-nostdinc', '-nostdlibinc', '-nobuiltininc', '-nostdinc++'),
  ...row('flag', 'verbose', '-v', '--verbose'),
  ...row('flag', 'show-commands', '-###'),
  ...row(
    'flag',
    'version',
    '--version',
    '-dumpversion',
    '-dumpmachine',
    '-print-target-triple',
    '-print-resource-dir',
    '--print-resource-dir',
  ),
  ...row('joined', 'print', '-print-', '--print-'),
  ...row('flag', 'help', '--help', '-help'),
  ...row('flag', 'no-warnings', '-w'),
  ...row('flag', 'pedantic', '-pedantic', '-pedantic-errors', '--pedantic'),
  ...row('joined', 'standard', '-std=', '--std='),
  ...row('flag', 'standard', '-ansi'),
  ...row('joined', 'prefix-map', '-fdebug-prefix-map=', '-ffile-prefix-map=', '-fmacro-prefix-map='),
  ...row('joined', 'working-directory', '-fdebug-compilation-dir=', '-ffile-compilation-dir='),
  ...row('flag', 'strict-aliasing', '-fstrict-aliasing', '-fno-strict-aliasing'),
  ...row('joined', 'error-limit', '-ferror-limit='),
  ...row(
    'joined',
    'colour',
    '-fdiagnostics-color',
    '-fcolor-diagnostics',
    '-fno-color-diagnostics',
    '-fno-diagnostics-color',
    '-fansi-escape-codes',
  ),
  {
    name: '-emit-llvm',
    form: 'flag',
    to: 'refused',
    why: 'bpfc has no LLVM bitcode; drop it together with the llc step and write the object with -c',
  },
  { name: '-flto', form: 'joined', to: 'refused', why: 'there is no link-time optimisation; link objects with `bpfc link`' },
  ...row('separate', 'ignored', '-mllvm', '-Xclang', '-Xassembler', '-Xpreprocessor', '-Xlinker', '-z', '-arch', '-resource-dir'),
  ...row(
    'joined',
    'ignored',
    '-resource-dir=',
    '-Wa,',
    '-Wl,',
    '-Wp,',
    '-fmodules-cache-path=',
    '--gcc-toolchain=',
    '-B',
    '-L',
    '-l',
  ),
  ...row(
    'flag',
    'ignored',
    '-pipe',
    '-Qunused-arguments',
    '-no-canonical-prefixes',
    '-nostdlib',
    '-ffreestanding',
    '-s',
    '-pthread',
    '-static',
    '-shared',
    '-save-temps',
    '-time',
  ),
  ...row('joined', 'warning', '-W'),
  ...row('joined', 'ignored', '-f', '-m', '-R', '-save-temps='),
]

export interface ParsedOption {
  readonly row: OptionRow
  readonly name: string
  readonly value: string
}

export interface ParsedCommand {
  readonly options: readonly ParsedOption[]
  readonly inputs: readonly string[]
  /** Problems with the command line itself. */
  readonly errors: readonly string[]
}

const exact = new Map(clangOptions.map(option => [option.name, option]))
/** Longest names first, so that `-MF` wins over `-M…` and `-flto` over `-f…`. */
const joined = clangOptions
  .filter(option => option.form === 'joined' || option.form === 'joined-or-separate')
  .sort((a, b) => b.name.length - a.name.length)

/** Takes a command line apart; words of a response file (`@FILE`) must have been put in before. */
export function parseClangArguments(words: readonly string[]): ParsedCommand {
  const options: ParsedOption[] = []
  const inputs: string[] = []
  const errors: string[] = []
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    if (word === '--') {
      inputs.push(...words.slice(i + 1))
      break
    }
    if (word === '-' || !word.startsWith('-')) {
      inputs.push(word)
      continue
    }
    const own = exact.get(word)
    if (own && own.form !== 'joined') {
      if (own.form === 'flag') options.push({ row: own, name: word, value: '' })
      else if (i + 1 < words.length) options.push({ row: own, name: word, value: words[++i]! })
      else errors.push(`argument to '${word}' is missing`)
      continue
    }
    const prefix = joined.find(option => word.startsWith(option.name))
    if (prefix) options.push({ row: prefix, name: prefix.name, value: word.slice(prefix.name.length) })
    else errors.push(`unknown argument: '${word}'`)
  }
  return { options, inputs, errors }
}
