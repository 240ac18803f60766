/** The four examples in one process of ours, against the sum of clang-19's processes on the same files. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { has, median, once } from './measure.mjs'

const examples = ['xdp-firewall/xdp_firewall', 'pod-netstat/pod_netstat', 'tcp-connect/tcp_connect', 'exec-audit/exec_audit']

export async function run({ root }) {
  const work = join(root, '.cache/bench')
  mkdirSync(work, { recursive: true })
  if (!has('clang-19')) return [{ figure: 'cpu', skipped: 'clang-19 is not installed' }]
  if (!existsSync('/sys/kernel/btf/vmlinux')) return [{ figure: 'cpu', skipped: 'this kernel has no BTF to make vmlinux.h of' }]
  const header = join(work, 'vmlinux.h')
  if (!existsSync(header))
    writeFileSync(header, execFileSync(process.execPath, [join(root, 'dist/bpfc.mjs'), 'vmlinux'], { maxBuffer: 1 << 28 }))
  const include = join(root, 'dist/include')
  const sources = examples.map(name => join(root, `examples/${name}.bpf.c`))
  const ours = []
  const theirs = []
  for (let round = 0; round < 6; round++) {
    const mine = once(process.execPath, [join(root, 'dist/bpfc.mjs'), 'build', `-I${work}`, ...sources], { cwd: work })
    let sum = { cpu: 0, wall: 0 }
    for (const source of sources) {
      const one = once('clang-19', [
        '-target',
        'bpf',
        '-g',
        '-O2',
        '-mcpu=v3',
        '-D__TARGET_ARCH_x86',
        `-I${work}`,
        '-isystem',
        include,
        '-c',
        source,
        '-o',
        join(work, 'theirs.o'),
      ])
      sum = { cpu: sum.cpu + one.cpu, wall: sum.wall + one.wall }
    }
    if (round > 0) {
      ours.push(mine)
      theirs.push(sum)
    }
  }
  return ['cpu', 'wall'].map(key => ({
    figure: `${key} seconds for 4 examples, median of 5`,
    ours: median(ours.map(row => row[key])),
    peer: median(theirs.map(row => row[key])),
    peerName: 'clang-19, 4 processes',
  }))
}
