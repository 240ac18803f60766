/** chevrotain checks the grammar here, and not when bpfc starts; its lookahead tables are kept in a file. */
import { expect, it } from 'vitest'
import { Grammar } from '../../../compiler/parser/grammar.js'

it('the grammar is valid and its tables are those of decisions.gen.ts', async () => {
  const grammar = new Grammar({ analyse: true })
  await expect(grammar.printDecisions()).toMatchFileSnapshot('../../../compiler/parser/decisions.gen.ts')
})
