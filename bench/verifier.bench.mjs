/**
 * The verifier against the running kernel's own, over the accepted programs of a folder of objects, in the same run and in turn; and
 * against other verifiers where they are given:
 *   BPFC_OBJECTS  folder with objects (clang's of the kernel's selftests)
 *   BPFC_PREVAIL, BPFC_FEBPF  a command that takes an object as its last word, and exits with 0 when all of it is accepted
 */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { median, once } from './measure.mjs'

const OTHERS = [
  ['PREVAIL', 'BPFC_PREVAIL'],
  ['febpf', 'BPFC_FEBPF'],
]
/** Whole processes are timed for these: of the objects that the other one takes, so many. */
const SAMPLE = 20

export async function run({ root }) {
  const folder = process.env.BPFC_OBJECTS
  if (!folder) return [{ figure: 'time per instruction', skipped: 'BPFC_OBJECTS names no folder with objects' }]
  const script = (...words) =>
    spawnSync(process.execPath, ['scripts/run-ts.mjs', 'bench/verifier-speed.ts', ...words], {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    })
  const rows = []
  const all = script(folder)
  const sum = all.status === 0 ? JSON.parse(all.stdout) : undefined
  if (!sum || sum.programs === 0) {
    const reason = all.status === 0 ? 'the running kernel accepted nothing (root? koffi?)' : all.stderr.trim().split('\n').pop()
    rows.push({ figure: 'time per instruction', skipped: reason })
  } else {
    rows.push({
      figure: `ns per processed instruction, ${sum.programs} accepted programs, ${sum.processed} instructions`,
      ours: Number(((sum.ours * 1e6) / sum.processed).toFixed(0)),
      peer: Number(((sum.kernel * 1e6) / sum.processed).toFixed(0)),
      peerName: `Linux ${sum.kernelVersion}`,
    })
    const own = JSON.parse(script('--own', sum.largest.object, sum.largest.program).stdout)
    rows.push({
      figure: `MB for the largest, ${sum.largest.program} with ${own.processed} instructions`,
      ours: own.megabytes,
      peer: 1024,
      peerName: 'limit',
    })
  }
  for (const [name, variable] of OTHERS) rows.push(against(name, process.env[variable], root, folder))
  return rows
}

function against(name, command, root, folder) {
  const figure = `CPU seconds of a process, ${name}`
  if (!command) return { figure, skipped: `${name} is not given` }
  const [program, ...words] = command.split(' ')
  const pairs = []
  for (const file of readdirSync(folder).filter(each => each.endsWith('.o'))) {
    const path = join(folder, file)
    try {
      const theirs = once(program, [...words, path])
      const ours = once(process.execPath, [join(root, 'dist/bpfc.cjs'), 'check', path])
      pairs.push({ ours: ours.cpu, theirs: theirs.cpu })
    } catch {
      // One of the two does not accept all of it.
    }
    if (pairs.length === SAMPLE) break
  }
  if (pairs.length === 0) return { figure, skipped: `${name} and bpfc accept no object of ${folder} both` }
  return {
    figure: `${figure}, median of ${pairs.length} objects that both accept`,
    ours: median(pairs.map(each => each.ours)),
    peer: median(pairs.map(each => each.theirs)),
    peerName: name,
  }
}
