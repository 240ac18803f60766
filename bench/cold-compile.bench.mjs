/**
 * A whole process: exec_audit.bpf.c with the running kernel's 3 MB vmlinux.h on disk, against clang-19 on the same file; without an index of the
 * header from an earlier run, and with it. CPU is user and system time of all threads.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { pair, peakMemory } from './measure.mjs'
import { vmlinuxFolder } from './vmlinux-header.mjs'

const ROUNDS = 11

export async function run({ root }) {
  const { folder: work, skipped } = vmlinuxFolder(root)
  if (skipped) return [{ figure: 'cpu', skipped }]
  const source = join(root, 'examples/exec-audit/exec_audit.bpf.c')
  const include = join(root, 'dist/include')
  const flags = ['-target', 'bpf', '-g', '-O2', '-mcpu=v3', '-D__TARGET_ARCH_x86', `-I${work}`, '-isystem', include, '-c', source]
  const rows = []
  const cache = join(work, 'index')
  rmSync(cache, { recursive: true, force: true })
  for (const [state, setting] of [
    ['no index kept', 'off'],
    ['index kept', cache],
  ]) {
    const env = { ...process.env, BPFC_CACHE: setting }
    const result = pair(
      [process.execPath, [join(root, 'dist/bpfc-clang.cjs'), ...flags, '-o', join(work, 'ours.o')]],
      ['clang-19', [...flags, '-o', join(work, 'theirs.o')]],
      ROUNDS,
      { env },
    )
    for (const key of ['cpu', 'wall'])
      rows.push({
        figure: `${key} seconds, ${state}, median of ${ROUNDS}`,
        ours: result.ours[key].median,
        peer: result.peer[key].median,
        peerName: 'clang-19',
        spread: { ours: [result.ours[key].min, result.ours[key].max], peer: [result.peer[key].min, result.peer[key].max] },
      })
  }
  const report = ['build', '--time-report', `-I${work}`, source, '-o', join(work, 'ours.o')]
  const env = { ...process.env, BPFC_CACHE: 'off' }
  const ours = peakMemory(process.execPath, [join(root, 'dist/bpfc.cjs'), ...report], { env })
  rows.push({ figure: 'peak memory in MB, against the 300 allowed', ours, peer: 300, peerName: 'limit' })
  return rows
}
