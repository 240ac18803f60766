/** The fixture objects, a made-up kernel for them, and how a prepared object is written down in the golden files. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatInsn } from '../../../assembler/syntax/pseudo-c.js'
import { BtfBuilder } from '../../../linker/btf/btf-builder.js'
import { BTF_LINKAGE_GLOBAL, BTF_LINKAGE_STATIC } from '../../../linker/btf/btf-types.js'
import { openObject } from '../../../linker/object/open.js'
import type { PreparedObject } from '../../../linker/object/prepared.js'

export const kitchenBytes = (endian: 'el' | 'eb'): Uint8Array =>
  new Uint8Array(readFileSync(join(import.meta.dirname, `fixtures/kitchen.bpf${endian}.o`)))

export const kitchen = (endian: 'el' | 'eb' = 'el') => openObject(kitchenBytes(endian), 'some/folder/kitchen.bpf.o')

/** A kernel with other layouts than the object's; `variant` leaves something out or adds something. */
export function madeUpKernel(variant: { noPort?: boolean; ambiguous?: boolean; noStructOps?: boolean } = {}): BtfBuilder {
  const btf = new BtfBuilder()
  const int = btf.addInt('int', 4, { signed: true })
  const u32 = btf.addInt('unsigned int', 4)
  const u64 = btf.addInt('unsigned long long', 8)
  const char = btf.addInt('char', 1, { char: true, signed: true })
  const inner = btf.addStruct('', 16, [
    { name: 'pad', type: u64, bitOffset: 0 },
    ...(variant.noPort ? [] : [{ name: 'port', type: u64, bitOffset: 64 }]),
  ])
  btf.addStruct('sock_like', 40, [
    { name: '', type: inner, bitOffset: 0 },
    { name: 'state', type: u32, bitOffset: 130, bitSize: 9 },
    { name: 'mark', type: u32, bitOffset: 139, bitSize: 4 },
    { name: 'family', type: int, bitOffset: 192 },
  ])
  if (variant.ambiguous) btf.addStruct('sock_like___other', 8, [{ name: 'port', type: u64, bitOffset: 0 }])
  btf.addEnum('kernel_enum', 4, false, [
    { name: 'KERNEL_B', value: 20n },
    { name: 'KERNEL_C', value: 30n },
  ])
  const proto = btf.addFuncProto(int, [{ name: 'n', type: u32 }])
  btf.addFunc('kernel_function', proto, BTF_LINKAGE_STATIC)
  btf.addVar('typed_symbol', btf.addConst(int), BTF_LINKAGE_GLOBAL)
  btf.addFunc('attach_here', proto, BTF_LINKAGE_STATIC)
  if (variant.noStructOps) return btf
  const ops = btf.addStruct('ops_like', 40, [
    { name: 'owner', type: btf.addPtr(0), bitOffset: 0 },
    { name: 'name', type: btf.addArray(char, int, 8), bitOffset: 64 },
    { name: 'run', type: btf.addPtr(btf.addFuncProto(u64, [{ name: '', type: u32 }])), bitOffset: 128 },
    { name: 'init', type: btf.addPtr(btf.addFuncProto(int, [])), bitOffset: 192 },
    { name: 'flags', type: u32, bitOffset: 256 },
  ])
  btf.addStruct('bpf_struct_ops_ops_like', 128, [
    { name: 'common', type: u64, bitOffset: 0 },
    { name: 'data', type: ops, bitOffset: 512 },
  ])
  return btf
}

/** Programs with their functions and instructions, as text. */
export function writeDown(prepared: PreparedObject): string {
  const lines: string[] = []
  for (const program of prepared.programs) {
    const { name, section, type, expectedAttachType, flags, attachName, attachBtfId, autoload, fault } = program
    lines.push(
      `program ${name}: section ${section}, type ${type}, attach ${expectedAttachType}, flags ${flags}, target ${attachName || '-'} ${attachBtfId}${autoload ? '' : ', not loaded by default'}`,
    )
    if (fault) lines.push(`  fault: ${fault}`)
    const { insns } = program
    for (let slot = 0; slot < insns.length; slot++) {
      for (const fn of program.functions)
        if (fn.slot === slot) lines.push(`  ${fn.name} (linkage ${fn.linkage}, ${fn.type ? 'with' : 'without'} BTF):`)
      const load = insns.code[slot] === 0x18
      const pseudo = insns.src[slot]! > 0 && (load || insns.code[slot] === 0x85) ? `   ; source ${insns.src[slot]}` : ''
      const second = load && pseudo ? `, imm ${insns.imm[slot]} and ${insns.imm[slot + 1]}` : ''
      lines.push(`${String(slot).padStart(6)}: ${formatInsn(insns, slot)}${pseudo}${second}`)
      if (load) slot++
    }
  }
  return `${lines.join('\n')}\n`
}
