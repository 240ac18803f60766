import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DiagnosticSink } from '../../../base/diagnostics.js'
import { LayeredHost, MemoryHost } from '../../../base/host.js'
import { SourceSet } from '../../../base/source.js'
import { shippedDirectories, shippedHeaders } from '../../../compiler/include/shipped-headers.js'
import { preprocess } from '../../../compiler/preprocessor/preprocess.js'
import { TokenKind } from '../../../compiler/preprocessor/tokens.js'
import { defaults } from '../preprocessor/harness.js'

const folder = join(import.meta.dirname, '../../../compiler/include/headers')

function* files(path: string): Generator<string> {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) yield* files(join(path, entry.name))
    else yield relative(folder, join(path, entry.name))
  }
}

function run(text: string, predefines: readonly string[] = ['__TARGET_ARCH_x86'], big = false) {
  const sink = new DiagnosticSink(0)
  const result = preprocess(
    new LayeredHost([new MemoryHost({ '/m.c': text }), shippedHeaders()]),
    '/m.c',
    {
      ...defaults,
      target: { cpu: 'v3', little: !big },
      predefines: predefines.map(define => ({ kind: 'define', text: define })),
      includes: { quote: [], user: [], system: [], standard: [shippedDirectories.own], after: [shippedDirectories.system] },
    },
    new SourceSet(),
    sink,
    { lazyFrom: Number.POSITIVE_INFINITY },
  )
  const { tokens, names } = result
  const words: string[] = []
  for (let i = 0; i < tokens.count && tokens.kind[i] !== TokenKind.End; i++) words.push(names.text(tokens.atom[i]!))
  return { words, problems: sink.all.map(({ code, message }) => `${code}: ${message}`), result }
}

const all = [...files(folder)].map(path => path.replaceAll('\\', '/')).sort()

describe('shipped headers', () => {
  it('are what the module holds (node scripts/gen-headers.mjs)', () => {
    const host = shippedHeaders()
    for (const path of all)
      expect(new TextDecoder().decode(host.read(`<bpfc>/${path}`)), path).toBe(readFileSync(join(folder, path), 'utf8'))
    expect(host.exists('<bpfc>/system/bpf/bpf_helpers.h')).toBe(true)
    expect(host.exists('<bpfc>/system/none.h')).toBe(false)
    expect(host.read('/m.c')).toBeUndefined()
  })

  it.each(all)('%s preprocesses, alone and twice', path => {
    const name = path.replace(/^(?:own|system)\//, '')
    for (const big of [false, true]) {
      const { problems, words } = run(`#include <${name}>\n#include <${name}>\n`, ['__TARGET_ARCH_x86'], big)
      expect(problems).toEqual([])
      expect(words.filter(word => word === '{').length).toBe(words.filter(word => word === '}').length)
    }
  })

  it.each(['x86', 's390', 'arm', 'arm64', 'mips', 'powerpc', 'sparc', 'riscv', 'arc', 'loongarch'])(
    'knows the registers of %s',
    arch => {
      const { words, problems } = run('#include <bpf/bpf_tracing.h>\nend PT_REGS_PARM1(c) PT_REGS_RC(c)', [
        `__TARGET_ARCH_${arch}`,
      ])
      expect(problems).toEqual([])
      expect(words.slice(words.lastIndexOf('end'))).not.toContain('__unsupported__')
    },
  )

  it('asks for a machine where registers are used without one', () => {
    const { problems } = run('#include <bpf/bpf_tracing.h>\nPT_REGS_PARM1(c)', [])
    expect(problems).toEqual(['P0066: Must specify a BPF target arch via __TARGET_ARCH_xxx'])
  })

  it('defines the macros that programs use', () => {
    const { result } = run(
      '#include <linux/bpf.h>\n#include <bpf/bpf_tracing.h>\n#include <bpf/usdt.bpf.h>\n#include <bpf/bpf_core_read.h>\n#include <bpf/bpf_endian.h>',
    )
    const missing =
      'SEC __uint __type __array __ulong __always_inline __noinline __weak __hidden __kconfig __ksym __kptr __kptr_untrusted __percpu_kptr __arg_ctx __arg_nonnull __arg_nullable __arg_trusted __arg_arena bpf_printk bpf_for bpf_for_each bpf_repeat barrier barrier_var BPF_SNPRINTF BPF_SEQ_PRINTF bpf_ksym_exists container_of offsetof NULL PT_REGS_PARM1_CORE PT_REGS_PARM6_SYSCALL PT_REGS_IP BPF_PROG BPF_PROG2 BPF_KPROBE BPF_KRETPROBE BPF_KSYSCALL BPF_UPROBE BPF_URETPROBE BPF_USDT BPF_CORE_READ BPF_CORE_READ_INTO BPF_CORE_READ_STR_INTO BPF_CORE_READ_USER BPF_PROBE_READ BPF_PROBE_READ_USER_INTO BPF_CORE_READ_BITFIELD BPF_CORE_READ_BITFIELD_PROBED BPF_CORE_WRITE_BITFIELD bpf_core_field_exists bpf_core_field_size bpf_core_field_offset bpf_core_type_exists bpf_core_type_matches bpf_core_type_size bpf_core_type_id_local bpf_core_type_id_kernel bpf_core_enum_value bpf_core_enum_value_exists bpf_core_read bpf_core_cast bpf_htons bpf_ntohl bpf_cpu_to_be64'
        .split(' ')
        .filter(name => !result.macros.get(result.names.intern(name)))
    expect(missing).toEqual([])
  })
})
