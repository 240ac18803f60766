/**
 * libbpf is the judge of preparing objects: what it would hand to the kernel must be what `prepareObject` gives, for this machine's
 * kernel BTF, configuration and symbols.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { readBtf } from '../../linker/btf/btf-file.js'
import { dumpRaw } from '../../linker/btf/raw-dump.js'
import { openObject } from '../../linker/object/open.js'
import { prepareObject } from '../../linker/object/prepare.js'
import { kernelVersion, type PrepareOptions } from '../../linker/object/prepare-options.js'
import type { PreparedObject } from '../../linker/object/prepared.js'
import { libbpfView, missingForLibbpf, objectFolder, type Row, VMLINUX } from './oracle.js'

/** One of each kind of object, for when no folder is given. */
const SAMPLE = [
  'bpf_cubic',
  'bpf_iter_task_vma',
  'cgroup_skb_sk_lookup_kern',
  'core_kern',
  'exceptions',
  'linked_list',
  'map_kptr',
  'profiler1',
  'pyperf_subprogs',
  'struct_ops_autocreate',
  'test_core_extern',
  'test_core_reloc_kernel',
  'test_ksyms_btf',
  'test_ksyms_weak',
  'test_map_in_map',
  'test_prog_array_init',
  'test_static_linked1',
  'test_subprogs',
  'test_usdt',
  'test_xdp_noinline',
  'verifier_cgroup_storage',
  'verifier_global_subprogs',
]

const missing = missingForLibbpf()
if (missing.length) console.warn(`prepare.test: skipped, there is no ${missing.join(', no ')}`)

function thisKernel(): PrepareOptions {
  const symbols = new Map<string, bigint>()
  for (const line of readFileSync('/proc/kallsyms', 'utf8').split('\n')) {
    const [address, , name] = line.split(/\s+/)
    if (name && !symbols.has(name)) symbols.set(name, BigInt(`0x${address}`))
  }
  const [major = 0, minor = 0, patch = 0] = release().split(/[.-]/).map(Number)
  return {
    kernelBtf: readBtf(new Uint8Array(readFileSync(VMLINUX))),
    kallsyms: name => symbols.get(name),
    kernelVersion: kernelVersion(major, minor, Number.isNaN(patch) ? 0 : patch),
    ...(existsSync('/proc/config.gz') && { kconfig: gunzipSync(readFileSync('/proc/config.gz')).toString() }),
  }
}

/** How a prepared object differs from libbpf's view of it. */
function differences(prepared: PreparedObject, rows: readonly Row[]): string[] {
  const whole = rows.find(row => row.prog === null)
  const byName = new Map(rows.map(row => [row.prog, row]))
  return prepared.programs.flatMap(program => {
    const row = byName.get(program.name)
    const refusal = row ? row.error : whole?.error
    const where = `${prepared.path} ${program.name}`
    // Where maps are pinned is the machine's business.
    if (refusal?.includes('BPF FS')) return []
    if (refusal) return program.fault ? [] : [`${where}: libbpf refuses it: ${refusal}`]
    if (program.fault) return [`${where}: refused although libbpf takes it: ${program.fault}`]
    const have = {
      type: program.type,
      attach: program.expectedAttachType,
      flags: program.flags,
      btfId: program.attachBtfId,
      lines: program.lineInfo.length,
      funcs: program.functions.filter(({ type }) => type !== 0).map(({ slot, type }) => [slot, type]),
      insns: Buffer.from(program.insns.toBytes(true)).toString('hex').match(/.{16}/g),
    }
    const want = { ...have, ...row, insns: row!.insns.match(/.{16}/g) }
    return Object.entries(have).flatMap(([key, value]) => {
      const expected = want[key as keyof typeof have]
      return JSON.stringify(value) === JSON.stringify(expected)
        ? []
        : [`${where}: ${key} ${JSON.stringify(value)?.slice(0, 200)} instead of ${JSON.stringify(expected)?.slice(0, 200)}`]
    })
  })
}

/** How the BTF of a prepared object differs from what libbpf loads. */
function btfDifferences(prepared: PreparedObject, path: string): string[] {
  if (!prepared.btf || !existsSync(path)) return []
  const peer = readBtf(new Uint8Array(readFileSync(path)))
  const [mine, theirs] = [dumpRaw(prepared.btf).split('\n'), dumpRaw(peer).split('\n')]
  const at = mine.findIndex((line, i) => line !== theirs[i])
  if (at < 0 && mine.length === theirs.length) return []
  return [`${prepared.path}: BTF ${mine[at] ?? 'ends'} instead of ${theirs[at] ?? 'more'}`]
}

describe.skipIf(missing.length > 0)('prepareObject', () => {
  it('gives the instructions and load attributes that libbpf gives', { timeout: 300_000 }, () => {
    const scratch = mkdtempSync(join(tmpdir(), 'bpfc-prepare-'))
    const folder = objectFolder(scratch, SAMPLE)
    const names = readdirSync(folder).filter(name => name.endsWith('.o'))
    expect(names.length).toBeGreaterThan(10)
    const rows = libbpfView(scratch, folder, names)
    const options = thisKernel()
    let compared = 0
    const wrong = names.flatMap(name => {
      const own = rows.filter(row => row.obj === name)
      try {
        const prepared = prepareObject(openObject(new Uint8Array(readFileSync(join(folder, name))), name), options)
        compared += prepared.programs.length
        const faults = differences(prepared, own)
        // Objects that libbpf refuses as a whole do not come to loading BTF.
        if (own.every(row => row.prog !== null)) faults.push(...btfDifferences(prepared, join(scratch, 'btf', `${name}.btf`)))
        return faults
      } catch (error) {
        return own.length === 1 && own[0]!.prog === null ? [] : [`${name}: ${(error as Error).message}`]
      }
    })
    expect(wrong).toEqual([])
    console.log(`prepare.test: ${compared} programs of ${names.length} objects`)
  })
})
