/** Results of `bpfc test` as people and build servers read them. */
import { painter } from '../../base/colour.js'

export interface CaseResult {
  readonly file: string
  readonly name: string
  /** What differs from what was expected; empty for a case that passed. */
  readonly problems: readonly string[]
  readonly ms: number
}

export function textReport(results: readonly CaseResult[], colour: boolean): string {
  const paint = painter(colour)
  let text = ''
  for (const [index, { file, name, problems }] of results.entries()) {
    if (results[index - 1]?.file !== file) text += `${file}\n`
    text += `  ${problems.length === 0 ? paint('green', 'ok') : paint('red', 'FAILED')}  ${name}\n`
    for (const problem of problems) text += `      ${problem}\n`
  }
  const failed = results.filter(result => result.problems.length > 0).length
  return `${text}${results.length} cases, ${results.length - failed} passed, ${failed} failed\n`
}

const escaped = (text: string) =>
  text.replace(/[<>&"\x00-\x08\x0b\x0c\x0e-\x1f]/g, char => (char < ' ' ? '?' : `&#${char.charCodeAt(0)};`))

/** JUnit's XML as build servers read it: a suite a file. */
export function junit(results: readonly CaseResult[]): string {
  const files = new Map<string, CaseResult[]>()
  for (const result of results) files.set(result.file, [...(files.get(result.file) ?? []), result])
  let text = '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n'
  for (const [file, cases] of files) {
    const failed = cases.filter(each => each.problems.length > 0).length
    text += `  <testsuite name="${escaped(file)}" tests="${cases.length}" failures="${failed}">\n`
    for (const { name, problems, ms } of cases) {
      text += `    <testcase classname="${escaped(file)}" name="${escaped(name)}" time="${(ms / 1000).toFixed(4)}"`
      text +=
        problems.length === 0
          ? '/>\n'
          : `>\n      <failure message="${escaped(problems[0]!)}">${escaped(problems.join('\n'))}</failure>\n    </testcase>\n`
    }
    text += '  </testsuite>\n'
  }
  return `${text}</testsuites>\n`
}
