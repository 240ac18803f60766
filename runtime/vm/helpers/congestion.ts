/** Congestion control that struct_ops programs fall back on (net/ipv4/tcp_cong.c, 6.12): slow start, additive increase and Reno, on `struct tcp_sock`. */
import { VmFault } from '../fault.js'
import type { Machine } from '../machine.js'
import { objectsOf } from './files.js'
import { defineKfuncs } from './table.js'

type Field = 'snd_cwnd' | 'snd_ssthresh' | 'snd_cwnd_cnt' | 'snd_cwnd_clamp' | 'prior_cwnd' | 'is_cwnd_limited'

const get = (m: Machine, sock: number, field: Exclude<Field, 'is_cwnd_limited'>) => objectsOf(m).word(sock, 'tcp_sock', field)

const set = (m: Machine, sock: number, field: Field, value: number) =>
  objectsOf(m).update(sock, 'tcp_sock', { [field]: value >>> 0 })

/** tcp_slow_start: grows up to the threshold; the segments that are left over. */
function slowStart(m: Machine, sock: number, acked: number): number {
  const cwnd = Math.min(get(m, sock, 'snd_cwnd') + acked, get(m, sock, 'snd_ssthresh'))
  const left = acked - (cwnd - get(m, sock, 'snd_cwnd'))
  set(m, sock, 'snd_cwnd', Math.min(cwnd, get(m, sock, 'snd_cwnd_clamp')))
  return left
}

/** tcp_cong_avoid_ai: one segment for each window `w` that was acknowledged. */
function increase(m: Machine, sock: number, w: number, acked: number): void {
  if (w === 0) throw new VmFault('a congestion window of 0 segments: give the socket a snd_cwnd')
  let count = get(m, sock, 'snd_cwnd_cnt')
  let cwnd = get(m, sock, 'snd_cwnd')
  if (count >= w) {
    count = 0
    cwnd++
  }
  count += acked
  if (count >= w) {
    const more = Math.floor(count / w)
    count -= more * w
    cwnd += more
  }
  set(m, sock, 'snd_cwnd_cnt', count)
  set(m, sock, 'snd_cwnd', Math.min(cwnd, get(m, sock, 'snd_cwnd_clamp')))
}

/** tcp_is_cwnd_limited: in slow start while less than twice what was in flight fits, else as the socket says. */
function isLimited(m: Machine, sock: number): boolean {
  const objects = objectsOf(m)
  const cwnd = get(m, sock, 'snd_cwnd')
  if (objects.flag(sock, 'tcp_sock', 'is_cwnd_limited')) return true
  return cwnd < get(m, sock, 'snd_ssthresh') && cwnd < 2 * objects.word(sock, 'tcp_sock', 'max_packets_out')
}

function renoAvoid(m: Machine): void {
  const sock = m.u32(1)
  let acked = m.u32(3)
  if (isLimited(m, sock)) {
    if (get(m, sock, 'snd_cwnd') < get(m, sock, 'snd_ssthresh')) acked = slowStart(m, sock, acked)
    if (acked > 0) increase(m, sock, get(m, sock, 'snd_cwnd'), acked)
  }
  m.ret(0)
}

defineKfuncs({
  tcp_slow_start: m => m.ret(slowStart(m, m.u32(1), m.u32(2))),
  tcp_cong_avoid_ai: m => {
    increase(m, m.u32(1), m.u32(2), m.u32(3))
    m.ret(0)
  },
  tcp_reno_cong_avoid: renoAvoid,
  tcp_reno_ssthresh: m => m.ret(Math.max(get(m, m.u32(1), 'snd_cwnd') >>> 1, 2)),
  tcp_reno_undo_cwnd: m => m.ret(Math.max(get(m, m.u32(1), 'snd_cwnd'), get(m, m.u32(1), 'prior_cwnd'))),
})
