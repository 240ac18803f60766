/** bpftool is the judge of the header made from the running kernel's BTF. Needs that BTF and bpftool (7.1 or later). */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readBtf } from '../../linker/btf/btf-file.js'
import { btfToC } from '../../linker/btf/c-dump.js'
import { dumpRaw } from '../../linker/btf/raw-dump.js'

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
