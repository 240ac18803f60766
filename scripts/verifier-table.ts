/**
 * Compares our verifier's verdicts with a kernel's on the old verifier tests, tables of instructions. `verifier-table.c`, compiled
 * in a kernel tree and run on that kernel, writes them as JSON lines; this reads them.
 *
 * usage: node scripts/run-ts.mjs scripts/verifier-table.ts --answers FILE --kernel 6.18 [--btf FILE] [--filter TEXT]
 *        [--list false-accept|false-reject|not-implemented|message|processed|states] [--show NAME] [--log N] [--unsettled 1]
 *        [--unprivileged 1]
 *
 * The answers, with TREE a kernel's sources (disasm.[ch] copied from kernel/bpf beside verifier/tests.h, which includes verifier/*.c):
 *   gcc -w -I. -ITREE/tools/testing/selftests/bpf -ITREE/tools/include -ITREE/tools/include/uapi -o table scripts/verifier-table.c
 *     TREE/tools/testing/selftests/bpf/{cap_helpers,unpriv_helpers,testing_helpers,disasm_helpers}.c disasm.c -lbpf -lelf -lz
 */
import { existsSync, readFileSync } from 'node:fs'
import { Insns } from '../assembler/isa/insns.js'
import { readBtf } from '../linker/btf/btf-file.js'
import { BtfKind } from '../linker/btf/btf-types.js'
import type { MapDef } from '../linker/object/bpf-object.js'
import type { PreparedObject, PreparedProgram } from '../linker/object/prepared.js'
import { NO_PRIVILEGES } from '../runtime/kernel/privileges.js'
import { kernelProfile } from '../runtime/kernel/profile.js'
import { verifyProgram } from '../runtime/verifier/verify.js'
import { messageOf, VerdictTally } from './verdict-tally.js'

interface MapRow {
  readonly type: number
  readonly name: string
  readonly key: number
  readonly value: number
  readonly max: number
  readonly flags: number
  readonly valueType: number
  readonly btf: string | null
  readonly inner: MapRow | null
}
interface Row {
  readonly test: string
  readonly unpriv: boolean
  readonly type: number
  readonly attach: number
  readonly flags: number
  readonly attachBtfId: number
  readonly license: string
  readonly insns: string
  readonly maps: readonly MapRow[]
  readonly btf: string | null
  readonly functions: readonly (readonly [slot: number, type: number])[]
  readonly ok: boolean
  readonly errno: number
  readonly log: string
}

const options = new Map<string, string>()
for (let i = 2; i < process.argv.length; i += 2) options.set(process.argv[i]!.replace(/^--/, ''), process.argv[i + 1] ?? '')
const answersPath = options.get('answers') ?? ''
const btfPath = options.get('btf') ?? '/sys/kernel/btf/vmlinux'
const kernel = kernelProfile(options.get('kernel') ?? '6.18')
if (!kernel || !existsSync(answersPath) || !existsSync(btfPath)) {
  console.error('verifier-table: needs --answers FILE, --kernel, --btf FILE')
  process.exit(2)
}
const kernelBtf = readBtf(new Uint8Array(readFileSync(btfPath)))
const show = options.get('show')
const BPF_F_SLEEPABLE = 1 << 4
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))

const mapDef = (row: MapRow): MapDef => ({
  name: row.name,
  type: row.type,
  keySize: row.key,
  valueSize: row.value,
  maxEntries: row.max,
  flags: row.flags,
  keyType: 0,
  valueType: row.btf ? row.valueType : 0,
  mapExtra: 0n,
  numaNode: 0,
  pinning: 0,
  inner: row.inner ? mapDef(row.inner) : undefined,
  values: [],
  data: undefined,
  structOps: undefined,
})

const tally = new VerdictTally(options.get('list'))
for (const line of readFileSync(answersPath, 'utf8').split('\n')) {
  if (!line.startsWith('{')) continue
  const row = JSON.parse(line) as Row
  if (!row.test.includes(options.get('filter') ?? '') || (show !== undefined && row.test !== show)) continue
  if (row.unpriv !== options.has('unprivileged')) continue
  const processed = /^processed (\d+) insns .* total_states (\d+)/m.exec(row.log)
  if (!row.ok && !processed) continue
  const btfs = [row.btf, ...row.maps.map(map => map.btf)].filter(text => text !== null)
  if (new Set(btfs).size > 1) {
    tally.other(`${row.test}: maps with a BTF of their own`)
    continue
  }
  const btf = btfs[0] ? readBtf(bytes(btfs[0])) : undefined
  const attachType = row.attachBtfId ? kernelBtf.type(row.attachBtfId) : undefined
  const program: PreparedProgram = {
    name: 'prog',
    section: '',
    type: row.type,
    expectedAttachType: row.attach,
    sleepable: (row.flags & BPF_F_SLEEPABLE) !== 0,
    flags: row.flags,
    attachName: attachType && 'name' in attachType ? attachType.name : '',
    attachBtfId: row.attachBtfId,
    insns: Insns.fromBytes(bytes(row.insns)),
    functions: row.functions.map(([slot, id]) => {
      const type = btf?.type(id)
      const func = type?.kind === BtfKind.Func ? type : undefined
      return { name: func?.name ?? '', slot, type: id, linkage: func?.linkage ?? 0 }
    }),
    lineInfo: [],
    autoload: true,
    fault: undefined,
  }
  const object: PreparedObject = {
    path: '',
    license: row.license,
    programs: [program],
    maps: row.maps.map(mapDef),
    btf,
    kernelBtf,
  }
  const started = performance.now()
  try {
    const verdict = verifyProgram(object, program, {
      kernel,
      ...(options.has('unprivileged') && { privileges: NO_PRIVILEGES }),
      unsettled: options.has('unsettled'),
      logLevel: show !== undefined ? Number(options.get('log') ?? 2) : 0,
      limits: { milliseconds: 20000 },
    })
    if (show !== undefined) {
      console.log(`${verdict.log}\n${verdict.verdict} ${verdict.message}`)
      console.log(`kernel: ${row.ok ? 'accepted' : 'rejected'} ${row.log}`)
    }
    tally.add(
      row.test,
      // The verifier said yes; what failed came after it (maps that another program type has taken).
      {
        accepted: row.ok || messageOf(row.log) === '',
        log: row.log,
        processed: Number(processed?.[1]),
        states: Number(processed?.[2]),
        time: 0,
      },
      verdict,
      performance.now() - started,
    )
  } catch (error) {
    tally.other(`${row.test}: ${error instanceof Error ? error.stack : error}`)
  }
}
tally.report(kernel.version)
