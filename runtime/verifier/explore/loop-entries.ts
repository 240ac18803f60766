/**
 * Loops as kernels before 6.17 see them: a state that was found equal to one further up its path belongs to the loop that begins
 * there, and so do the states on the way to it (kernel/bpf/verifier.c, 6.12: get_loop_entry, update_loop_entry). What was walked of
 * a loop that is still open may lack marks of precision, so states are compared with it as with a round of the loop.
 */
import type { Env } from '../env.js'
import type { VerifierState } from '../state/frames.js'
import type { Loops } from './loops.js'

/** The outermost loop's entry that is known for a state; what lies between comes to know it too. */
function topmost(state: VerifierState): VerifierState | undefined {
  let entry = state.loopEntry
  while (entry?.loopEntry && entry.loopEntry !== entry) entry = entry.loopEntry
  for (let at: VerifierState | undefined = state; at && at.loopEntry !== entry; ) {
    const next: VerifierState | undefined = at.loopEntry
    at.loopEntry = entry
    at = next
  }
  return entry
}

/** `header` begins a loop with `state` in it, if its own outermost loop is open and begins no later than what is known for `state`. */
function update(state: VerifierState, header: VerifierState): void {
  const known = topmost(state) ?? state
  const outermost = topmost(header) ?? header
  if (outermost.branches === 0 || outermost.dfsDepth > known.dfsDepth) return
  state.loopEntry = header
  header.isLoopEntry = true
}

export class LoopEntries implements Loops {
  incomplete(state: VerifierState): boolean {
    const entry = topmost(state)
    return entry !== undefined && entry.branches > 0
  }

  enter(): void {}

  exit(_env: Env, state: VerifierState): void {
    if (state.parent && state.loopEntry) update(state.parent, state.loopEntry)
  }

  close(env: Env, old: VerifierState, current: VerifierState): void {
    if (old.branches === 0) update(current, topmost(old)!)
    // Rounds of callbacks are not counted as a loop.
    else if (!env.callsCallback[env.insnIdx]) update(current, old)
  }
}
