/**
 * The verifier against the running kernel's own, over the accepted programs of a folder of objects, in the same run and in turn; and
 * against other verifiers where they are given (verifier-peers.mjs). BPFC_OBJECTS is a folder with objects (clang's of the kernel's selftests).
 */
import { spawnSync } from 'node:child_process'
import { peerRows } from './verifier-peers.mjs'

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
  return [...rows, ...peerRows({ root, folder, script })]
}
