/**
 * The VM against the running kernel: every program that BPF_PROG_TEST_RUN takes runs in both on the same packets, and gives the same answer, packet
 * and map contents, on the interpreter and on the WebAssembly engine. A difference of a program that asks for what belongs to the machine (time, task,
 * random numbers…) is counted apart and names what it asks.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { BPF_PSEUDO_KFUNC_CALL, BPF_PSEUDO_MAP_FD } from '../../assembler/isa/opcodes.js'
import { BtfKind } from '../../linker/btf/btf-types.js'
import { readBtf } from '../../linker/btf/btf-file.js'
import type { MapDef } from '../../linker/object/bpf-object.js'
import { openObject } from '../../linker/object/open.js'
import { prepareObject } from '../../linker/object/prepare.js'
import type { PreparedObject, PreparedProgram } from '../../linker/object/prepared.js'
import { ProgType } from '../../linker/object/uapi.js'
import { helperNames } from '../../runtime/kernel/helper-names.js'
import { asLoaded, mapCreationErrno } from '../../runtime/kernel/map-creation.js'
import { mapLookup, mapNextKey, type TestRunResult } from '../../runtime/live/bpf-syscall.js'
import { errnoName, type LiveProgram, loadProgram } from '../../runtime/live/load-object.js'
import { MapType } from '../../runtime/vm/maps/map.js'
import { packet } from '../../runtime/vm/packets/build.js'
import { Vm } from '../../runtime/vm/vm.js'

const hex = (bytes: Uint8Array) => Buffer.from(bytes.subarray(0, 32)).toString('hex')

/** Types that test runs take with nothing but a packet; syscall programs take a context of bytes. */
const types: ReadonlySet<number> = new Set([
  ProgType.SOCKET_FILTER,
  ProgType.SCHED_CLS,
  ProgType.SCHED_ACT,
  ProgType.XDP,
  ProgType.CGROUP_SKB,
  ProgType.LWT_IN,
  ProgType.LWT_OUT,
  ProgType.LWT_XMIT,
  ProgType.FLOW_DISSECTOR,
  ProgType.NETFILTER,
  ProgType.SYSCALL,
])

/** Helpers whose answer is the machine's, not the program's. */
const machineHelpers =
  /^(ktime|jiffies|get_(prandom|smp|numa|current|cgroup|socket|task|ns_current|stack|hash_recalc|netns)|probe_read|per_cpu|this_cpu|redirect|fib_lookup|sk_|skc_|skb_(cgroup|ecn|under)|sys_|tcp_|snprintf_btf|perf_|check_mtu|clone_redirect|set_hash|timer|kallsyms|send_signal|trace_|override|get_func|current_task)/

/** What changes the machine that it is judged on: bpf(2) and file descriptors from within programs, and a crash. */
const acting = /^(sys_bpf|sys_close|crash_kexec)$/

/** The context of syscall programs: more than they read. */
const SYSCALL_CONTEXT = new Uint8Array(256)

/** Programs that see the packet from its Ethernet header on; for the others a test run hands that header back as zeros (bpf_prog_test_run_skb). */
const withHeader: ReadonlySet<number> = new Set([ProgType.SCHED_CLS, ProgType.SCHED_ACT, ProgType.XDP])
const ETH_HLEN = 14

const BPF_LD_IMM64 = 0x18

const compared: ReadonlySet<number> = new Set([MapType.ARRAY, MapType.HASH, MapType.LRU_HASH])

const inputs: readonly Uint8Array[] = [
  packet.tcp({ src: '192.0.2.7', dst: '198.51.100.1', sport: 40000, dport: 80, payload: new Uint8Array(40).map((_, i) => i) }),
  packet.udp({ src: '2001:db8::7', dst: '2001:db8::1', sport: 5353, dport: 53, payload: new Uint8Array(100).fill(0x41) }),
  new Uint8Array(64),
]

/** What came of each program, by kind: `same`, `differs`, `machine`, `vm`, `fault`, `kernel`, `not loaded`, `object`, `slots`. */
export type Tally = Map<string, string[]>

