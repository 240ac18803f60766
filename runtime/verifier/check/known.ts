/** What a kernel is too old for, said before the program is looked at: types of programs, attach points and maps, sleeping. */
import { AttachType, BPF_F_SLEEPABLE, MapType } from '../../../linker/object/uapi.js'
import { attachTypeMissing, mapTypeSince } from '../../kernel/first-versions.js'
import { versionAtLeast } from '../../kernel/profile.js'
import type { Env } from '../env.js'

const nameOf = (numbers: Readonly<Record<string, number>>, value: number): string =>
  Object.entries(numbers)
    .find(([, number]) => number === value)?.[0]
    .toLowerCase() ?? String(value)

/** Refuses what bpf(2) refuses without a word of its own; the words are ours. Maps of the whole object count: without them nothing loads. */
export function checkKnown(env: Env): void {
  const { kernel, program, progType, object } = env
  const lacks = (what: string, since: string): never =>
    env.reject(`Linux ${kernel.version} has no ${what}: they came with ${since}`)
  if (!versionAtLeast(kernel.version, progType.since)) lacks(`programs of type ${progType.name}`, progType.since)
  const attachSince = attachTypeMissing(kernel.version, program.type, program.expectedAttachType)
  if (attachSince) lacks(`programs for ${nameOf(AttachType, program.expectedAttachType)}`, attachSince)
  if ((program.flags & BPF_F_SLEEPABLE) !== 0 && !kernel.sleepablePrograms) lacks('sleepable programs', '5.10')
  for (const map of object.maps) {
    const since = mapTypeSince.get(map.type)
    if (since && !versionAtLeast(kernel.version, since)) lacks(`maps of type ${nameOf(MapType, map.type)} ('${map.name}')`, since)
  }
}
