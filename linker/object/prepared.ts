/**
 * A program as bpf(2) takes it: subprograms appended, CO-RE applied, data sections turned into maps. The verifier, the VM and
 * `runtime/live` all start from here. Nothing in it may be changed by a reader.
 *
 * 64-bit immediate loads in `insns` carry, by their source register:
 * - BPF_PSEUDO_MAP_FD: `imm` is an index into `PreparedObject.maps` (in place of a file descriptor);
 * - BPF_PSEUDO_MAP_VALUE: the same, and the second slot's `imm` is the byte offset in the value;
 * - BPF_PSEUDO_BTF_ID: the id of a variable in the kernel's BTF, the second slot's `imm` being 0 (vmlinux) or a module's number;
 * - BPF_PSEUDO_FUNC: `imm` is the distance in slots to the subprogram, less one, as in a call.
 * Calls: BPF_PSEUDO_CALL with `imm` the distance; BPF_PSEUDO_KFUNC_CALL with `imm` the Func's id in the kernel's BTF and `off` 0
 * (vmlinux); a helper call has source register 0 and the helper's id.
 */
import type { Insns } from '../../assembler/isa/insns.js'
import type { BtfId, BtfSet } from '../btf/btf-types.js'
import type { LineInfo, MapDef } from './bpf-object.js'

export interface PreparedFunction {
  readonly name: string
  /** First slot. */
  readonly slot: number
  /** Func type in the object's BTF; 0 without BTF. */
  readonly type: BtfId
  /** BTF linkage (static 0, global 1); global subprograms are verified on their own. */
  readonly linkage: number
}

export interface PreparedProgram {
  readonly name: string
  readonly section: string
  /** `enum bpf_prog_type`, from the section name. */
  readonly type: number
  /** `enum bpf_attach_type`; 0 where the type has none. */
  readonly expectedAttachType: number
  /** From a section suffix `.s`. */
  readonly sleepable: boolean
  /** BPF_F_* of BPF_PROG_LOAD: sleepable, XDP frags. */
  readonly flags: number
  /** For programs that attach to a BTF type: its name (`do_unlinkat`, `sched_switch`, `file_open`) and its id in the kernel's BTF, 0 if absent. */
  readonly attachName: string
  readonly attachBtfId: BtfId
  readonly insns: Insns
  /** By slot; the program itself first, then its subprograms as they were appended. */
  readonly functions: readonly PreparedFunction[]
  readonly lineInfo: readonly LineInfo[]
  /** False for a section `?…`: libbpf leaves it out unless told otherwise. */
  readonly autoload: boolean
  /** Why it cannot be loaded on this kernel, found before any verifier runs (a failed CO-RE relocation poisons the instruction instead). */
  readonly fault: string | undefined
}

export interface PreparedObject {
  readonly path: string
  readonly license: string
  readonly programs: readonly PreparedProgram[]
  readonly maps: readonly MapDef[]
  readonly btf: BtfSet | undefined
  /** The kernel's BTF it was prepared for; undefined when none was given. */
  readonly kernelBtf: BtfSet | undefined
  /** KERNEL_VERSION to load with: of the object's `version` section, else of the kernel it was prepared for. Kernels before 5.0 ask for it. */
  readonly kernelVersion?: number
}
