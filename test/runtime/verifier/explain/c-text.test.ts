/** Which piece of a C line a column of line info stands for. */
import { expect, it } from 'vitest'
import { expressionAt } from '../../../../runtime/verifier/explain/c-text.js'

// The column is that of `@`, which is taken out.
it.each([
  ['	return @*(__u8 *)(long)ctx->data;', '*(__u8 *)(long)ctx->data'],
  ['	return @*(__u8 *)data;', '*(__u8 *)data'],
  ['	value = @*pointer + 1;', '*pointer'],
  ['	counts[key] @= 1;', 'counts[key]'],
  ['	return a @* b;', 'a'],
])('%s', (marked, piece) => {
  const column = marked.indexOf('@') + 1
  expect(expressionAt(marked.replace('@', ''), column)?.text).toBe(piece)
})
