/**
 * Timers and work queues in map values (kernel/bpf/helpers.c, bpf_timer_* and bpf_wq_*). They fire when the test advances the clock,
 * work that was queued also when it advances by nothing.
 */
import { EBUSY, EINVAL } from '../errno.js'
import { execute } from '../interpreter.js'
import type { Machine } from '../machine.js'
import type { VmMap } from '../maps/map.js'
import { FUNC_HANDLE, HANDLE_STEP, MAP_HANDLE } from '../memory.js'
import type { ProgramImage } from '../program-image.js'
import { defineHelpers, defineKfuncs } from './table.js'

export interface Timer {
  readonly map: VmMap
  callback: { readonly image: ProgramImage; readonly slot: number } | undefined
  /** When it fires; undefined while it is not armed. */
  due: bigint | undefined
  /** Work of a task: done once, then it may be scheduled anew. */
  readonly once?: true
}

const BPF_F_TIMER_ABS = 1n

defineHelpers([
  {
    id: 169,
    name: 'bpf_timer_init',
    run: m => {
      const at = m.writable(1, 16)
      if (m.timers.has(at)) m.ret(-EBUSY)
      else {
        m.timers.set(at, { map: m.map(2), callback: undefined, due: undefined })
        m.ret(0)
      }
    },
  },
  {
    id: 170,
    name: 'bpf_timer_set_callback',
    run: m => {
      const timer = m.timers.get(m.u32(1))
      if (!timer || m.hi[2] !== FUNC_HANDLE) m.ret(-EINVAL)
      else {
        timer.callback = { image: m.image, slot: m.lo[2]! }
        m.ret(0)
      }
    },
  },
  {
    id: 171,
    name: 'bpf_timer_start',
    run: m => {
      const timer = m.timers.get(m.u32(1))
      const flags = m.u64(3)
      if (!timer?.callback || flags & ~3n) m.ret(-EINVAL)
      else {
        timer.due = flags & BPF_F_TIMER_ABS ? m.u64(2) : m.env.ktime + m.u64(2)
        m.ret(0)
      }
    },
  },
  {
    id: 172,
    name: 'bpf_timer_cancel',
    run: m => {
      const timer = m.timers.get(m.u32(1))
      if (!timer) m.ret(-EINVAL)
      else {
        m.ret(timer.due === undefined ? 0 : 1)
        timer.due = undefined
      }
    },
  },
])

/** The timer or work queue in a map value; undefined where it was not initialised. */
const timerOf = (m: Machine) => m.timers.get(m.u32(1))

defineKfuncs({
  bpf_wq_init: m => {
    const at = m.writable(1, 16)
    if (m.u32(3) !== 0) m.ret(-EINVAL)
    else if (m.timers.has(at)) m.ret(-EBUSY)
    else {
      m.timers.set(at, { map: m.map(2), callback: undefined, due: undefined })
      m.ret(0)
    }
  },
  bpf_wq_set_callback_impl: m => {
    const queue = timerOf(m)
    if (!queue || m.u32(3) !== 0 || m.hi[2] !== FUNC_HANDLE) m.ret(-EINVAL)
    else {
      queue.callback = { image: m.image, slot: m.lo[2]! }
      m.ret(0)
    }
  },
  bpf_wq_start: m => {
    const queue = timerOf(m)
    if (!queue?.callback || m.u32(2) !== 0) m.ret(-EINVAL)
    else {
      queue.due = m.env.ktime
      m.ret(0)
    }
  },
})

/** bpf_task_work_schedule_*_impl(task, tw, map, callback): the callback runs when the clock moves next (6.18). */
function taskWork(m: Machine): void {
  const at = m.writable(2, 8)
  if (m.timers.has(at)) m.ret(-EBUSY)
  else if (m.hi[4] !== FUNC_HANDLE) m.ret(-EINVAL)
  else {
    m.timers.set(at, { map: m.map(3), callback: { image: m.image, slot: m.lo[4]! }, due: m.env.ktime, once: true })
    m.ret(0)
  }
}

defineKfuncs({
  bpf_task_work_schedule_signal_impl: taskWork,
  bpf_task_work_schedule_resume_impl: taskWork,
})

/** Fires all timers due up to a moment, the clock standing at each one's time while it runs. */
export function fireTimers(m: Machine, until: bigint): void {
  for (;;) {
    let next: { readonly at: number; readonly timer: Timer; readonly due: bigint } | undefined
    for (const [at, timer] of m.timers)
      if (timer.due !== undefined && timer.due <= until && (!next || timer.due < next.due)) next = { at, timer, due: timer.due }
    if (!next) return
    const { at, timer, due } = next
    timer.due = undefined
    if (timer.once) m.timers.delete(at)
    if (due > m.env.ktime) m.env.ktime = due
    fire(m, at, timer)
  }
}

/** Callback(map, key, value): the element whose value holds the timer. */
function fire(m: Machine, at: number, timer: Timer): void {
  for (const key of timer.map.keys()) {
    const keyAt = timer.map.scratchKey(key)
    const value = timer.map.lookup(keyAt)
    if (value === 0 || at < value || at >= value + timer.map.def.valueSize) continue
    m.reset()
    const room = m.memory.region(`key of map ${timer.map.def.name}`, key.length, { writable: false })
    m.memory.write(room.start, key)
    m.image = timer.callback!.image
    m.lo[1] = timer.map.index * HANDLE_STEP
    m.hi[1] = MAP_HANDLE
    m.setArg(2, room.start)
    m.setArg(3, value)
    execute(m, timer.callback!.image, timer.callback!.slot, true)
    room.end = room.start
    return
  }
}
