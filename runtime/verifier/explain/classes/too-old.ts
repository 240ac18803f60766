/** What a kernel is too old for; the words are ours, since bpf(2) refuses it with none. */
import { hint, type RejectionClass } from '../rejection-class.js'

/** What to write instead, by what is missing. */
const instead: readonly (readonly [what: RegExp, text: string])[] = [
  [/^maps of type ringbuf /, 'use a perf event array (BPF_MAP_TYPE_PERF_EVENT_ARRAY and bpf_perf_event_output) there'],
  [/^maps of type bloom_filter /, 'use a hash map there'],
  [/^maps of type (task|inode|cgrp|sk)_storage /, 'use a hash map with the id of the object as its key there'],
  [/^atomic operations/, 'compile for an older instruction set (-mcpu=v2), or use a spin lock or a per-CPU map'],
  [/^addresses of functions/, 'write the loop out (`for` with a constant bound) there, instead of a callback'],
  [/^programs for (trace_fentry|trace_fexit)/, 'use a kprobe or kretprobe there'],
]

export const tooOld: readonly RejectionClass[] = [
  {
    code: 'V1301',
    pattern: /^Linux ([\d.]+) has no (.*?): (?:they|it) came (?:with ([\d.]+)|later)$/,
    explain: found => ({
      message: `${found[2]!.replace(/^./, c => c.toUpperCase())} ${/^kernel function/.test(found[2]!) ? 'is' : 'are'} not in Linux ${found[1]}${found[3] ? `, but since ${found[3]}` : ''}`,
      hint: hint(
        instead.find(([what]) => what.test(found[2]!))?.[1] ?? `do without it, or leave ${found[1]} out of \`--kernel\``,
      ),
    }),
  },
]
