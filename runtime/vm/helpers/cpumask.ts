/** Sets of CPUs (kernel/bpf/cpumask.c, 6.12): a bit for each of the machine's CPUs, in memory as the kernel's `struct bpf_cpumask`. */
import { EACCES } from '../errno.js'
import type { Machine } from '../machine.js'
import { defineKfuncs, type Helper } from './table.js'

/** Room for 8192 CPUs, and the count of references behind it. */
const MASK_BYTES = 1024 + 8

const get = (m: Machine, mask: number, cpu: number) => ((m.memory.bytes[mask + (cpu >> 3)]! >> (cpu & 7)) & 1) === 1

function set(m: Machine, mask: number, cpu: number, on: boolean): void {
  const at = mask + (cpu >> 3)
  const bit = 1 << (cpu & 7)
  const { bytes } = m.memory
  bytes[at] = on ? bytes[at]! | bit : bytes[at]! & ~bit
}

const cpus = (m: Machine) => Array.from({ length: m.env.cpus }, (_, cpu) => cpu)

/** The first CPU that fits, or the number of CPUs. */
const first = (m: Machine, fits: (cpu: number) => boolean) => m.ret(cpus(m).find(fits) ?? m.env.cpus)

/** dst = op(a, b); the result says whether anything is in it. */
function combine(m: Machine, result: (a: boolean, b: boolean) => boolean): void {
  const [to, a, b] = [m.u32(1), m.u32(2), m.u32(3)]
  let some = false
  for (const cpu of cpus(m)) {
    const on = result(get(m, a, cpu), get(m, b, cpu))
    set(m, to, cpu, on)
    some ||= on
  }
  m.ret(some ? 1 : 0)
}

const every = (m: Machine, fits: (cpu: number) => boolean) => m.ret(cpus(m).every(fits) ? 1 : 0)

/** Changes a CPU's bit and answers what it was; CPUs that there are not stay 0. */
function change(on: boolean, answers: boolean): Helper {
  return m => {
    const [cpu, mask] = [m.u32(1), m.u32(2)]
    const before = cpu < m.env.cpus && get(m, mask, cpu)
    if (cpu < m.env.cpus) set(m, mask, cpu, on)
    m.ret(answers && before ? 1 : 0)
  }
}

function create(m: Machine): void {
  m.retAddress(m.memory.region('struct bpf_cpumask', MASK_BYTES).start)
}

/** bpf_cpumask_populate(mask, src, size): bits from memory. */
function populate(m: Machine): void {
  const size = m.u32(3)
  const from = m.readable(2, size)
  const needed = Math.ceil(m.env.cpus / 8)
  if (size < needed) m.ret(-EACCES)
  else {
    m.memory.bytes.copyWithin(m.u32(1), from, from + Math.min(size, MASK_BYTES - 8))
    m.ret(0)
  }
}

defineKfuncs({
  bpf_cpumask_create: create,
  bpf_cpumask_acquire: m => m.retAddress(m.u32(1)),
  bpf_cpumask_release: m => m.ret(0),
  bpf_cpumask_first: m => first(m, cpu => get(m, m.u32(1), cpu)),
  bpf_cpumask_first_zero: m => first(m, cpu => !get(m, m.u32(1), cpu)),
  bpf_cpumask_first_and: m => first(m, cpu => get(m, m.u32(1), cpu) && get(m, m.u32(2), cpu)),
  // The kernel spreads these choices over the set; here it is always the first.
  bpf_cpumask_any_distribute: m => first(m, cpu => get(m, m.u32(1), cpu)),
  bpf_cpumask_any_and_distribute: m => first(m, cpu => get(m, m.u32(1), cpu) && get(m, m.u32(2), cpu)),
  bpf_cpumask_set_cpu: change(true, false),
  bpf_cpumask_clear_cpu: change(false, false),
  bpf_cpumask_test_cpu: m => m.ret(m.u32(1) < m.env.cpus && get(m, m.u32(2), m.u32(1)) ? 1 : 0),
  bpf_cpumask_test_and_set_cpu: change(true, true),
  bpf_cpumask_test_and_clear_cpu: change(false, true),
  bpf_cpumask_setall: m => {
    for (const cpu of cpus(m)) set(m, m.u32(1), cpu, true)
    m.ret(0)
  },
  bpf_cpumask_clear: m => {
    for (const cpu of cpus(m)) set(m, m.u32(1), cpu, false)
    m.ret(0)
  },
  bpf_cpumask_and: m => combine(m, (a, b) => a && b),
  bpf_cpumask_or: m => combine(m, (a, b) => a || b),
  bpf_cpumask_xor: m => combine(m, (a, b) => a !== b),
  bpf_cpumask_equal: m => every(m, cpu => get(m, m.u32(1), cpu) === get(m, m.u32(2), cpu)),
  bpf_cpumask_intersects: m => m.ret(cpus(m).some(cpu => get(m, m.u32(1), cpu) && get(m, m.u32(2), cpu)) ? 1 : 0),
  bpf_cpumask_subset: m => every(m, cpu => !get(m, m.u32(1), cpu) || get(m, m.u32(2), cpu)),
  bpf_cpumask_empty: m => every(m, cpu => !get(m, m.u32(1), cpu)),
  bpf_cpumask_full: m => every(m, cpu => get(m, m.u32(1), cpu)),
  bpf_cpumask_copy: m => {
    for (const cpu of cpus(m)) set(m, m.u32(1), cpu, get(m, m.u32(2), cpu))
    m.ret(0)
  },
  bpf_cpumask_weight: m => m.ret(cpus(m).filter(cpu => get(m, m.u32(1), cpu)).length),
  bpf_cpumask_populate: populate,
})
