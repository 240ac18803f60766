/** What is taken must be given back. */
import { isName } from '../c-text.js'
import { hint, type RejectionClass } from '../rejection-class.js'
import type { Story } from '../story.js'

/** Which function gives back what another one took. */
const releases: Readonly<Record<string, string>> = {
  bpf_sk_lookup_tcp: 'bpf_sk_release',
  bpf_sk_lookup_udp: 'bpf_sk_release',
  bpf_skc_lookup_tcp: 'bpf_sk_release',
  bpf_ringbuf_reserve: 'bpf_ringbuf_discard',
  bpf_ringbuf_reserve_dynptr: 'bpf_ringbuf_discard_dynptr',
  bpf_obj_new_impl: 'bpf_obj_drop',
  bpf_task_acquire: 'bpf_task_release',
  bpf_task_from_pid: 'bpf_task_release',
  bpf_task_from_vpid: 'bpf_task_release',
  bpf_cgroup_acquire: 'bpf_cgroup_release',
  bpf_cgroup_from_id: 'bpf_cgroup_release',
  bpf_cgroup_ancestor: 'bpf_cgroup_release',
  bpf_cpumask_create: 'bpf_cpumask_release',
  bpf_cpumask_acquire: 'bpf_cpumask_release',
  bpf_kptr_xchg: 'the release function of its type',
}

function leak(story: Story, alloc: number) {
  const taker = story.calleeAt(alloc)
  const place = story.place(alloc)
  const at = story.trace.steps.findLastIndex(step => step.slot === alloc)
  const origin = at >= 0 ? story.originAt('R0', at + 1) : undefined
  const name = origin?.name !== undefined && isName(origin.name) ? origin.name : undefined
  const release = taker ? releases[taker] : undefined
  const call = release?.startsWith('bpf_')
    ? `${release}(${release.startsWith('bpf_ringbuf_discard') ? `${name ?? 'record'}, 0` : (name ?? 'pointer')});`
    : undefined
  return {
    message: `${name ? `\`${name}\`` : 'what was taken'}${taker ? `, taken by \`${taker}\`,` : ''} is not given back on this path`,
    label: 'the path ends here, still holding it',
    notes: [
      ...(place ? [{ place, text: `taken here${name ? ` into \`${name}\`` : ''}` }] : []),
      ...(origin?.notes.slice(1) ?? []),
    ],
    hint: call ? hint('give it back on every path, also before an early return', call) : hint('give it back on every path'),
  }
}

export const references: readonly RejectionClass[] = [
  {
    code: 'V0501',
    pattern: /^Unreleased reference id=\d+ alloc_insn=(\d+)/,
    explain: (found, story) => leak(story, Number(found[1])),
  },
  {
    code: 'V0502',
    pattern:
      /^(?:arg (\d+) is an unacquired reference|R(\d+) must be referenced when passed to release function|func \S+ reference has not been acquired before|release kernel function \S+ expects refcounted PTR_TO_BTF_ID)/,
    explain: (found, story) => {
      const regno = Number(found[1] ?? found[2] ?? 1)
      return {
        message: `\`${story.callee ?? 'this call'}\` gives back something that this program does not hold`,
        label: story.argument(regno)
          ? `\`${story.argument(regno)}\` was not acquired, or given back before`
          : 'nothing to give back',
        notes: story.origin(regno).notes,
        hint: hint('release only what an acquiring function gave, once'),
      }
    },
  },
]
