/**
 * What a kernel is too old for, or what the loader lacks a capability for, said before the program is looked at: types of programs, attach
 * points and maps, sleeping.
 */
import * as op from '../../../assembler/isa/opcodes.js'
import { AttachType, BPF_F_SLEEPABLE, MapType, ProgType } from '../../../linker/object/uapi.js'
import { attachTypeMissing, mapTypeSince } from '../../kernel/first-versions.js'
import { kfuncAbsent } from '../../kernel/kfuncs.js'
import { mapTypeNeeds, progTypeNeeds, UNPRIVILEGED_INSNS } from '../../kernel/privileges.js'
import { type KernelRuleName, kernelRules, versionAtLeast } from '../../kernel/profile.js'
import type { Env } from '../env.js'
import { isSyncCallbackCall, kfuncAt } from '../explore/callbacks.js'

const EPERM = 1
const E2BIG = 7

const nameOf = (numbers: Readonly<Record<string, number>>, value: number): string =>
  Object.entries(numbers)
    .find(([, number]) => number === value)?.[0]
    .toLowerCase() ?? String(value)

/** Refuses what bpf(2) refuses without a word of its own; the words are ours. Maps of the whole object count: without them nothing loads. */
export function checkKnown(env: Env): void {
  const { kernel, program, progType, object } = env
  const lacks = (what: string, since: string): never =>
    env.reject(`Linux ${kernel.version} has no ${what}: they came with ${since}`)
  const lacksOf = (rule: KernelRuleName, what: string) => {
    if (!kernel[rule]) lacks(what, kernelRules[rule].since)
  }
  if (!versionAtLeast(kernel.version, progType.since)) lacks(`programs of type ${progType.name}`, progType.since)
  const attachSince = attachTypeMissing(kernel.version, program.type, program.expectedAttachType)
  if (attachSince) lacks(`programs for ${nameOf(AttachType, program.expectedAttachType)}`, attachSince)
  if (program.sleepable || (program.flags & BPF_F_SLEEPABLE) !== 0) lacksOf('sleepablePrograms', 'sleepable programs')
  const missing = progTypeNeeds(program.type, env.privileges)
  if (missing) env.reject(`programs of type ${progType.name} need ${missing}`, EPERM)
  if (!env.capable && env.insns.length > UNPRIVILEGED_INSNS)
    env.reject(`programs of more than ${UNPRIVILEGED_INSNS} instructions need CAP_BPF`, E2BIG)
  for (const map of object.maps) {
    const needs = mapTypeNeeds(map.type, env.privileges)
    if (needs) env.reject(`maps of type ${nameOf(MapType, map.type)} ('${map.name}') need ${needs}`, EPERM)
    const since = mapTypeSince.get(map.type)
    if (since && !versionAtLeast(kernel.version, since)) lacks(`maps of type ${nameOf(MapType, map.type)} ('${map.name}')`, since)
  }
  const { insns } = env
  for (let slot = 0; slot < insns.length; slot++) {
    const code = insns.code[slot]!
    const src = insns.src[slot]!
    if (code === CALL && src === op.BPF_PSEUDO_KFUNC_CALL) {
      lacksOf('kfuncs', 'calls of kernel functions')
      const name = kfuncAt(env, slot)
      if (name && kfuncAbsent(kernel, name)) env.reject(`Linux ${kernel.version} has no kernel function ${name}: it came later`)
    }
    if (code === LD_IMM64 && src === op.BPF_PSEUDO_FUNC)
      lacksOf('functionPointers', 'addresses of functions, which callbacks need')
    if (code === LD_IMM64 && src === op.BPF_PSEUDO_BTF_ID) lacksOf('kernelVariables', 'addresses of kernel variables')
    if ((code & 7) === op.BPF_STX && (code & 0xe0) === op.BPF_ATOMIC && insns.imm[slot] !== op.BPF_ADD)
      lacksOf('atomics', 'atomic operations but addition without its result')
  }
}

const CALL = op.BPF_JMP | op.BPF_CALL
const LD_IMM64 = op.BPF_LD | op.BPF_IMM | op.BPF_DW

/**
 * What of an accepted program the tables do not decide for a kernel that is known by documentation only: features whose rules changed
 * between the versions that were read. Undefined where there is nothing of the kind.
 */
export function undecided(env: Env): string | undefined {
  const { kernel, program, insns } = env
  const by = (what: string) => `${what} by the rules of Linux ${kernel.version}`
  const { type } = program
  if (type === ProgType.TRACING || type === ProgType.LSM || type === ProgType.STRUCT_OPS || env.extended)
    return by(`programs of type ${env.extended ? 'ext' : env.progType.name}`)
  for (let slot = 0; slot < insns.length; slot++) {
    const code = insns.code[slot]!
    if (!env.seen[slot]) continue
    if (kfuncAt(env, slot)) return by('calls of kernel functions')
    if (code === LD_IMM64 && insns.src[slot] === op.BPF_PSEUDO_BTF_ID) return by('kernel variables')
    // Stable updates of 6.6 walk callbacks in another way than its first release.
    if (isSyncCallbackCall(env, slot) && kernel.equalityByContent && !kernel.callbackLoops) return by('callbacks')
    const kind = code & 7
    if (
      !kernel.subregBounds &&
      (kind === op.BPF_ALU || kind === op.BPF_JMP32) &&
      (code & 0xf0) !== op.BPF_END &&
      (code & 0xf0) !== op.BPF_MOV
    )
      return by('32-bit arithmetic')
  }
  return undefined
}
