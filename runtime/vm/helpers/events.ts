/** Data on its way to user space: ring buffers and perf events. */
import { E2BIG, EBUSY, EINVAL, ENOENT } from '../errno.js'
import { VmFault } from '../fault.js'
import { PerfEventArray } from '../maps/perf-event-array.js'
import { RingBuffer } from '../maps/ringbuf.js'
import { UserRingBuffer } from '../maps/user-ringbuf.js'
import type { Machine } from '../machine.js'
import { localDynptr } from './dynptr.js'
import { defineHelpers } from './table.js'

const BPF_F_CURRENT_CPU = 0xffff_ffff

function ring(m: Machine, register: number): RingBuffer {
  const map = m.map(register)
  if (!(map instanceof RingBuffer)) throw new VmFault(`map ${map.def.name} is no ring buffer`)
  return map
}

function reserve(m: Machine): void {
  if (m.u64(3) !== 0n) m.retAddress(0)
  else m.retAddress(ring(m, 1).reserve(m.u32(2)))
}

/** bpf_ringbuf_submit and discard: the record's own ring is found by its address. */
function finish(m: Machine, discard: boolean): void {
  const address = m.u32(1)
  for (const map of m.maps)
    if (map instanceof RingBuffer && map.isReserved(address)) {
      map.commit(address, discard)
      return
    }
  throw new VmFault('this is no record of a ring buffer that was reserved and not handed over')
}

/** bpf_perf_event_output and its relatives for packets; `prefix` is what goes before the data. */
function perfOutput(m: Machine, ofPacket: boolean): void {
  const map = m.map(2)
  if (!(map instanceof PerfEventArray)) throw new VmFault(`map ${map.def.name} is no perf event array`)
  const index = m.u32(3)
  const cpu = index === BPF_F_CURRENT_CPU ? m.env.cpu : index
  const packetBytes = m.hi[3]! & 0xfffff
  if (m.hi[3]! & ~(ofPacket ? 0xfffff : 0)) {
    m.ret(-EINVAL)
    return
  }
  if (cpu >= map.def.maxEntries) {
    m.ret(-E2BIG)
    return
  }
  const size = m.u32(5)
  const at = m.readable(4, size)
  const data = m.memory.bytes.slice(at, at + size)
  if (packetBytes && m.packet) {
    if (packetBytes > m.packet.length) {
      m.ret(-EINVAL)
      return
    }
    const whole = new Uint8Array(size + packetBytes)
    whole.set(data)
    whole.set(m.packet.bytes().subarray(0, packetBytes), size)
    map.output(cpu, whole)
  } else map.output(cpu, data)
  m.ret(0)
}

const BPF_RB_NO_WAKEUP = 1n
const BPF_RB_FORCE_WAKEUP = 2n
/** BPF_MAX_USER_RINGBUF_SAMPLES. */
const MAX_SAMPLES = 128 * 1024

/** bpf_user_ringbuf_drain(map, callback, ctx, flags): callback(dynptr, ctx) for each record until it returns 1. */
function drain(m: Machine): void {
  const map = m.map(1)
  if (!(map instanceof UserRingBuffer)) throw new VmFault(`map ${map.def.name} is no user ring buffer`)
  const [callbackLow, callbackHigh, ctxLow, ctxHigh] = [m.lo[2]!, m.hi[2]!, m.lo[3]!, m.hi[3]!]
  const flags = m.u64(4)
  if (flags & ~(BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP) || map.busy) {
    m.ret(map.busy ? -EBUSY : -EINVAL)
    return
  }
  const dynptr = m.memory.region('dynptr of a user ring buffer', 16)
  let samples = 0
  map.busy = true
  try {
    for (let record = map.peek(); record && samples < MAX_SAMPLES; record = map.peek()) {
      const room = map.room(record)
      localDynptr(m, dynptr.start, room, record.length)
      m.setArg(1, dynptr.start)
      m.lo[2] = ctxLow
      m.hi[2] = ctxHigh
      m.call(callbackLow, callbackHigh)
      map.release()
      samples++
      if (m.lo[0] !== 0) break
    }
  } finally {
    map.busy = false
    dynptr.end = dynptr.start
  }
  if (flags & BPF_RB_FORCE_WAKEUP || (!(flags & BPF_RB_NO_WAKEUP) && samples > 0)) map.wakeups++
  m.ret(samples)
}

function readCounter(m: Machine): readonly [bigint, bigint, bigint] | undefined {
  const map = m.map(1)
  if (!(map instanceof PerfEventArray)) throw new VmFault(`map ${map.def.name} is no perf event array`)
  const index = m.u32(2) === BPF_F_CURRENT_CPU ? m.env.cpu : m.u32(2)
  return map.counters.get(index)
}

defineHelpers([
  { id: 22, name: 'bpf_perf_event_read', run: m => m.ret64(readCounter(m)?.[0] ?? BigInt(-ENOENT)) },
  { id: 25, name: 'bpf_perf_event_output', run: m => perfOutput(m, m.packet !== undefined) },
  {
    id: 55,
    name: 'bpf_perf_event_read_value',
    run: m => {
      const size = m.u32(4)
      const at = m.writable(3, size)
      const values = readCounter(m)
      m.memory.bytes.fill(0, at, at + size)
      if (size !== 24) m.ret(-EINVAL)
      else if (!values) m.ret(-ENOENT)
      else {
        values.forEach((value, i) => {
          m.memory.view.setBigUint64(at + i * 8, value, true)
        })
        m.ret(0)
      }
    },
  },
  { id: 111, name: 'bpf_skb_output', run: m => perfOutput(m, true) },
  { id: 121, name: 'bpf_xdp_output', run: m => perfOutput(m, true) },
  {
    id: 130,
    name: 'bpf_ringbuf_output',
    run: m => {
      const map = ring(m, 1)
      if (m.u64(4) & ~3n) m.ret(-EINVAL)
      else {
        const at = m.readable(2, m.u32(3))
        m.ret(map.output(m.memory.bytes.slice(at, at + m.u32(3))))
      }
    },
  },
  { id: 209, name: 'bpf_user_ringbuf_drain', run: drain },
  { id: 131, name: 'bpf_ringbuf_reserve', run: reserve },
  { id: 132, name: 'bpf_ringbuf_submit', run: m => finish(m, false) },
  { id: 133, name: 'bpf_ringbuf_discard', run: m => finish(m, true) },
  { id: 134, name: 'bpf_ringbuf_query', run: m => m.ret64(BigInt(ring(m, 1).query(m.u32(2)))) },
])
