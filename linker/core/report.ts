/** What every CO-RE relocation of an object becomes on a kernel, for people and for CI. */
import { Insns } from '../../assembler/isa/insns.js'
import type { BpfObject, CoreRelo, ObjectFunction } from '../object/bpf-object.js'
import { CoreFault, describeSpec, describeType } from './access-spec.js'
import { CoreRelocator, type CoreTarget, patchInsn } from './relocate.js'

export const CORE_KIND_NAMES: readonly string[] = [
  'field byte offset',
  'field byte size',
  'field exists',
  'field signed',
  'field left shift',
  'field right shift',
  'local type id',
  'target type id',
  'type exists',
  'type size',
  'enum value exists',
  'enum value',
  'type matches',
]

export interface CoreReportRow {
  readonly function: string
  readonly slot: number
  /** From line info; undefined without. */
  readonly path: string | undefined
  readonly line: number | undefined
  readonly text: string | undefined
  /** One of CORE_KIND_NAMES. */
  readonly kind: string
  /** The access in the object's types: `struct sock.sk_family`. */
  readonly access: string
  readonly original: bigint
  /** What it becomes; undefined where it fails. */
  readonly value: bigint | undefined
  /** `poison`: the program is rejected if the instruction is reached; `fault`: the object does not load. */
  readonly outcome: 'ok' | 'poison' | 'fault'
  /** Why it fails. */
  readonly reason: string
}

/** Rows in the order of functions and instructions. */
export function coreReport(object: BpfObject, target: CoreTarget): CoreReportRow[] {
  const { btf } = object
  if (!btf) return []
  const relocator = new CoreRelocator(btf, target, object.little)
  return [...object.programs, ...object.subprograms].flatMap(fn => {
    const insns = new Insns(fn.insns.length)
    insns.copy(0, fn.insns, 0, fn.insns.length)
    return fn.coreRelos.map((relo): CoreReportRow => {
      const row = {
        ...sourceOf(fn, relo),
        function: fn.name,
        slot: relo.slot,
        kind: CORE_KIND_NAMES[relo.kind] ?? `kind ${relo.kind}`,
      }
      let access = describeType(btf, relo.type)
      let original = 0n
      try {
        const result = relocator.calculate(relo)
        access = describeSpec(result.local, relo.kind)
        original = result.original
        if (!patchInsn(insns, relo.slot, result))
          return { ...row, access, original, value: result.value, outcome: 'ok', reason: '' }
        const reason = result.poison
          ? `the kernel has no ${access}`
          : `${access} has ${result.size} bytes there and not ${result.originalSize}, and is signed or no number: the instruction cannot follow`
        return { ...row, access, original, value: undefined, outcome: 'poison', reason }
      } catch (error) {
        if (!(error instanceof CoreFault)) throw error
        return { ...row, access, original, value: undefined, outcome: 'fault', reason: error.message }
      }
    })
  })
}

/** The source line that an instruction belongs to: the last row at or before it. */
function sourceOf(fn: ObjectFunction, relo: CoreRelo): Pick<CoreReportRow, 'path' | 'line' | 'text'> {
  const row = fn.lineInfo.findLast(info => info.slot <= relo.slot)
  return { path: row?.path, line: row?.line, text: row?.text.trim() }
}
