/** What a misspelt directive was meant to be. */
import { editDistance } from '../../base/edit-distance.js'

/** A hint with the directive that is one edit away, or two in longer words. */
export function similarDirective(name: string): string | undefined {
  const known = [
    'define',
    'undef',
    'include',
    'ifdef',
    'ifndef',
    'elif',
    'else',
    'endif',
    'pragma',
    'error',
    'warning',
    'line',
    'if',
  ]
  const edits = (candidate: string) => editDistance(candidate, name, 2)
  const near =
    known.find(candidate => edits(candidate) <= 1) ?? known.find(candidate => edits(candidate) === 2 && name.length > 3)
  return near && `did you mean '#${near}'?`
}
