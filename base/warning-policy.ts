/**
 * What becomes of a warning: clang's `-W` flags in their order on the command line, over tables of which groups are on from the start,
 * which are errors from the start, and which groups contain others.
 */
import type { WarningPolicy } from './diagnostics.js'
import type { Span } from './source.js'

export type WarningLevel = 'ignored' | 'warning' | 'error'

/** Groups that are errors unless told otherwise, as in clang 19; the last ones are ours. */
const errorsByDefault: ReadonlySet<string> = new Set([
  'implicit-function-declaration',
  'implicit-int',
  'incompatible-function-pointer-types',
  'int-conversion',
  'return-mismatch',
  'bpf-endless-loop',
  'bpf-recursion',
])

/** Groups that say nothing unless asked for, with what else asks for them; all others are on. */
const offByDefault: Readonly<Record<string, readonly string[]>> = {
  'four-char-constants': [],
  'gnu-pointer-arith': ['pointer-arith', 'gnu', 'pedantic'],
  'pointer-arith': ['pedantic'],
  'ignored-qualifiers': ['extra'],
  'missing-field-initializers': ['extra'],
  'sign-compare': ['extra'],
  'unused-parameter': ['extra'],
  'unused-but-set-parameter': ['extra'],
  'unused-but-set-variable': ['unused', 'most', 'all'],
  'unused-const-variable': [],
  'unused-function': ['unused', 'most', 'all'],
  'unused-label': ['unused', 'most', 'all'],
  'unused-variable': ['unused', 'most', 'all'],
  uninitialized: ['most', 'all'],
  'sometimes-uninitialized': ['uninitialized', 'most', 'all'],
  'conditional-uninitialized': [],
  parentheses: ['most', 'all'],
  'missing-braces': ['most', 'all'],
  'self-assign': ['most', 'all'],
  'implicit-fallthrough': [],
  'sign-conversion': ['conversion'],
  shadow: [],
  undef: [],
  'unused-macros': [],
  'strict-prototypes': ['pedantic'],
  'missing-prototypes': [],
  'missing-declarations-strict': [],
  'c23-extensions-strict': ['pedantic'],
  'newline-eof': ['pedantic'],
  'variadic-macros': ['pedantic'],
  'gnu-zero-variadic-macro-arguments': ['gnu', 'pedantic'],
  'gnu-statement-expression': ['gnu', 'pedantic'],
  'dollar-in-identifier-extension': ['pedantic'],
  'disabled-macro-expansion': [],
  'reserved-id-macro': [],
  padded: [],
  packed: [],
}

/** What clang says nothing of: sources that it compiles with `-Werror` must compile, so only `-Werror=GROUP` makes an error of it. */
const neverPromoted: ReadonlySet<string> = new Set(['bpf-format', 'bpf-unroll-count'])

/** Groups that contain groups which are on from the start; naming the outer one switches the inner ones. */
const members: Readonly<Record<string, readonly string[]>> = {
  'incompatible-pointer-types': ['incompatible-pointer-types-discards-qualifiers', 'incompatible-function-pointer-types'],
  implicit: ['implicit-function-declaration', 'implicit-int'],
  unused: ['unused-value', 'unused-comparison'],
  'unused-value': ['unused-comparison'],
  attributes: ['unknown-attributes', 'ignored-attributes'],
  'pointer-to-int-cast': ['void-pointer-to-int-cast'],
  'int-to-pointer-cast': ['int-to-void-pointer-cast'],
  conversion: ['constant-conversion', 'sign-conversion'],
  'shift-overflow': ['shift-count-overflow', 'shift-count-negative'],
  'return-type': ['return-mismatch'],
  format: ['format-insufficient-args', 'format-extra-args', 'format-invalid-specifier', 'bpf-format'],
  most: ['format', 'switch'],
  all: ['format', 'switch'],
}

/** Whether naming `outer` on the command line or in a pragma means `group`. */
export function warningGroupContains(outer: string, group: string): boolean {
  if (outer === group || outer === 'everything') return true
  if (offByDefault[group]?.includes(outer)) return true
  return members[outer]?.some(inner => warningGroupContains(inner, group)) ?? false
}

