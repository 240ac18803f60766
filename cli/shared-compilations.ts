/** What all compilations of one process share. Apart from the context, so that commands that compile nothing do not load it. */
import type { SharedState } from '../compiler/pipeline.js'
import { KeptTrees } from '../compiler/parser/kept-trees.js'
import { Names } from '../compiler/preprocessor/names.js'
import type { CliContext } from './context.js'
import { cacheFolder } from './cache-folder.js'
import { StoredHeaderCache } from './header-cache.js'

/** Hash of the sources that make header indexes, set by the build: what another state of them made is not taken. Empty where nothing was built. */
declare const BPFC_INDEX: string
const INDEX = typeof BPFC_INDEX === 'string' ? BPFC_INDEX : ''

const made = new WeakMap<CliContext, SharedState>()

/** The context's own state where it has one, else one for all that is compiled with this context. */
export function sharedState(context: CliContext): SharedState {
  if (context.shared) return context.shared
  const known = made.get(context)
  if (known?.trees) return known
  const names = known?.names ?? new Names()
  const headers = known?.headers ?? new StoredHeaderCache(INDEX ? cacheFolder(context.env) : undefined, INDEX)
  // Keeping trees costs a little, and pays from the second file on.
  const state = known ? { names, headers, trees: new KeptTrees(names) } : { names, headers }
  made.set(context, state)
  return state
}
