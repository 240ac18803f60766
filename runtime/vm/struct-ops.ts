/** Calling the programs of a struct_ops map by the names of the struct's members, as the kernel's subsystem would. */
import { BtfKind } from '../../linker/btf/btf-types.js'
import { skipModifiers } from '../../linker/btf/btf-file.js'
import type { StructOpsMap } from './maps/struct-ops.js'
import type { RunInput, RunResult } from './programs/table.js'
import type { Vm } from './vm.js'

export interface StructOps {
  /** Members that have a program. */
  readonly members: readonly string[]
  /** Calls one. Throws a RangeError where the member has no program. */
  call(member: string, args?: NonNullable<RunInput['args']>): RunResult
}

export function structOps(vm: Vm, map: StructOpsMap): StructOps {
  const byMember = new Map<string, string>()
  for (const { offset, function: program } of map.programs) byMember.set(memberAt(vm, map, offset), program)
  return {
    members: [...byMember.keys()],
    call(member, args = []) {
      const program = byMember.get(member)
      if (program === undefined)
        throw new RangeError(`${map.def.name} has no program for ${member}; it has ${[...byMember.keys()].join(', ')}`)
      return vm.program(program).run({ args })
    },
  }
}

/** The member at an offset: of the kernel's struct, which lies in `struct bpf_struct_ops_NAME` behind the common part, or of the object's. */
function memberAt(vm: Vm, map: StructOpsMap, offset: number): string {
  const { kernel, type: local } = map.def.structOps!
  const btf = kernel ? vm.prepared.kernelBtf! : vm.prepared.btf!
  let { type } = skipModifiers(btf, kernel ? kernel.valueType : local)
  let from = 0
  if (kernel && type.kind === BtfKind.Struct) {
    const data = type.members.find(member => member.name === 'data')
    if (data) {
      from = data.bitOffset / 8
      ;({ type } = skipModifiers(btf, data.type))
    }
  }
  const found = type.kind === BtfKind.Struct && type.members.find(member => member.bitOffset / 8 === offset - from)
  return found ? found.name : `+${offset}`
}