/** Every group the tables name: what `-Wunknown-warning-option` compares with. */
export const knownGroups: ReadonlySet<string> = new Set([
  ...errorsByDefault,
  ...Object.keys(offByDefault),
  ...Object.values(offByDefault).flat(),
  ...Object.keys(members),
  ...Object.values(members).flat(),
  'everything',
])

/** A flag without its `-W`: `all`, `no-unused`, `error`, `error=format`, `no-error=format`. */
type Rule =
  | { readonly kind: 'level'; readonly group: string; readonly on: boolean }
  | { readonly kind: 'error'; readonly group: string | undefined; readonly on: boolean }

function ruleOf(flag: string): Rule {
  const text = flag.replace(/^-W/, '')
  const negative = text.startsWith('no-')
  const plain = negative ? text.slice(3) : text
  if (plain === 'error') return { kind: 'error', group: undefined, on: !negative }
  if (plain.startsWith('error=')) return { kind: 'error', group: plain.slice(6), on: !negative }
  return { kind: 'level', group: plain === '' ? 'extra' : plain, on: !negative }
}

export class FlagPolicy implements WarningPolicy {
  private readonly rules: readonly Rule[]
  private readonly silent: boolean
  private readonly systemToo: boolean
  private readonly known = new Map<string, WarningLevel>()

  constructor(
    /** The command line's `-W…`, `-w`, `-pedantic` and `-pedantic-errors`, in order; others are ignored. */
    flags: readonly string[] = [],
    /** What `#pragma GCC diagnostic` made of a group at a place; undefined where it said nothing. */
    private readonly pragma: (
      group: string,
      span: Span | undefined,
    ) => 'ignored' | 'warning' | 'error' | 'fatal' | undefined = () => undefined,
  ) {
    this.silent = flags.includes('-w')
    this.systemToo = flags.includes('-Wsystem-headers')
    const written = flags.map(flag => (/^--?pedantic(-errors)?$/.test(flag) ? '-Wpedantic' : flag))
    this.rules = written.filter(flag => flag.startsWith('-W') && !/^-W[apl],/.test(flag)).map(ruleOf)
  }

  severityOf(group: string | undefined, system: boolean, span?: Span): 'error' | 'warning' | undefined {
    const level = this.levelOf(group)
    const said = group === undefined ? undefined : this.pragma(group, span)
    const final =
      said === undefined ? level : said === 'fatal' ? 'error' : said === 'warning' ? this.promoted(group, 'warning') : said
    if (final === 'error' && (errorsByDefault.has(group ?? '') || !system || this.systemToo)) return 'error'
    if (final === 'ignored' || this.silent || (system && !this.systemToo)) return undefined
    return final
  }

  private levelOf(group: string | undefined): WarningLevel {
    const key = group ?? ''
    const known = this.known.get(key)
    if (known) return known
    const level = this.compute(group)
    this.known.set(key, level)
    return level
  }

  private compute(group: string | undefined): WarningLevel {
    if (group === undefined) return this.promoted(undefined, 'warning')
    let level: WarningLevel = errorsByDefault.has(group) ? 'error' : group in offByDefault ? 'ignored' : 'warning'
    for (const rule of this.rules) {
      if (rule.kind === 'level' && warningGroupContains(rule.group, group)) {
        if (!rule.on) level = 'ignored'
        // Naming a group that is an error from the start leaves it one.
        else if (level === 'ignored') level = errorsByDefault.has(group) ? 'error' : 'warning'
      }
      if (rule.kind === 'error' && rule.group !== undefined && warningGroupContains(rule.group, group)) {
        if (rule.on) level = 'error'
        else if (level === 'error') level = 'warning'
      }
    }
    return level === 'warning' ? this.promoted(group, level) : level
  }

  /** `-Werror` makes errors of warnings, but for those that `-Wno-error=…` excepts. */
  private promoted(group: string | undefined, level: WarningLevel): WarningLevel {
    let all = false
    let excepted = false
    for (const rule of this.rules) {
      if (rule.kind !== 'error') continue
      if (rule.group === undefined) all = rule.on
      else if (group !== undefined && warningGroupContains(rule.group, group)) excepted = !rule.on
    }
    return all && !excepted && !neverPromoted.has(group ?? '') ? 'error' : level
  }
}

/** What holds where no flags were given. */
export const defaultWarnings: WarningPolicy = new FlagPolicy()
