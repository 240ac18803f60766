/**
 * bpftool is the judge of the header made from the running kernel's BTF, and clang of its layouts. Needs that BTF, bpftool (7.1 or later) and clang.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type BtfFile, readBtf } from '../../linker/btf/btf-file.js'
import { BtfKind } from '../../linker/btf/btf-types.js'
import { btfToC } from '../../linker/btf/c-dump.js'
import { dumpRaw } from '../../linker/btf/raw-dump.js'
import { CLANG, works } from './oracle.js'

const VMLINUX = '/sys/kernel/btf/vmlinux'
const bpftool = spawnSync('bpftool', ['btf', 'dump', 'file', VMLINUX, 'format', 'c', 'unsorted'], {
  encoding: 'utf8',
  maxBuffer: 1 << 28,
})
const old =
  bpftool.status === 0
    ? bpftool
    : spawnSync('bpftool', ['btf', 'dump', 'file', VMLINUX, 'format', 'c'], { encoding: 'utf8', maxBuffer: 1 << 28 })
const ready = existsSync(VMLINUX) && old.status === 0
if (!ready) console.warn(`btf.test: skipped, there is no ${existsSync(VMLINUX) ? 'bpftool' : VMLINUX}`)

describe.skipIf(!ready)('BTF of the running kernel', () => {
  it('as C is the header that bpftool writes', () => {
    // Sizes of enums as attributes came with libbpf 1.3; the declarations of kfuncs after the types with bpftool 7.5.
    const types = (header: string) =>
      header
        .slice(header.indexOf('apply_to = record'), header.lastIndexOf('#ifndef BPF_NO_PRESERVE_ACCESS_INDEX'))
        .replaceAll(/ __attribute__\(\(mode\(\w+\)\)\)/g, '')
        .split('\n')
    const own = types(btfToC(readBtf(new Uint8Array(readFileSync(VMLINUX)))))
    const peer = types(old.stdout)
    expect(own.length).toBeGreaterThan(100_000)
    const first = own.findIndex((line, i) => line !== peer[i])
    expect(first < 0 ? '' : `line ${first}: ${own[first]} | ${peer[first]}`).toBe('')
    expect(own.length).toBe(peer.length)
  })

  it('as text is what bpftool prints', () => {
    const peer = spawnSync('bpftool', ['btf', 'dump', 'file', VMLINUX], { encoding: 'utf8', maxBuffer: 1 << 28 }).stdout.split(
      '\n',
    )
    const own = dumpRaw(readBtf(new Uint8Array(readFileSync(VMLINUX)))).split('\n')
    const first = own.findIndex((line, i) => line !== peer[i])
    expect(first < 0 ? '' : `line ${first}: ${own[first]} | ${peer[first]}`).toBe('')
    expect(own.length).toBe(peer.length)
  })
})

/** C that compiles only if each struct and union of a name of its own has the size, and each member the place, that BTF says. */
function layoutAssertions(btf: BtfFile): string[] {
  const names = new Map<string, number>()
  const each = (visit: (id: number, word: string, name: string) => void) => {
    for (let id = 1; id < btf.count; id++) {
      const kind = btf.kindOf(id)
      if (kind !== BtfKind.Struct && kind !== BtfKind.Union) continue
      if (btf.nameOf(id) !== '') visit(id, kind === BtfKind.Struct ? 'struct' : 'union', btf.nameOf(id))
    }
  }
  const tags: readonly number[] = [BtfKind.Struct, BtfKind.Union, BtfKind.Enum, BtfKind.Enum64]
  for (let id = 1; id < btf.count; id++) {
    const name = tags.includes(btf.kindOf(id)) ? btf.nameOf(id) : ''
    names.set(name, (names.get(name) ?? 0) + 1)
  }
  const lines: string[] = []
  each((id, word, name) => {
    const type = btf.type(id)
    if (names.get(name) !== 1 || (type.kind !== BtfKind.Struct && type.kind !== BtfKind.Union)) return
    lines.push(`_Static_assert(sizeof(${word} ${name}) == ${type.size}, "${name}");`)
    for (const member of type.members)
      if (member.name !== '' && member.bitSize === 0)
        lines.push(
          `_Static_assert(__builtin_offsetof(${word} ${name}, ${member.name}) == ${member.bitOffset / 8}, "${name}.${member.name}");`,
        )
  })
  return lines
}

const canCompile = existsSync(VMLINUX) && works(CLANG, '--version')
if (!canCompile) console.warn(`btf.test: layouts are not checked, there is no ${existsSync(VMLINUX) ? CLANG : VMLINUX}`)

describe.skipIf(!canCompile)('the header of the running kernel', () => {
  it('compiles to the layouts of its BTF', { timeout: 600_000 }, () => {
    const scratch = mkdtempSync(join(tmpdir(), 'bpfc-btf-'))
    const btf = readBtf(new Uint8Array(readFileSync(VMLINUX)))
    writeFileSync(join(scratch, 'vmlinux.h'), btfToC(btf))
    const assertions = layoutAssertions(btf)
    expect(assertions.length).toBeGreaterThan(10_000)
    writeFileSync(join(scratch, 'layouts.c'), `#include "vmlinux.h"\n${assertions.join('\n')}\n`)
    // For the machine's own target: __builtin_va_list, which the kernel's types have from the compiler, is another one for BPF.
    const clang = spawnSync(
      CLANG,
      ['-DBPF_NO_PRESERVE_ACCESS_INDEX', '-fsyntax-only', '-ferror-limit=10', '-w', join(scratch, 'layouts.c')],
      {
        encoding: 'utf8',
      },
    )
    rmSync(scratch, { recursive: true })
    expect(clang.stderr).toBe('')
    expect(clang.status).toBe(0)
    console.log(`btf.test: ${assertions.length} sizes and offsets hold`)
  })
})
