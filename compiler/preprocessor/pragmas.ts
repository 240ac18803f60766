/** Which pragmas there are and what becomes of each. */

export interface PragmaHandling {
  readonly action: 'once' | 'system_header' | 'push_macro' | 'pop_macro' | 'message' | 'diagnostic' | 'none' | 'unknown'
  /** The parser gets to see it. */
  readonly forward: boolean
  /** Macros in it are expanded. */
  readonly expand: boolean
  /** Its first word is a namespace (`GCC`, `clang`, `STDC`). */
  readonly scoped: boolean
}

const row = (action: PragmaHandling['action'], forward = false, expand = false, scoped = false): PragmaHandling => ({
  action,
  forward,
  expand,
  scoped,
})

const plain: Readonly<Record<string, PragmaHandling>> = {
  once: row('once'),
  push_macro: row('push_macro'),
  pop_macro: row('pop_macro'),
  message: row('message'),
  pack: row('none', true, true),
  unroll: row('none', true, true),
  nounroll: row('none', true, true),
  unroll_and_jam: row('none', true, true),
  nounroll_and_jam: row('none', true, true),
  weak: row('none', true, true),
  redefine_extname: row('none', true, true),
  options: row('none'),
  align: row('none'),
  unused: row('none'),
  mark: row('none'),
  region: row('none'),
  endregion: row('none'),
  comment: row('none'),
  ident: row('none'),
}

const scoped: Readonly<Record<string, PragmaHandling>> = {
  'GCC system_header': row('system_header', false, false, true),
  'clang system_header': row('system_header', false, false, true),
  'GCC diagnostic': row('diagnostic', true, false, true),
  'clang diagnostic': row('diagnostic', true, false, true),
  'GCC warning': row('message', false, false, true),
  'GCC error': row('message', false, false, true),
  'GCC poison': row('none', false, false, true),
  'clang poison': row('none', false, false, true),
  'GCC dependency': row('none', false, false, true),
  'clang dependency': row('none', false, false, true),
  'GCC visibility': row('none', true, true, true),
  'clang attribute': row('none', true, true, true),
  'clang loop': row('none', true, true, true),
  'clang optimize': row('none', true, true, true),
  'clang section': row('none', true, true, true),
  'clang fp': row('none', false, false, true),
  'clang assume_nonnull': row('none', false, false, true),
  'clang arc_cf_code_audited': row('none', false, false, true),
  'clang __debug': row('none', false, false, true),
  'clang deprecated': row('none', false, false, true),
  'clang final': row('none', false, false, true),
  'clang restrict_expansion': row('none', false, false, true),
  'clang unsafe_buffer_usage': row('none', false, false, true),
  'STDC FP_CONTRACT': row('none', false, false, true),
  'STDC FENV_ACCESS': row('none', false, false, true),
  'STDC FENV_ROUND': row('none', false, false, true),
  'STDC CX_LIMITED_RANGE': row('none', false, false, true),
}

const unknown = row('unknown')

/** What to do with a pragma of these first two words. */
export const pragmaClass = (first: string, second: string): PragmaHandling =>
  (Object.hasOwn(plain, first) ? plain[first] : scoped[`${first} ${second}`]) ?? unknown
