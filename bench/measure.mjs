/** CPU and wall time of whole processes, in pairs so that a drifting machine touches both. */
import { spawnSync } from 'node:child_process'

/**
 * One run: seconds of CPU (user and system, from the shell's `times`, which counts finished children) and wall. With `runs` so many one after
 * the other and what one of them took: `times` counts in milliseconds. `limit` is the CPU seconds after which a run is ended; it fails then.
 * Without `--norc` a shell whose input is a socket may take itself for a remote login and run the user's .bashrc, which would be counted.
 */
export function once(command, args, { runs = 1, limit, ...options } = {}) {
  const started = process.hrtime.bigint()
  const loop = `${limit ? `ulimit -t ${limit}; ` : ''}for ((i = 0; i < ${runs}; i++)); do "$0" "$@" >/dev/null || exit; done; times`
  const result = spawnSync('/bin/bash', ['--norc', '-c', loop, command, ...args], { encoding: 'utf8', ...options })
  const wall = Number(process.hrtime.bigint() - started) / 1e9 / runs
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${result.stderr || result.error}`)
  const children = result.stdout.trim().split('\n').pop() ?? ''
  const seconds = [...children.matchAll(/(\d+)m([\d.]+)s/g)].map(match => Number(match[1]) * 60 + Number(match[2]))
  return { wall, cpu: ((seconds[0] ?? 0) + (seconds[1] ?? 0)) / runs }
}

export const median = values => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]

/** Runs two commands in turn and gives the median figures of each. `options` are for ours. */
export function pair(ours, peer, rounds = 7, options = {}) {
  const a = []
  const b = []
  once(...ours, options)
  once(...peer)
  for (let i = 0; i < rounds; i++) {
    a.push(once(...ours, options))
    b.push(once(...peer))
  }
  const figures = (rows, key) => ({
    median: median(rows.map(row => row[key])),
    min: Math.min(...rows.map(row => row[key])),
    max: Math.max(...rows.map(row => row[key])),
  })
  return {
    ours: { cpu: figures(a, 'cpu'), wall: figures(a, 'wall') },
    peer: { cpu: figures(b, 'cpu'), wall: figures(b, 'wall') },
  }
}

/** Peak of a process's resident memory in MB, or undefined where nothing says so. `bpfc --time-report` prints it after each file. */
export function peakMemory(command, args, options = {}) {
  const result = spawnSync(command, args, { encoding: 'utf8', ...options })
  const match = [...result.stderr.matchAll(/peak memory (\d+) MB/g)].pop()
  return match ? Number(match[1]) : undefined
}

export const has = command => spawnSync('/bin/sh', ['-c', `command -v ${command}`]).status === 0
