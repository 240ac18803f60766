/** An explanation as people read it: cause, line with caret, how it got here, help, the kernel's own words. */
import type { Explanation } from './explanation.js'
import { type Paint, painter } from '../../../base/colour.js'

const TAB = '    '
const spread = (text: string): string => text.replaceAll('\t', TAB)

/** `about` stands behind the message: which program and kernels. */
export function renderExplanation(explanation: Explanation, about = '', colour = false): string {
  const paint = painter(colour)
  const { place, path } = explanation
  const widest = Math.max(place?.line ?? 0, ...path.map(note => note.place.line))
  const width = String(widest).length
  const pad = ' '.repeat(width)
  const bar = paint('blue', '|')
  // Logs of older kernels have the text of lines, not their numbers.
  const gutter = (line: number) => paint('blue', `${(line > 0 ? String(line) : '').padStart(width)} |`)
  let text = `${paint('red', `error[${explanation.code}]`)}${paint('bold', `: ${explanation.message}`)}${about ? paint('dim', ` [${about}]`) : ''}\n`
  if (place) {
    if (place.line > 0) text += `${pad}${paint('blue', '-->')} ${place.path}:${place.line}:${place.column}\n${pad} ${bar}\n`
    text += `${gutter(place.line)} ${spread(place.text)}\n`
    const lead = spread(place.text.slice(0, place.column - 1)).length
    text += `${pad} ${bar} ${' '.repeat(lead)}${paint('red', '^'.repeat(Math.max(1, place.width)))}${explanation.label ? ` ${explanation.label}` : ''}\n`
    text += `${pad} ${bar}\n`
  }
  if (path.length > 0) text += renderPath(explanation, paint, pad, gutter, bar)
  if (explanation.hint) {
    text += `${paint('green', 'help')}: ${explanation.hint.text}\n`
    const indent = place ? spread(/^\s*/.exec(place.text)![0]) : TAB
    for (const line of explanation.hint.code) text += `${pad} ${paint('green', '+')} ${indent}${paint('green', line)}\n`
  }
  return `${text}${pad} ${paint('dim', `the kernel's words: ${explanation.kernelWords}`)}\n`
}

function renderPath(explanation: Explanation, paint: Paint, pad: string, gutter: (line: number) => string, bar: string): string {
  const shown = explanation.path.map(note => spread(note.place.text).trimEnd())
  const column = Math.min(60, Math.max(...shown.map(line => line.length)))
  let text = `${pad} ${paint('cyan', 'how it got here')}\n`
  explanation.path.forEach((note, i) => {
    text += `${gutter(note.place.line)} ${shown[i]!.padEnd(column)}   ${paint('cyan', note.text)}\n`
  })
  return `${text}${pad} ${bar}\n`
}
