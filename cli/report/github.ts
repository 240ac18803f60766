/** Annotations of GitHub Actions: one workflow command a fault, as its documentation of workflow commands gives them. */
import { type CheckResult, faults, plainText } from './check-formats.js'

const data = (text: string): string => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
const property = (text: string): string => data(text).replaceAll(':', '%3A').replaceAll(',', '%2C')

export function githubReport(results: readonly CheckResult[]): string {
  let text = ''
  for (const { result, kernels } of faults(results)) {
    const { explanation, program, verdict } = result
    const level = verdict.verdict === 'rejected' || verdict.verdict === 'invalid' ? 'error' : 'warning'
    const place = explanation?.place
    const at = place
      ? `file=${property(place.path)},line=${place.line},col=${place.column},endColumn=${place.column + place.width}`
      : `file=${property(result.path)}`
    const title = `${explanation ? `${explanation.code} ` : ''}${program.name}, kernel ${kernels.join(' ')}`
    text += `::${level} ${at},title=${property(title)}::${data(plainText(result))}\n`
  }
  return text
}