/** Judges all programs of a folder's objects whose names contain a text. */
export function judgeFolder(folder: string, filter = ''): Tally {
  const tally: Tally = new Map()
  const count: Count = (what, line) => {
    const known = tally.get(what)
    if (known) known.push(line)
    else tally.set(what, [line])
  }
  const kernelBtf = readBtf(readFileSync('/sys/kernel/btf/vmlinux'))
  for (const file of readdirSync(folder)
    .filter(name => name.endsWith('.o') && name.includes(filter))
    .sort()) {
    let prepared: PreparedObject
    try {
      prepared = prepareObject(openObject(readFileSync(join(folder, file)), file, { anyLoader: true }), {
        kernelBtf,
        anyLoader: true,
      })
    } catch (error) {
      count('object', `${file} ${(error as Error).message}`)
      continue
    }
    const refused = prepared.maps.find(def => mapCreationErrno(asLoaded(def, 1)) !== 0)
    if (refused) {
      count('object', `${file} map ${refused.name} is not made, by the kernel either`)
      continue
    }
    for (const program of prepared.programs)
      if (types.has(program.type) && !program.fault && !calledNames(prepared, program).some(name => acting.test(name))) {
        const unfilled = slotMaps(prepared, program)
        if (unfilled.length > 0) count('slots', `${file}:${program.name} ${unfilled.join(' ')}`)
        else judge(file, prepared, program, count)
      }
  }
  return tally
}

type Count = (what: string, line: string) => void

/** Maps of a program that a loader fills with programs or maps, which loading one program alone does not do. */
export function slotMaps(prepared: PreparedObject, { insns }: PreparedProgram): string[] {
  const used = new Set<string>()
  for (let slot = 0; slot < insns.length; slot++)
    if (insns.code[slot] === BPF_LD_IMM64) {
      const def = insns.src[slot] === BPF_PSEUDO_MAP_FD ? prepared.maps[insns.imm[slot]!] : undefined
      if (def && def.values.length > 0) used.add(def.name)
      slot++
    }
  return [...used]
}

function judge(file: string, prepared: PreparedObject, program: PreparedProgram, count: Count): void {
  const name = `${file}:${program.name}`
  const isSyscall = program.type === ProgType.SYSCALL
  const isNetfilter = program.type === ProgType.NETFILTER
  // A netfilter test run takes IPv4 without an Ethernet header, and hands no packet back.
  const given = isSyscall ? [SYSCALL_CONTEXT] : isNetfilter ? inputs.slice(0, 1) : inputs
  for (const [number, input] of given.entries()) {
    // Fresh maps for each input, as the VM has them.
    const live = loadProgram(prepared, program)
    try {
      if (live.fd < 0) {
        count('not loaded', name)
        return
      }
      const theirs = live.run(
        isSyscall
          ? { context: input }
          : isNetfilter
            ? { data: input.subarray(ETH_HLEN) }
            : { data: input, dataOutSize: input.length + 4096 },
      )
      if (theirs.error !== 0) {
        count('kernel', `${name} ${errnoName(-theirs.error)}`)
        return
      }
      const differences: string[] = []
      for (const engine of ['checked', 'compiled'] as const) {
        const outcome = difference(prepared, program, live, theirs, input, engine)
        if (outcome) differences.push(outcome)
      }
      if (differences.length === 0) continue
      const asked = machineCalls(program)
      const line = `${name} input ${number}: ${[...new Set(differences)].join('; ')}`
      const kind = /^not implemented/.test(differences[0]!) ? 'vm' : /^fault/.test(differences[0]!) ? 'fault' : 'differs'
      if (kind !== 'vm' && asked.length > 0) count('machine', `${line} [${asked.join(' ')}]`)
      else count(kind, line)
      return
    } finally {
      live.close()
    }
  }
  count('same', name)
}

