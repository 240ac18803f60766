/**
 * Mutated C: whatever comes, the parser answers with trees and diagnostics, in bounded time, and never twice at one place. A
 * short slice runs in the suite; `FUZZ=100000 npx vitest run test/compiler/parser/fuzz.test.ts` runs more.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { printAst } from '../../../compiler/parser/print-ast.js'
import { parse } from './harness.js'

const rounds = Number(process.env['FUZZ'] ?? 1500)
const folder = join(import.meta.dirname, 'cases')
const sources = readdirSync(folder).map(file => readFileSync(join(folder, file), 'utf8'))

/** A small deterministic generator (mulberry32). */
function random(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

const split = (text: string): string[] => text.match(/\s+|\w+|"(?:[^"\\\n]|\\.)*"|[^\w\s]/g) ?? []
const pool = [...new Set(sources.flatMap(split).filter(token => token.trim()))]

function mutate(seed: number): string {
  const pick = random(seed)
  let tokens = split(sources[pick(sources.length)]!)
  const start = pick(tokens.length)
  tokens = tokens.slice(start, start + 40 + pick(400))
  for (let change = 1 + pick(4); change > 0; change--) {
    const at = pick(tokens.length)
    switch (pick(6)) {
      case 0:
        tokens.splice(at, 1 + pick(3))
        break
      case 1:
        tokens.splice(at, 0, pool[pick(pool.length)]!, ' ')
        break
      case 2:
        tokens[at] = pool[pick(pool.length)]!
        break
      case 3:
        tokens.splice(at, 0, ...tokens.slice(pick(tokens.length), pick(tokens.length)))
        break
      case 4:
        tokens.length = at
        break
      default: {
        const text = tokens[at] ?? ' '
        const place = pick(text.length)
        tokens[at] = text.slice(0, place) + String.fromCharCode(pick(256)) + text.slice(place + 1)
      }
    }
    if (!tokens.length) tokens = ['int']
  }
  return tokens.join('')
}

describe('mutated sources', () => {
  it(`get an answer (${rounds})`, { timeout: 60_000 + rounds * 20 }, () => {
    for (let seed = 1; seed <= rounds; seed++) {
      const text = mutate(seed)
      try {
        const { declarations, names, problems } = parse(text)
        printAst(declarations, names)
        const syntax = problems.filter(problem => /^[^\n]*error[^\n]*\[S/.test(problem))
        expect(new Set(syntax).size, 'an error reported twice').toBe(syntax.length)
      } catch (error) {
        throw new Error(`seed ${seed}:\n${text}`, { cause: error })
      }
    }
  })
})
