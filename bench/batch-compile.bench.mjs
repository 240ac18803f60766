/**
 * Many files in one process of ours, against the sum of clang-19's processes on the same files: the four examples, and all sources of a folder
 * that BPFC_SOURCES names (with its headers; BPFC_SOURCES_INCLUDE names more folders of headers, separated by colons).
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { median, once, peakMemory } from './measure.mjs'
import { vmlinuxFolder } from './vmlinux-header.mjs'

const examples = ['xdp-firewall/xdp_firewall', 'pod-netstat/pod_netstat', 'tcp-connect/tcp_connect', 'exec-audit/exec_audit']

export async function run({ root }) {
  const { folder: work, skipped } = vmlinuxFolder(root)
  if (skipped) return [{ figure: 'cpu', skipped }]
  const sources = examples.map(name => join(root, `examples/${name}.bpf.c`))
  const rows = compare(root, work, { name: '4 examples', sources, includes: [work], rounds: 5 })
  const folder = process.env.BPFC_SOURCES
  if (!folder) return [...rows, { figure: 'cpu of a folder of sources', skipped: 'BPFC_SOURCES does not name one' }]
  const more = (process.env.BPFC_SOURCES_INCLUDE ?? '').split(':').filter(Boolean)
  const includes = [...more.map(each => resolve(each)), work]
  const found = readdirSync(folder)
    .filter(file => file.endsWith('.bpf.c'))
    .sort()
    .map(file => resolve(folder, file))
  const compiled = found.filter(source => spawnSync('clang-19', clangWords(root, work, includes, source)).status === 0)
  const left = found.filter(source => !compiled.includes(source)).map(source => basename(source))
  if (left.length > 0) console.error(`batch-compile: not compiled by clang, left out: ${left.join(' ')}`)
  return [...rows, ...compare(root, work, { name: `${compiled.length} sources`, sources: compiled, includes, rounds: 3 })]
}

function clangWords(root, work, includes, source) {
  const include = includes.map(each => `-I${each}`)
  const flags = [
    '-target',
    'bpf',
    '-g',
    '-O2',
    '-mcpu=v3',
    '-D__TARGET_ARCH_x86',
    ...include,
    '-isystem',
    join(root, 'dist/include'),
  ]
  return [...flags, '-w', '-c', source, '-o', join(work, 'theirs.o')]
}

function compare(root, work, { name, sources, includes, rounds }) {
  const ours = []
  const theirs = []
  const objects = join(work, 'objects')
  mkdirSync(objects, { recursive: true })
  const words = [join(root, 'dist/bpfc.cjs'), 'build', '-W', 'no-everything', ...includes.map(each => `-I${each}`), ...sources]
  const options = { cwd: objects, env: { ...process.env, BPFC_CACHE: 'off' } }
  for (let round = 0; round <= rounds; round++) {
    const mine = once(process.execPath, words, options)
    let sum = { cpu: 0, wall: 0 }
    for (const source of sources) {
      const one = once('clang-19', clangWords(root, work, includes, source))
      sum = { cpu: sum.cpu + one.cpu, wall: sum.wall + one.wall }
    }
    if (round > 0) {
      ours.push(mine)
      theirs.push(sum)
    }
  }
  return [
    ...['cpu', 'wall'].map(key => ({
      figure: `${key} seconds for ${name}, median of ${rounds}`,
      ours: median(ours.map(row => row[key])),
      peer: median(theirs.map(row => row[key])),
      peerName: `clang-19, ${sources.length} processes`,
    })),
    {
      figure: `peak memory in MB for ${name}`,
      ours: peakMemory(process.execPath, [...words, '--time-report'], options),
      peer: 300,
      peerName: 'goal',
    },
  ]
}
