/** The running kernel's own verifier on the examples: loaded, never attached. Skips, and says so, where it may not be asked. */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { compileSource, defaultOptions, MemoryHost, openObject, prepareObject, readBtf } from '../../index.js'
import { loadProgram } from '../../runtime/live/load-object.js'
import { native } from '../../runtime/live/native.js'

const root = resolve(import.meta.dirname, '../..')
const BTF = '/sys/kernel/btf/vmlinux'
const examples = [
  'xdp-firewall/xdp_firewall',
  'pod-netstat/pod_netstat',
  'tcp-connect/tcp_connect',
  'exec-audit/exec_audit',
  'service-lb/service_lb',
  'network-policy/network_policy',
  'syscall-latency/syscall_latency',
  'http-metrics/http_metrics',
  'file-guard/file_guard',
  'sidecarless-proxy/sidecarless_proxy',
]

/** Loaded where CONFIG_BPF_LSM is set: Debian's 6.12 takes it, many cloud kernels do not. */
const needsBpfLsm = ['file-guard/file_guard']

/** Why the kernel cannot be asked here; undefined where it can. */
function reason(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs Linux and root'
  if (!existsSync(BTF)) return 'this kernel has no BTF'
  try {
    native()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

const why = reason()
if (why) console.log(`kernel tests are skipped: ${why}`)

describe.skipIf(why)('the running kernel accepts', () => {
  it.for(examples)('%s', (path, { skip }) => {
    const kernelBtf = readBtf(readFileSync(BTF))
    const name = `${path.split('/')[1]}.bpf.c`
    const made = compileSource(
      new MemoryHost({ [name]: readFileSync(join(root, 'examples', `${path}.bpf.c`)) }),
      name,
      defaultOptions(kernelBtf),
    )
    expect(made.diagnostics).toEqual([])
    const prepared = prepareObject(openObject(made.object!, name), { kernelBtf })
    for (const program of prepared.programs) {
      const live = loadProgram(prepared, program)
      live.close()
      // A kernel without the program type refuses before its verifier says a word.
      if (needsBpfLsm.includes(path) && !live.verdict.accepted && live.verdict.log === '') skip('this kernel has no BPF LSM')
      expect(live.verdict.accepted, `${program.name}: ${live.verdict.before ?? ''}\n${live.verdict.log.slice(-2000)}`).toBe(true)
    }
  })
})
