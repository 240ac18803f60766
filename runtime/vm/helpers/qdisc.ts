/** What struct_ops programs of queueing disciplines call (net/sched/bpf_qdisc.c, 6.16), and notes that programs keep with a packet. */
import { EINVAL } from '../errno.js'
import type { Machine } from '../machine.js'
import { defineKfuncs } from './table.js'

const nothing = (m: Machine): void => m.ret(0)

/** Notes by the name of their kind and the address of their context. */
function notes(m: Machine): Map<string, Uint8Array> {
  const known = (m.extras.get('packet notes') as Map<string, Uint8Array> | undefined) ?? new Map<string, Uint8Array>()
  m.extras.set('packet notes', known)
  return known
}

/** Keeps what register 2 points to for the packet in register 1. */
function note(kind: string, size: number) {
  return (m: Machine): void => {
    const at = m.readable(2, size)
    notes(m).set(`${kind} ${m.u32(1)}`, m.memory.bytes.slice(at, at + size))
    m.ret(0)
  }
}

function readNote(kind: string, size: number) {
  return (m: Machine): void => {
    const known = notes(m).get(`${kind} ${m.u32(1)}`)
    const at = m.writable(2, size)
    if (known) m.memory.write(at, known)
    m.ret(known ? 0 : -EINVAL)
  }
}

/** struct bpf_xfrm_info and struct bpf_fou_encap, in bytes. */
const XFRM_INFO = 8
const FOU_ENCAP = 4

defineKfuncs({
  bpf_skb_set_xfrm_info: note('xfrm', XFRM_INFO),
  bpf_skb_get_xfrm_info: readNote('xfrm', XFRM_INFO),
  bpf_skb_set_fou_encap: note('fou', FOU_ENCAP),
  bpf_skb_get_fou_encap: readNote('fou', FOU_ENCAP),
  // The disciplines of a test have no device: packets are not counted, dropped ones are gone.
  bpf_kfree_skb: nothing,
  bpf_qdisc_skb_drop: nothing,
  bpf_qdisc_bstats_update: nothing,
  bpf_qdisc_init_prologue: nothing,
  bpf_qdisc_reset_destroy_epilogue: nothing,
  bpf_qdisc_watchdog_schedule: nothing,
  bpf_sock_ops_enable_tx_tstamp: nothing,
})
