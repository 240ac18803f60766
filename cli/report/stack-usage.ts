/** `--stack-usage`: what each function takes of the 512 bytes that a chain of calls has. */
import { painter } from '../../base/colour.js'
import { MAX_STACK } from '../../compiler/codegen/frame.js'
import type { CompileResult } from '../../compiler/pipeline.js'

/** Locals named in the text form, for each function. */
const NAMED = 3

/** Deepest chain first; `json` gives one object a line for each function. */
export function stackUsage(path: string, result: CompileResult, json: boolean, colour: boolean): string {
  const uses = [...result.stack()].sort((a, b) => b.deepest - a.deepest || b.own - a.own)
  if (json)
    return uses
      .map(({ func, own, deepest, chain, frame }) =>
        JSON.stringify({
          source: path,
          function: func.name,
          section: func.section,
          own,
          deepest,
          limit: MAX_STACK,
          chain: chain.map(each => each.name),
          frame,
        }),
      )
      .map(line => `${line}\n`)
      .join('')
  const paint = painter(colour)
  const rows = uses.map(({ own, deepest, chain, frame }) => {
    const bytes = paint(deepest > MAX_STACK ? 'red' : 'bold', String(deepest).padStart(7))
    const locals = frame.slice(0, NAMED).map(({ name, bytes }) => `${name} ${bytes}`)
    if (frame.length > NAMED) locals.push('…')
    return `${String(own).padStart(5)} ${bytes}  ${chain.map(each => each.name).join(' -> ')}${locals.length > 0 ? paint('dim', `  (${locals.join(', ')})`) : ''}\n`
  })
  return `${path}: bytes of stack, own frame and deepest chain of calls; the limit is ${MAX_STACK}\n  own deepest  function\n${rows.join('')}`
}
