/** From a log (ours, or one that a kernel printed) to an explanation in terms of C. */
import type { PreparedObject, PreparedProgram } from '../../../linker/object/prepared.js'
import { callIn, expressionAt } from './c-text.js'
import { rejectionClasses } from './classes.js'
import type { Explanation, PathNote, Place } from './explanation.js'
import type { Finding } from './rejection-class.js'
import { Story } from './story.js'

/** Notes shown at most; of a longer path the last ones. */
const MAX_NOTES = 8

export interface Complaint {
  readonly object: PreparedObject
  readonly program: PreparedProgram
  /** Log of level 1 or more, whose end tells of the fault; statistics may follow. */
  readonly log: string
  /** The kernel's words, where the log does not end in them. */
  readonly message?: string
  readonly faultSlot?: number
  /** Names of called functions by slot, where a log knows them better than the object. */
  readonly callees?: ReadonlyMap<number, string>
}

/** Whether the path says more about a complaint than where it ended: not for those about too much of everything. */
export const pathTells = (message: string): boolean =>
  !/^(BPF program is too large|The sequence of \d+ jumps is too complex)/.test(message)

/** Explains a rejection; one that is of no known class gets V0001 with place and words, without cause and hint. */
export function explainRejection(input: Complaint): Explanation {
  const story = new Story(input.object, input.program, input.log, input.faultSlot, input.callees)
  const said = story.trace.complaint.length > 0 ? story.trace.complaint : [input.message ?? '']
  const words = input.message ?? said[said.length - 1]!
  for (const { code, pattern, explain } of rejectionClasses) {
    // The last line decides; those before it hold the numbers.
    for (let i = said.length - 1; i >= 0; i--) {
      const found = pattern.exec(said[i]!)
      const finding = found && explain(found, story)
      if (finding)
        return finished(finding.code ?? code, finding, story, said.findLast(line => /^invalid access /.test(line)) ?? said[i]!)
    }
  }
  return finished('V0001', { message: words }, story, words)
}

function finished(code: string, finding: Finding, story: Story, words: string): Explanation {
  const slot = finding.slot ?? story.slot
  const place = story.place(slot)
  const callee = slot === undefined ? undefined : story.calleeAt(slot)
  const piece = place && ((callee && callIn(place.text, callee)) || expressionAt(place.text, place.column))
  return {
    code,
    message: finding.message,
    place: place && {
      path: place.path,
      line: place.line,
      text: place.text,
      column: piece ? piece.start + 1 : place.column,
      width: piece ? piece.text.length : 1,
    },
    label: finding.label ?? '',
    path: tidy([...story.openCalls(), ...(finding.notes ?? [])]),
    hint: finding.hint,
    kernelWords: words,
    slot,
  }
}

const samePlace = (a: Place, b: Place): boolean => a.line === b.line && a.path === b.path && a.text === b.text

/** Notes that say the same are told once, and of a line only the last. */
function tidy(notes: readonly PathNote[]): PathNote[] {
  const kept: PathNote[] = []
  // What has no step (where something was taken) comes before all that was found out about it.
  const ordered = notes.toSorted((a, b) => (a.step ?? -1) - (b.step ?? -1))
  for (const { place, text } of ordered) {
    const note: PathNote = { place, text }
    const last = kept[kept.length - 1]
    if (last && samePlace(last.place, note.place)) kept.pop()
    kept.push(note)
  }
  return kept.slice(-MAX_NOTES)
}
