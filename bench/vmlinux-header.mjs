/** The running kernel's vmlinux.h as a file, made once by `bpfc vmlinux`. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { has } from './measure.mjs'

/** The folder that has it, or why a comparison with clang cannot be made here. */
export function vmlinuxFolder(root) {
  if (!has('clang-19')) return { skipped: 'clang-19 is not installed' }
  if (!existsSync('/sys/kernel/btf/vmlinux')) return { skipped: 'this kernel has no BTF to make vmlinux.h of' }
  const folder = join(root, '.cache/bench')
  mkdirSync(folder, { recursive: true })
  const made = spawnSync(process.execPath, [join(root, 'dist/bpfc.cjs'), 'vmlinux', '-o', join(folder, 'vmlinux.h')], {
    encoding: 'utf8',
  })
  if (made.status !== 0) throw new Error(`bpfc vmlinux: ${made.stderr}`)
  return { folder }
}
