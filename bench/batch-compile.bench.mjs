/** The four examples in one process of ours, against the sum of clang-19's processes on the same files. */
import { join } from 'node:path'
import { median, once } from './measure.mjs'
import { vmlinuxFolder } from './vmlinux-header.mjs'

const examples = ['xdp-firewall/xdp_firewall', 'pod-netstat/pod_netstat', 'tcp-connect/tcp_connect', 'exec-audit/exec_audit']

export async function run({ root }) {
  const { folder: work, skipped } = vmlinuxFolder(root)
  if (skipped) return [{ figure: 'cpu', skipped }]
  const include = join(root, 'dist/include')
  const sources = examples.map(name => join(root, `examples/${name}.bpf.c`))
  const ours = []
  const theirs = []
  for (let round = 0; round < 6; round++) {
    const mine = once(process.execPath, [join(root, 'dist/bpfc.cjs'), 'build', `-I${work}`, ...sources], {
      cwd: work,
      env: { ...process.env, BPFC_CACHE: 'off' },
    })
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
