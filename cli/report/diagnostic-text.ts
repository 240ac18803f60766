/** A diagnostic as people read it: what, where, the line with a caret range, notes, help. */
import type { Diagnostic, DiagnosticNote, Severity } from '../../base/diagnostics.js'
import type { SourceSet, Span } from '../../base/source.js'
import { type Paint, painter, type Style } from '../../base/colour.js'

const styles: Readonly<Record<Severity, Style>> = { error: 'red', warning: 'yellow', note: 'cyan', remark: 'blue' }

/** Columns a tab takes in the shown line. */
const TAB = '    '

export function renderDiagnostic(diagnostic: Diagnostic, sources: SourceSet, colour = false): string {
  const paint = painter(colour)
  const group = diagnostic.group ? paint('dim', ` [-W${diagnostic.group}]`) : ''
  let text = `${paint(styles[diagnostic.severity], `${diagnostic.severity}[${diagnostic.code}]`)}${paint('bold', `: ${diagnostic.message}`)}${group}\n`
  if (diagnostic.span) text += renderSpan(diagnostic.span, sources, styles[diagnostic.severity], paint)
  for (const note of diagnostic.notes) text += renderNote(note, sources, paint)
  if (diagnostic.hint) text += `${paint('green', 'help')}: ${diagnostic.hint}\n`
  return text
}

function renderNote(note: DiagnosticNote, sources: SourceSet, paint: Paint): string {
  return `${paint('cyan', 'note')}: ${note.message}\n${note.span ? renderSpan(note.span, sources, 'cyan', paint) : ''}`
}

/** The place, and the source line with the span underlined; a span over several lines is underlined on its first. */
export function renderSpan(span: Span, sources: SourceSet, style: Style, paint: Paint): string {
  const at = sources.presumed(span.start)
  const line = sources.lineText(span.start)
  if (!at || line === undefined) return ''
  const gutter = String(at.line)
  const pad = ' '.repeat(gutter.length)
  const bytes = new TextEncoder().encode(line)
  const before = new TextDecoder().decode(bytes.subarray(0, at.column - 1))
  const inside = new TextDecoder().decode(
    bytes.subarray(at.column - 1, at.column - 1 + Math.max(1, Math.min(span.end - span.start, bytes.length - at.column + 1))),
  )
  const width = (text: string) => [...text.replaceAll('\t', TAB)].length
  return (
    `${pad} ${paint('blue', '-->')} ${at.path}:${at.line}:${at.column}\n` +
    `${pad} ${paint('blue', '|')}\n` +
    `${paint('blue', `${gutter} |`)} ${line.replaceAll('\t', TAB)}\n` +
    `${pad} ${paint('blue', '|')} ${' '.repeat(width(before))}${paint(style, '^'.repeat(Math.max(1, width(inside))))}\n`
  )
}

/** clang's one-line form with source line and caret, as editors and build tools parse it. */
export function renderClangStyle(diagnostic: Diagnostic, sources: SourceSet): string {
  const one = (severity: string, message: string, span: Span | undefined): string => {
    const at = span && sources.presumed(span.start)
    const line = span && sources.lineText(span.start)
    if (!at || line === undefined) return `${severity}: ${message}\n`
    const lead = [...line.slice(0, at.column - 1)].map(c => (c === '\t' ? '\t' : ' ')).join('')
    const tail = Math.max(0, Math.min(span!.end - span!.start, line.length - at.column + 1) - 1)
    return `${at.path}:${at.line}:${at.column}: ${severity}: ${message}\n${String(at.line).padStart(5)} | ${line}\n      | ${lead}^${'~'.repeat(tail)}\n`
  }
  let text = one(diagnostic.severity, diagnostic.message + (diagnostic.group ? ` [-W${diagnostic.group}]` : ''), diagnostic.span)
  for (const note of diagnostic.notes) text += one('note', note.message, note.span)
  if (diagnostic.hint) text += one('note', diagnostic.hint, diagnostic.span)
  return text
}

/** A diagnostic as one JSON object: places resolved, nothing coloured. */
export function diagnosticJson(diagnostic: Diagnostic, sources: SourceSet): object {
  const place = (span: Span | undefined) => {
    const start = span && sources.presumed(span.start)
    const end = span && sources.presumed(Math.max(span.start, span.end - 1))
    return start
      ? {
          file: start.path,
          line: start.line,
          column: start.column,
          endLine: end?.line,
          endColumn: end ? end.column + 1 : undefined,
        }
      : {}
  }
  return {
    code: diagnostic.code,
    severity: diagnostic.severity,
    message: diagnostic.message,
    ...place(diagnostic.span),
    ...(diagnostic.group && { group: diagnostic.group }),
    ...(diagnostic.hint && { hint: diagnostic.hint }),
    notes: diagnostic.notes.map(note => ({ message: note.message, ...place(note.span) })),
  }
}
