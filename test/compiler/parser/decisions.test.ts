/** chevrotain checks the grammar here, and not when bpfc starts; its lookahead tables are kept in a file. */
import { expect, it } from 'vitest'
import { printDecisions } from '../../../compiler/parser/grammar-analysis.js'

it('the grammar is valid and its tables are those of decisions.gen.ts', async () => {
  await expect(printDecisions()).toMatchFileSnapshot('../../../compiler/parser/decisions.gen.ts')
})
