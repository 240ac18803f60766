/** `#pragma clang section`: where definitions without a section of their own go from there on, by what they are. */

export const SECTION_KINDS = ['bss', 'data', 'rodata', 'relro', 'text'] as const
export type SectionKind = (typeof SECTION_KINDS)[number]
export type SectionNames = Readonly<Partial<Record<SectionKind, string>>>

const SETTING = /(\w+)\s*=\s*"([^"]*)"/g
const isKind = (word: string): word is SectionKind => (SECTION_KINDS as readonly string[]).includes(word)

/** The names in force after a pragma with these settings; `""` asks for the usual again. Undefined where it is malformed. */
export function sectionsAfter(before: SectionNames, text: string): SectionNames | undefined {
  const settings = [...text.matchAll(SETTING)]
  if (text.replace(SETTING, '').trim()) return undefined
  const after: Partial<Record<SectionKind, string>> = { ...before }
  for (const [, kind, name] of settings) {
    if (!isKind(kind!)) return undefined
    if (name === '') delete after[kind]
    else after[kind] = name!
  }
  return after
}
