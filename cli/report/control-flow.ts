/** Basic blocks of a function, and its control-flow graph as DOT and as SVG. */
import { classify, isForm } from '../../assembler/isa/isa-table.js'
import type { Insns } from '../../assembler/isa/insns.js'

export interface Block {
  /** First slot and one past the last. */
  readonly start: number
  readonly end: number
  readonly edges: readonly Edge[]
}

export interface Edge {
  /** Start of the block it goes to. */
  readonly to: number
  readonly kind: 'taken' | 'next'
}

interface Flow {
  readonly slots: number
  readonly target: number | undefined
  readonly falls: boolean
  /** Ends a block. */
  readonly ends: boolean
}

function flowAt(insns: Insns, slot: number): Flow {
  const form = classify(insns, slot)
  const straight = { slots: 1, target: undefined, falls: true, ends: false }
  if (!isForm(form)) return straight
  const after = slot + 1
  switch (form.kind) {
    case 'jump':
    case 'may_goto':
      return { slots: 1, target: after + insns.off[slot]!, falls: true, ends: true }
    case 'goto':
      return { slots: 1, target: after + insns.off[slot]!, falls: false, ends: true }
    case 'gotol':
      return { slots: 1, target: after + insns.imm[slot]!, falls: false, ends: true }
    case 'exit':
      return { slots: 1, target: undefined, falls: false, ends: true }
    default:
      return { ...straight, slots: form.slots }
  }
}

/** Blocks by start. Jumps to outside the function have no edge. */
export function basicBlocks(insns: Insns): Block[] {
  const starts = new Set([0])
  for (let slot = 0; slot < insns.length; ) {
    const flow = flowAt(insns, slot)
    slot += flow.slots
    if (flow.ends) starts.add(slot)
    if (flow.target !== undefined) starts.add(flow.target)
  }
  const order = [...starts].filter(start => start >= 0 && start < insns.length).sort((a, b) => a - b)
  const inside = new Set(order)
  return order.map((start, index) => {
    const end = order[index + 1] ?? insns.length
    let flow = flowAt(insns, start)
    for (let slot = start; slot < end; slot += flow.slots) flow = flowAt(insns, slot)
    const edges: Edge[] = []
    if (flow.target !== undefined && inside.has(flow.target)) edges.push({ to: flow.target, kind: 'taken' })
    if (flow.falls && inside.has(end)) edges.push({ to: end, kind: 'next' })
    return { start, end, edges }
  })
}

/** A function to draw: a name and, per block, its lines of text. */
export interface Drawing {
  readonly name: string
  readonly blocks: readonly Block[]
  text(block: Block): readonly string[]
}

const dotText = (text: string) => text.replace(/[\\"]/g, '\\$&')

/** One digraph with a cluster a function. */
export function controlFlowDot(drawings: readonly Drawing[]): string {
  let dot = 'digraph programs {\n  node [shape=box, fontname=monospace];\n'
  for (const [index, { name, blocks, text }] of drawings.entries()) {
    dot += `  subgraph cluster_${index} {\n    label="${dotText(name)}";\n`
    for (const block of blocks) {
      const lines = text(block)
        .map(line => `${dotText(line)}\\l`)
        .join('')
      dot += `    f${index}_${block.start} [label="${lines}"];\n`
      for (const { to, kind } of block.edges)
        dot += `    f${index}_${block.start} -> f${index}_${to}${kind === 'taken' ? ' [label="taken"]' : ''};\n`
    }
    dot += '  }\n'
  }
  return `${dot}}\n`
}

const CHAR = 7.3
const LINE = 15
const PAD = 8
const GAP = 36

const xml = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;')

/** Longest way to each block along forward edges: rows of the picture. Blocks are in the order of slots, so one pass does. */
function rowsOf(blocks: readonly Block[]): Block[][] {
  const level = new Map<number, number>()
  const rows: Block[][] = []
  for (const block of blocks) {
    const row = level.get(block.start) ?? 0
    rows[row] = [...(rows[row] ?? []), block]
    for (const { to } of block.edges) if (to > block.start) level.set(to, Math.max(level.get(to) ?? 0, row + 1))
  }
  return rows.filter(Boolean)
}

/** A picture: functions below one another, each with its blocks in rows; taken jumps are blue, backward ones dashed. */
export function controlFlowSvg(drawings: readonly Drawing[]): string {
  let body = ''
  let width = 0
  let y = PAD
  for (const { name, blocks, text } of drawings) {
    body += `<text x="${PAD}" y="${y + LINE}" font-weight="bold">${xml(name)}</text>\n`
    y += LINE + PAD * 2
    const boxes = new Map<number, { x: number; y: number; w: number; h: number }>()
    for (const row of rowsOf(blocks)) {
      let x = PAD
      let height = 0
      for (const block of row) {
        const lines = text(block)
        const w = Math.ceil(Math.max(...lines.map(line => line.length)) * CHAR) + PAD * 2
        const h = lines.length * LINE + PAD
        boxes.set(block.start, { x, y, w, h })
        body += `<rect x="${x}" y="${y}" width="${w}" height="${h}" fill="#fff" stroke="#444"/>\n`
        for (const [at, line] of lines.entries())
          body += `<text x="${x + PAD}" y="${y + (at + 1) * LINE}" xml:space="preserve">${xml(line)}</text>\n`
        x += w + GAP
        height = Math.max(height, h)
      }
      width = Math.max(width, x)
      y += height + GAP
    }
    for (const block of blocks) {
      const from = boxes.get(block.start)!
      for (const { to, kind } of block.edges) {
        const into = boxes.get(to)!
        const back = to <= block.start
        const x1 = from.x + from.w * (kind === 'taken' ? 0.7 : 0.3)
        const y1 = from.y + from.h
        const x2 = into.x + into.w / 2
        // Backward edges leave and come in at the right side, out of the way of the others.
        const way = back
          ? `M${from.x + from.w} ${y1 - PAD} C${from.x + from.w + GAP} ${y1} ${into.x + into.w + GAP} ${into.y} ${into.x + into.w} ${into.y + PAD}`
          : `M${x1} ${y1} C${x1} ${y1 + GAP / 2} ${x2} ${into.y - GAP / 2} ${x2} ${into.y}`
        body += `<path d="${way}" fill="none" stroke="${kind === 'taken' ? '#06c' : '#444'}"${back ? ' stroke-dasharray="4 3"' : ''} marker-end="url(#arrow)"/>\n`
      }
    }
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${Math.ceil(width + PAD)}" height="${y}" font-family="monospace" font-size="12">
<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>
${body}</svg>
`
}
