/**
 * Makes a program that `differential.ts` kept as small as it stays wrong: lines go, then expressions. The reference must stay free of undefined
 * behaviour: clang's sanitizer and two ways to fill variables that were not set must agree.
 *
 * usage: node scripts/run-ts.mjs scripts/differential-reduce.ts FILE.c LEVEL CPU [WITHOUT-PASS] > SMALL.c
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Cpu } from '../compiler/options.js'
import { mainFunction } from '../test/differential/batch.js'
import { compileBatch, type Config } from '../test/differential/compile-batch.js'
import { prepare, runInVm } from '../test/differential/run-object.js'

const [file, level, target, without] = process.argv.slice(2)
const config: Config = { level: level as Config['level'], target: target as Cpu, without }
const scratch = mkdtempSync(join(tmpdir(), 'bpfc-reduce-'))
const FLAGS = ['-w', '-fwrapv', '-fno-strict-aliasing', '-Werror=uninitialized', '-Werror=return-type']
const SANITIZE = ['-fsanitize=undefined', '-fno-sanitize=signed-integer-overflow,shift-base', '-fno-sanitize-recover=all']

function machine(text: string, flags: readonly string[]): string | undefined {
  const seed = Number(/^PROGRAM\((\d+)\)/m.exec(text)?.[1])
  const path = join(scratch, 'reference.c')
  writeFileSync(
    path,
    `#define REFERENCE 1\n#include <stdio.h>\n#include <sys/wait.h>\n#include <unistd.h>\n${text}\n${mainFunction([seed])}`,
  )
  const made = spawnSync('clang-19', [...FLAGS, ...flags, path, '-o', join(scratch, 'reference')], { encoding: 'utf8' })
  if (made.status !== 0) return undefined
  const run = spawnSync(join(scratch, 'reference'), { encoding: 'utf8', timeout: 2000 })
  return run.status === 0 ? run.stdout.trim().replace(/^\S+ /, '') : undefined
}

function fails(text: string): boolean {
  const wrong = compileBatch(text, config)
  if (wrong.crash) return true
  if (!wrong.object) return false
  const [have] = [...runInVm(prepare(wrong.object), 'checked').values()]
  const want = machine(text, ['-O0', '-ftrivial-auto-var-init=pattern', ...SANITIZE])
  if (want === undefined || want === have || have === undefined) return false
  return machine(text, ['-O1', '-ftrivial-auto-var-init=zero']) === want
}

let text = readFileSync(file!, 'utf8')
if (!fails(text)) {
  console.error('does not fail')
  process.exit(1)
}

function lines(): boolean {
  let changed = false
  for (let size = 64; size >= 1; size >>= 1) {
    for (let at = text.split('\n').length - size; at >= 0; at -= Math.max(1, size >> 1)) {
      const all = text.split('\n')
      const some = all.slice(at, at + size)
      if (some.some(line => /PROGRAM|^#|typedef/.test(line))) continue
      const open = some.join('').split('{').length - some.join('').split('}').length
      if (open !== 0) continue
      const shorter = [...all.slice(0, at), ...all.slice(at + size)].join('\n')
      if (fails(shorter)) {
        text = shorter
        changed = true
      }
    }
  }
  return changed
}

/** The end of the parenthesis that opens at `at`. */
function closing(at: number): number {
  let depth = 0
  for (let i = at; i < text.length; i++) {
    if (text[i] === '(') depth++
    else if (text[i] === ')' && --depth === 0) return i
  }
  return -1
}

function expressions(): boolean {
  let changed = false
  for (let at = text.indexOf('test_'); at < text.length && at >= 0; at = text.indexOf('(', at + 1)) {
    const end = closing(at)
    if (text[at] !== '(' || end < 0) continue
    const inner = text.slice(at + 1, end)
    if (/^\d+$/.test(inner)) continue
    for (const other of [
      '(0)',
      '(1)',
      ...[...inner.matchAll(/\(/g)].slice(0, 4).map(match => text.slice(at + 1 + match.index, closing(at + 1 + match.index) + 1)),
    ]) {
      const shorter = text.slice(0, at) + other + text.slice(end + 1)
      if (shorter.length < text.length && fails(shorter)) {
        text = shorter
        changed = true
        break
      }
    }
  }
  return changed
}

/** `if (…) {` and its like without the condition. */
function unwrap(): boolean {
  let changed = false
  const all = () => text.split('\n')
  for (let at = all().length - 1; at >= 0; at--) {
    if (!/\{$/.test(all()[at] ?? '') || /^(static|struct|union)/.test(all()[at]!)) continue
    let depth = 0
    let end = at
    for (; end < all().length; end++) {
      depth += all()[end]!.split('{').length - all()[end]!.split('}').length
      if (depth === 0) break
    }
    const shorter = all()
      .filter((_, i) => i !== at && i !== end)
      .join('\n')
    if (fails(shorter)) {
      text = shorter
      changed = true
    }
  }
  return changed
}

try {
  for (let round = 0; round < 6; round++) {
    const changed = [lines(), unwrap(), expressions()]
    if (!changed.includes(true)) break
  }
  console.log(text)
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
