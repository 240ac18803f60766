/** SARIF 2.1.0 (OASIS standard), for code scanning services: a rule a class of rejection, a result a fault with its path as code flow. */
import { catalogue } from '../../base/catalogue.js'
import type { Place } from '../../runtime/verifier/explain/explanation.js'
import { type CheckResult, faults, plainText } from './check-formats.js'

/** Relative paths stay; absolute ones become file URIs. */
const uri = (path: string): string => {
  const encoded = path.split('/').map(encodeURIComponent).join('/')
  return path.startsWith('/') ? `file://${encoded}` : encoded
}

const location = (place: Place & { readonly width?: number }, text?: string) => ({
  physicalLocation: {
    artifactLocation: { uri: uri(place.path) },
    region: {
      startLine: Math.max(1, place.line),
      startColumn: Math.max(1, place.column),
      ...(place.width !== undefined && { endColumn: Math.max(1, place.column) + place.width }),
      ...(place.text && { snippet: { text: place.text } }),
    },
  },
  ...(text !== undefined && { message: { text } }),
})

export function sarifReport(results: readonly CheckResult[]): string {
  const all = faults(results)
  const used = [...new Set(all.map(({ result }) => ruleOf(result)))].sort()
  const run = {
    tool: {
      driver: {
        name: 'bpfc',
        rules: used.map(id => ({ id, shortDescription: { text: catalogue[id] ?? `programs with the verdict ${id}` } })),
      },
    },
    columnKind: 'utf16CodeUnits',
    results: all.map(({ result, kernels }) => {
      const { explanation, program, verdict } = result
      const place = explanation?.place
      const steps =
        explanation && place
          ? [...explanation.path.map(note => location(note.place, note.text)), location(place, explanation.label)]
          : []
      return {
        ruleId: ruleOf(result),
        ruleIndex: used.indexOf(ruleOf(result)),
        level: verdict.verdict === 'rejected' || verdict.verdict === 'invalid' ? 'error' : 'warning',
        message: { text: plainText(result) },
        locations: [place ? location(place) : { physicalLocation: { artifactLocation: { uri: uri(result.path) } } }],
        ...(steps.length > 1 && { codeFlows: [{ threadFlows: [{ locations: steps.map(each => ({ location: each })) }] }] }),
        properties: { program: program.name, section: program.section, kernels, verdict: verdict.verdict },
      }
    }),
  }
  const log = { $schema: 'https://json.schemastore.org/sarif-2.1.0.json', version: '2.1.0', runs: [run] }
  return `${JSON.stringify(log, null, 2)}\n`
}

const ruleOf = (result: CheckResult): string => result.explanation?.code ?? result.verdict.verdict
