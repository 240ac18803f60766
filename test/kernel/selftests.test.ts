/**
 * The whole path on the kernel's own selftests, and three judges side by side: each source is compiled by bpfc and by clang, every program
 * put to the running kernel. bpfc must get accepted what clang gets accepted, and bpfc's verifier must never accept what the kernel rejects.
 * Takes a sample; BPFC_CORPUS=all takes every source.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import {
  compile,
  type CompileOptions,
  kernelProfile,
  openObject,
  type PreparedObject,
  prepareObject,
  readBtf,
  verifyProgram,
} from '../../index.js'
import { type LiveVerdict, loadProgram } from '../../runtime/live/load-object.js'
import { native } from '../../runtime/live/native.js'
import { CLANG, kernelSource, oracle, VMLINUX, works } from './oracle.js'

const selftests = join(kernelSource, 'tools/testing/selftests/bpf')
const sample = [
  'bpf_iter_task',
  'bpf_loop',
  'cgroup_skb_sk_lookup_kern',
  'for_each_array_map_elem',
  'get_cgroup_id_kern',
  'kfree_skb',
  'loop1',
  'map_ptr_kern',
  'perfbuf_bench',
  'ringbuf_bench',
  'test_cls_redirect_subprogs',
  'test_global_data',
  'test_l4lb',
  'test_map_lock',
  'test_obj_id',
  'test_pkt_access',
  'test_ringbuf',
  'test_sk_lookup',
  'test_skb_ctx',
  'test_sysctl_prog',
  'test_tcp_estats',
  'test_xdp',
  'test_xdp_vlan',
  'timer',
  'verifier_and',
  'verifier_bounds',
  'verifier_ctx_sk_msg',
  'verifier_map_ptr',
  'verifier_spill_fill',
  'xdp_redirect_map',
]

function reason(): string | undefined {
  if (!existsSync(join(selftests, 'progs'))) return `no selftests at ${selftests}`
  if (!works(CLANG, '--version')) return `no ${CLANG}`
  if (process.getuid?.() !== 0 || !existsSync(VMLINUX)) return 'needs root and kernel BTF'
  try {
    native()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

const why = reason()
if (why) console.log(`selftests are skipped: ${why}`)

const user = [
  `${oracle}/vmlinux`,
  selftests,
  `${selftests}/include`,
  `${selftests}/progs`,
  `${oracle}/include`,
  `${kernelSource}/tools/include/uapi`,
]
const after = ['/usr/lib/llvm-19/lib/clang/19/include', '/usr/include/x86_64-linux-gnu', '/usr/include']
const options: CompileOptions = {
  target: { cpu: 'v3', little: true },
  optimize: '2',
  debug: true,
  predefines: [
    { kind: 'define', text: '__TARGET_ARCH_x86' },
    { kind: 'define', text: 'ENABLE_ATOMICS_TESTS' },
  ],
  includes: { quote: [], user, system: [], standard: [], after },
  prefixMap: [],
  workingDirectory: '/',
  disabledPasses: new Set(),
  vmlinux: undefined,
}
const isFile = (path: string) => existsSync(path) && !statSync(path).isDirectory()
const host = { read: (path: string) => (isFile(path) ? readFileSync(path) : undefined), exists: isFile }

const folder = mkdtempSync(join(tmpdir(), 'bpfc-selftests-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe.skipIf(why)('selftests', () => {
  const kernelBtf = why ? undefined : readBtf(readFileSync(VMLINUX))
  const available = why
    ? []
    : readdirSync(join(selftests, 'progs'))
        .filter(file => file.endsWith('.c'))
        .map(file => file.slice(0, -2))
  const names = process.env['BPFC_CORPUS'] === 'all' ? available : sample.filter(name => available.includes(name))

  const ask = (prepared: PreparedObject): Map<string, LiveVerdict> => {
    const verdicts = new Map<string, LiveVerdict>()
    for (const program of prepared.programs) {
      const live = loadProgram(prepared, program)
      live.close()
      verdicts.set(program.name, live.verdict)
    }
    return verdicts
  }

  it.each(names)('%s', name => {
    const source = join(selftests, 'progs', `${name}.c`)
    const clangObject = join(folder, `${name}.o`)
    const flags = ['-target', 'bpf', '-g', '-O2', '-mcpu=v3', '-D__TARGET_ARCH_x86', '-DENABLE_ATOMICS_TESTS', '-Wno-everything']
    const made = spawnSync(CLANG, [
      ...flags,
      ...user.map(path => `-I${path}`),
      ...after.flatMap(path => ['-idirafter', path]),
      '-c',
      source,
      '-o',
      clangObject,
    ])
    if (made.status !== 0) return
    const ours = compile(host, source, options, { warnings: ['-Wno-everything'] })
    expect(ours.diagnostics.filter(diagnostic => diagnostic.severity === 'error').map(diagnostic => diagnostic.message)).toEqual(
      [],
    )
    const mine = prepareObject(openObject(ours.object!, `${name}.o`), { kernelBtf })
    const clangs = prepareObject(openObject(readFileSync(clangObject), `${name}.o`), { kernelBtf })
    const [said, base] = [ask(mine), ask(clangs)]
    const lost = [...base.values()].filter(verdict => verdict.accepted && !said.get(verdict.program)?.accepted)
    expect(lost.map(verdict => `${verdict.program}: ${said.get(verdict.program)?.log.slice(-600) ?? 'absent'}`)).toEqual([])

    // Where the kernel's verifier decided, ours may be stricter or not know, but must not accept what it rejects.
    const profile = kernelProfile('6.18')!
    const falseAccepts = [...clangs.programs].filter(program => {
      const kernel = base.get(program.name)!
      return (
        !kernel.accepted && kernel.processed >= 0 && verifyProgram(clangs, program, { kernel: profile }).verdict === 'accepted'
      )
    })
    expect(falseAccepts.map(program => program.name)).toEqual([])
  })
})
