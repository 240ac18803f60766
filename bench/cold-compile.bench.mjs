/** A whole process: exec_audit.bpf.c with the running kernel's 3 MB vmlinux.h on disk, against clang-19 on the same file. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { has, pair } from './measure.mjs'

export async function run({ root }) {
  const work = join(root, '.cache/bench')
  mkdirSync(work, { recursive: true })
  const header = join(work, 'vmlinux.h')
  if (!has('clang-19')) return [{ figure: 'cpu', skipped: 'clang-19 is not installed' }]
  if (!existsSync('/sys/kernel/btf/vmlinux')) return [{ figure: 'cpu', skipped: 'this kernel has no BTF to make vmlinux.h of' }]
  if (!existsSync(header))
    writeFileSync(header, execFileSync(process.execPath, [join(root, 'dist/bpfc.mjs'), 'vmlinux'], { maxBuffer: 1 << 28 }))
  const source = join(root, 'examples/exec-audit/exec_audit.bpf.c')
  const include = join(root, 'dist/include')
  const flags = ['-target', 'bpf', '-g', '-O2', '-mcpu=v3', '-D__TARGET_ARCH_x86', `-I${work}`, '-isystem', include, '-c', source]
  const result = pair(
    [process.execPath, [join(root, 'dist/bpfc-clang.mjs'), ...flags, '-o', join(work, 'ours.o')]],
    ['clang-19', [...flags, '-o', join(work, 'theirs.o')]],
  )
  return ['cpu', 'wall'].map(key => ({
    figure: `${key} seconds, median of 7`,
    ours: result.ours[key].median,
    peer: result.peer[key].median,
    peerName: 'clang-19',
    spread: { ours: [result.ours[key].min, result.ours[key].max], peer: [result.peer[key].min, result.peer[key].max] },
  }))
}
