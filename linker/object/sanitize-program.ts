/** What libbpf changes in a program for kernels that lack something which another thing stands in for (libbpf 1.5: bpf_object__sanitize_prog, kernel_supports). */
import type { Insns } from '../../assembler/isa/insns.js'
import { BPF_CALL, BPF_JMP } from '../../assembler/isa/opcodes.js'
import type { MapDef } from './bpf-object.js'
import { kernelVersion } from './prepare-options.js'
import { BPF_F_MMAPABLE } from './uapi.js'

/** The kernel that brought each thing. */
const SINCE = {
  expectedAttachType: kernelVersion(4, 17),
  probeReadKernel: kernelVersion(5, 5),
  mmapableArray: kernelVersion(5, 5),
} as const

/** Helpers that read user or kernel memory, and the one for both that was there before: bpf_probe_read and bpf_probe_read_str. */
const PROBE_READS = new Map([
  [112, 4],
  [113, 4],
  [114, 45],
  [115, 45],
])

/** Calls the helpers that a kernel of that version has. Changes `insns`. */
export function sanitizeCalls(insns: Insns, version: number): void {
  if (version >= SINCE.probeReadKernel) return
  for (let slot = 0; slot < insns.length; slot++) {
    if (insns.code[slot] !== (BPF_JMP | BPF_CALL) || insns.src[slot] !== 0) continue
    const older = PROBE_READS.get(insns.imm[slot]!)
    if (older !== undefined) insns.imm[slot] = older
  }
}

/** Maps of global data can be mapped into user space only since 5.5; before, they are plain arrays. */
export const sanitizeMapFlags = (def: MapDef, version: number): MapDef =>
  def.data && def.flags & BPF_F_MMAPABLE && version < SINCE.mmapableArray ? { ...def, flags: def.flags & ~BPF_F_MMAPABLE } : def

/** Whether programs are loaded with the attach type that their section's row calls optional. */
export const knowsAttachTypes = (version: number): boolean => version >= SINCE.expectedAttachType
