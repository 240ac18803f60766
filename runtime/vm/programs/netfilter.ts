/**
 * Netfilter hooks: the context points to the hook's state and to a kernel `sk_buff`, both built from the kernel's BTF. `ctx` sets
 * fields of the state: `hook` (0 pre-routing, 1 local in, 2 forward, 3 local out, 4 post-routing) and `pf`.
 */
import type { KernelObjects } from '../kernel-objects.js'
import { defineProgramKind, scratchRegion } from './table.js'
import { KERNEL_OBJECTS } from './tracing.js'
import { packetBuffer } from './xdp.js'

const ETH_HLEN = 14
const NFPROTO_IPV4 = 2
const NFPROTO_IPV6 = 10
const NF_INET_HOOKS = 5

/** Built once a VM. */
const STATE = { struct: 'nf_hook_state' }
const SKB = { struct: 'sk_buff' }

defineProgramKind({
  types: [32],
  probing: true,
  setUp(m, _program, input) {
    const whole = input.packet ?? new Uint8Array(64)
    const packet = whole.subarray(ETH_HLEN)
    const objects = m.extras.get(KERNEL_OBJECTS) as KernelObjects
    const address = scratchRegion(m, 'bpf_nf_ctx', 16)
    m.packet = packetBuffer(m, 'netfilter', address, { data: -1, dataEnd: -1, dataMeta: -1, len: -1 }, packet.length)
    m.packet.load(packet)
    const state = objects.build(STATE)
    const skb = objects.build(SKB)
    const pf = whole[12] === 0x86 && whole[13] === 0xdd ? NFPROTO_IPV6 : NFPROTO_IPV4
    const given = input.ctx instanceof Uint8Array ? {} : (input.ctx ?? {})
    if (typeof given['hook'] === 'number' && given['hook'] >= NF_INET_HOOKS)
      throw new RangeError(`hook ${given['hook']}: there are ${NF_INET_HOOKS}, from 0 (pre-routing) on`)
    objects.update(state, 'nf_hook_state', { hook: 0, pf, ...given })
    objects.update(skb, 'sk_buff', { len: packet.length, data: m.packet.data })
    m.memory.writePointer(address, state)
    m.memory.writePointer(address + 8, skb)
    m.setArg(1, address)
    return { address, size: 16 }
  },
})
