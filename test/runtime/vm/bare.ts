/** Prepared objects made by hand, for tests of the VM that need no object file. */
import { assembleInline } from '../../../assembler/inline-asm.js'
import { Insns } from '../../../assembler/isa/insns.js'
import { type MapDef, mapDef as plainMapDef } from '../../../linker/object/bpf-object.js'
import type { PreparedObject } from '../../../linker/object/prepared.js'
import { markAccepted } from '../../../runtime/kernel/accepted.js'
import { MapType } from '../../../runtime/vm/maps/map.js'
import { Vm, type VmOptions } from '../../../runtime/vm/vm.js'

const descriptors = { valueSize: 4 }
const alone = { keySize: 0 }
const ring = { keySize: 0, valueSize: 0, maxEntries: 4096 }
const storage = { maxEntries: 0, flags: 1 }
const cgroupStorage = { keySize: 8, maxEntries: 0 }

/** What the kernel wants of types that take something else than four elements of eight bytes. */
const SIZES: Readonly<Record<number, Partial<MapDef>>> = {
  [MapType.PROG_ARRAY]: descriptors,
  [MapType.PERF_EVENT_ARRAY]: descriptors,
  [MapType.CGROUP_ARRAY]: descriptors,
  [MapType.ARRAY_OF_MAPS]: descriptors,
  [MapType.HASH_OF_MAPS]: descriptors,
  [MapType.XSKMAP]: descriptors,
  [MapType.LPM_TRIE]: { keySize: 8, flags: 1 },
  [MapType.QUEUE]: alone,
  [MapType.STACK]: alone,
  [MapType.BLOOM_FILTER]: alone,
  [MapType.RINGBUF]: ring,
  [MapType.USER_RINGBUF]: ring,
  [MapType.SK_STORAGE]: storage,
  [MapType.INODE_STORAGE]: storage,
  [MapType.TASK_STORAGE]: storage,
  [MapType.CGRP_STORAGE]: storage,
  [MapType.CGROUP_STORAGE]: cgroupStorage,
  [MapType.PERCPU_CGROUP_STORAGE]: cgroupStorage,
  [MapType.ARENA]: { keySize: 0, valueSize: 0, flags: 0x400 },
}

/** A map of four elements of eight bytes, where its type takes that, unless told otherwise. */
export const mapDef = (def: Partial<MapDef> & { name: string; type: number }): MapDef =>
  plainMapDef({ keySize: 4, valueSize: 8, maxEntries: 4, ...SIZES[def.type], ...def })

/** Pseudo-C to instructions; `NAME ll` is a map of that name, labels and local functions are resolved. */
export function program(text: string, maps: readonly MapDef[] = []): Insns {
  const { items, diagnostics } = assembleInline(text)
  if (diagnostics.length) throw new Error(diagnostics.map(each => each.message).join('; '))
  const labels = new Map<string, number>()
  let slots = 0
  for (const item of items)
    if (item.kind === 'label') labels.set(item.name, slots)
    else slots += item.insn.slots
  const insns = new Insns(slots)
  let slot = 0
  for (const item of items) {
    if (item.kind === 'label') continue
    const { insn, symbol } = item
    let { src, off, imm } = insn
    if (symbol) {
      const label = labels.get(symbol.name)
      const map = maps.findIndex(each => each.name === symbol.name)
      const distance = (label ?? Number.NaN) - slot - 1
      if (symbol.field === 'branch16') off = distance
      else if (symbol.field === 'branch32' || symbol.field === 'call') imm = distance
      else if (label !== undefined) {
        src = 4
        imm = distance
      } else {
        if (map < 0) throw new Error(`no map ${symbol.name}`)
        src = 1
        imm = map
      }
    }
    insns.set(slot, insn.code, insn.dst, src, off, imm)
    if (insn.slots === 2) insns.set(slot + 1, 0, 0, 0, 0, insn.immHigh)
    slot += insn.slots
  }
  return insns
}

export function object(
  programs: Readonly<Record<string, { type?: number; insns: Insns }>>,
  maps: readonly MapDef[] = [],
): PreparedObject {
  return {
    path: 'test',
    license: 'GPL',
    maps,
    btf: undefined,
    kernelBtf: undefined,
    programs: Object.entries(programs).map(([name, { type, insns }]) => ({
      name,
      section: 'test',
      type: type ?? 0,
      expectedAttachType: 0,
      sleepable: false,
      autoload: true,
      flags: 0,
      attachName: '',
      attachBtfId: 0,
      insns,
      functions: [{ name, slot: 0, type: 0, linkage: 1 }],
      lineInfo: [],
      fault: undefined,
    })),
  }
}

/** Marks all programs as if a verifier had accepted them: tests of compiled code go where no verified program does. */
export function accepted(prepared: PreparedObject): PreparedObject {
  for (const each of prepared.programs) markAccepted(prepared, each)
  return prepared
}

/** A VM with one program `main` of pseudo-C, which counts as accepted. */
export function vmOf(text: string, maps: readonly MapDef[] = [], options: VmOptions = {}, type = 0): Vm {
  return new Vm(accepted(object({ main: { type, insns: program(text, maps) } }, maps)), options)
}
