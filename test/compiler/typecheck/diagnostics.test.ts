/**
 * Wrong programs and what is said about them: `cases/*.c` hold one small program after each `////` line, `golden/*.txt` the diagnostics.
 * Regenerate with `npx vitest run test/compiler/typecheck -u` and read the difference.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { check, casesOf } from './harness.js'

describe.each(['wrong', 'restricted', 'warnings'])('%s', name => {
  const cases = casesOf(readFileSync(new URL(`cases/${name}.c`, import.meta.url), 'utf8'))

  it('says what it always said', async () => {
    const text = cases
      .map(({ title, source }) => `//// ${title}\n${check(source, ['-Wall', '-Wextra']).problems.join('\n')}\n`)
      .join('')
    await expect(text).toMatchFileSnapshot(`golden/${name}.txt`)
  })

  if (name === 'wrong')
    it.each(cases)('complains about: $title', ({ source }) => {
      expect(check(source, ['-Wall', '-Wextra']).problems).not.toEqual([])
    })
})
