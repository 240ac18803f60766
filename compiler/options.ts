/** What a compilation is asked for; the command line, the plugins and the API all make one of these. */

import type { Care } from './care.js'

export type Cpu = 'v1' | 'v2' | 'v3' | 'v4'

/** The machine: instruction set version and byte order. Pointers have 8 bytes, `long` too. */
export interface Target {
  readonly cpu: Cpu
  readonly little: boolean
}

/** What `-std=` says: the year of the standard, and whether it was `gnuNN` or the strict `cNN`. */
export interface Standard {
  readonly edition: '89' | '94' | '99' | '11' | '17' | '23' | '2y'
  readonly strict: boolean
}

/** A `-D` or `-U`, or `-include FILE`, in the order given. */
export type PredefineOption =
  | { readonly kind: 'define'; readonly text: string }
  | { readonly kind: 'undef'; readonly name: string }
  | { readonly kind: 'include'; readonly path: string }

export interface IncludePaths {
  /** `-iquote`: for `#include "…"` only, after the including file's folder. */
  readonly quote: readonly string[]
  /** `-I`. */
  readonly user: readonly string[]
  /** `-isystem`. */
  readonly system: readonly string[]
  /** The headers that ship with bpfc, then the machine's own unless `-nostdinc`. */
  readonly standard: readonly string[]
  /** `-idirafter`. */
  readonly after: readonly string[]
}

export interface PrefixReplacement {
  readonly from: string
  readonly to: string
}

/** A path with the first replacement that fits. */
export function replacePrefix(path: string, replacements: readonly PrefixReplacement[]): string {
  const fit = replacements.find(({ from }) => path.startsWith(from))
  return fit ? fit.to + path.slice(fit.from.length) : path
}

export interface CompileOptions {
  readonly target: Target
  /** Which C the predefined macros claim; C17 with GNU extensions, as clang, where it is not given. */
  readonly standard?: Standard
  readonly optimize: '0' | '1' | '2' | 's'
  /** `-g`: .BTF and .BTF.ext. */
  readonly debug: boolean
  readonly predefines: readonly PredefineOption[]
  readonly includes: IncludePaths
  /** Replacements of path prefixes in what the object records (`-fdebug-prefix-map`), first match wins. */
  readonly prefixMap: readonly PrefixReplacement[]
  /** The same for what `__FILE__` and its kind say (`-fmacro-prefix-map`), in the paths as they were given. */
  readonly macroPrefixMap?: readonly PrefixReplacement[]
  /** Recorded as the base of relative paths in BTF line info. */
  readonly workingDirectory: string
  /** `-fno-strict-aliasing`: an object may be accessed as any type, whatever C says. */
  readonly noStrictAliasing?: boolean
  /** Passes to leave out, by name. */
  readonly disabledPasses: ReadonlySet<string>
  /** Functions to lower more carefully than others, by name. */
  readonly care?: ReadonlyMap<string, Care>
  /** Makes the text of `vmlinux.h` when no file of that name is found; undefined where there is no BTF to make it from. */
  readonly vmlinux: (() => Uint8Array | undefined) | undefined
}