function difference(
  prepared: PreparedObject,
  program: PreparedProgram,
  live: LiveProgram,
  theirs: TestRunResult,
  input: Uint8Array,
  engine: 'checked' | 'compiled',
): string | undefined {
  const vm = new Vm(prepared, { engine })
  // A test run's packets come from the loopback device.
  vm.env.devices.set(1, { mtu: 65536 })
  try {
    const isSyscall = program.type === ProgType.SYSCALL
    const ours = vm.program(program.name).run(isSyscall ? { ctx: input } : { packet: input })
    if (ours.fault) return `fault: ${ours.fault.message} at ${ours.fault.slot}`
    if (ours.retval >>> 0 !== theirs.retval >>> 0) return `${engine} returns ${ours.retval}, the kernel ${theirs.retval | 0}`
    const seen = (bytes: Uint8Array) => (withHeader.has(program.type) ? bytes : bytes.subarray(ETH_HLEN))
    const packetAfter = ours.packet && Buffer.concat([ours.metadata ?? new Uint8Array(0), ours.packet])
    if (isSyscall && Buffer.compare(ours.ctx, theirs.context) !== 0)
      return `${engine}: another context${firstDifference(ours.ctx, theirs.context)}`
    if (packetAfter && program.type !== ProgType.NETFILTER && Buffer.compare(seen(packetAfter), seen(theirs.data)) !== 0)
      return `${engine}: packet of ${packetAfter.length} bytes, the kernel's has ${theirs.data.length}${firstDifference(seen(packetAfter), seen(theirs.data))}`
    for (const [index, def] of prepared.maps.entries()) {
      const fd = live.maps[index]!
      if (fd < 0 || !compared.has(def.type)) continue
      const outcome = mapDifference(vm, def, fd)
      if (outcome) return `${engine}: ${outcome}`
    }
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

function firstDifference(a: Uint8Array, b: Uint8Array): string {
  const at = a.findIndex((byte, i) => byte !== b[i])
  return at < 0 || at >= b.length ? '' : `, byte ${at} is ${a[at]} and ${b[at]}`
}

function mapDifference(vm: Vm, def: MapDef, fd: number): string | undefined {
  const ours = vm.maps[def.name]!
  let keys = 0
  for (
    let key = mapNextKey(fd, undefined, def.keySize);
    typeof key !== 'number' && keys < 4096;
    key = mapNextKey(fd, key, def.keySize)
  ) {
    keys++
    const theirs = mapLookup(fd, key, def.valueSize)
    const own = ours.get(key)
    if (typeof theirs === 'number') continue
    if (!own) return `map ${def.name} has no key ${hex(key)}`
    if (Buffer.compare(own, theirs) !== 0) {
      const at = own.findIndex((byte, i) => byte !== theirs[i])
      return `map ${def.name}[${hex(key)}] at byte ${at}: ${hex(own.subarray(at))}, the kernel ${hex(theirs.subarray(at))}`
    }
  }
  const own = [...ours.keys()].length
  return own === keys || keys === 4096 ? undefined : `map ${def.name} has ${own} keys, the kernel's ${keys}`
}

/** Names of the helpers and of the kernel's kfuncs that a program calls. */
function calledNames({ kernelBtf }: PreparedObject, { insns }: PreparedProgram): string[] {
  const names: string[] = []
  for (let slot = 0; slot < insns.length; slot++) {
    if (insns.code[slot] !== 0x85) continue
    const imm = insns.imm[slot]!
    if (insns.src[slot] === 0) names.push(helperNames[imm] ?? '')
    else if (insns.src[slot] === BPF_PSEUDO_KFUNC_CALL && insns.off[slot] === 0) {
      const type = kernelBtf?.type(imm)
      if (type?.kind === BtfKind.Func) names.push(type.name)
    }
  }
  return names
}

function machineCalls({ insns }: PreparedProgram): string[] {
  const asked = new Set<string>()
  for (let slot = 0; slot < insns.length; slot++) {
    if (insns.code[slot] !== 0x85) continue
    if (insns.src[slot] === BPF_PSEUDO_KFUNC_CALL) asked.add('kfunc')
    else if (insns.src[slot] === 0) {
      const helper = helperNames[insns.imm[slot]!] ?? ''
      if (machineHelpers.test(helper)) asked.add(helper)
    }
  }
  return [...asked]
}
