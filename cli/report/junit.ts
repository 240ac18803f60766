/** JUnit's XML, as test reporters of CI systems read it: a suite a file, a case a program and kernel. */
import { type CheckResult, plainText } from './check-formats.js'

const xml = (text: string): string =>
  text
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\n', '&#10;')

const seconds = (ms: number): string => (ms / 1000).toFixed(3)

export function junitReport(results: readonly CheckResult[]): string {
  const suites = new Map<string, CheckResult[]>()
  for (const result of results) {
    const suite = suites.get(result.path)
    if (suite) suite.push(result)
    else suites.set(result.path, [result])
  }
  let text = '<?xml version="1.0" encoding="UTF-8"?>\n'
  text += `<testsuites name="bpfc check" ${counts(results)}>\n`
  for (const [path, cases] of suites) {
    text += `  <testsuite name="${xml(path)}" ${counts(cases)}>\n`
    for (const each of cases) text += testcase(each)
    text += '  </testsuite>\n'
  }
  return `${text}</testsuites>\n`
}

const isFailure = ({ verdict }: CheckResult): boolean => verdict.verdict === 'rejected' || verdict.verdict === 'invalid'

function counts(results: readonly CheckResult[]): string {
  const failures = results.filter(isFailure).length
  const skipped = results.filter(each => each.verdict.verdict !== 'accepted').length - failures
  const time = results.reduce((sum, each) => sum + each.ms, 0)
  return `tests="${results.length}" failures="${failures}" errors="0" skipped="${skipped}" time="${seconds(time)}"`
}

function testcase(result: CheckResult): string {
  const { program, kernel, verdict, explanation } = result
  const name = `${program.name} on ${kernel.version}`
  const head = `    <testcase name="${xml(name)}" classname="${xml(result.path)}" time="${seconds(result.ms)}"`
  if (verdict.verdict === 'accepted') return `${head}/>\n`
  if (!isFailure(result))
    return `${head}>\n      <skipped message="${xml(`${verdict.verdict}: ${verdict.message}`)}"/>\n    </testcase>\n`
  const message = explanation?.message ?? verdict.message
  const place = explanation?.place
  const body = `${place ? `${place.path}:${place.line}:${place.column}: ` : ''}${plainText(result)}`
  return `${head}>\n      <failure type="${explanation?.code ?? verdict.verdict}" message="${xml(message)}">${xml(body)}</failure>\n    </testcase>\n`
}
