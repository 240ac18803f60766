/** Keys of the kernel (kernel/trace/bpf_trace.c, 6.12): keyrings by the ids of the system, user keys that the test knows. */
import { NotImplemented } from '../../../base/outcome.js'
import type { Machine } from '../machine.js'
import { defineKfuncs } from './table.js'

/** Builtin, secondary and platform keyring (include/linux/verification.h). */
const SYSTEM_KEYRINGS = 3

/** Keys are known by their address only: what is in them stays in the kernel. */
function key(m: Machine, name: string): number {
  const known = m.extras.get(name) as number | undefined
  const address = known ?? m.memory.region(name, 16, { writable: false }).start
  m.extras.set(name, address)
  return address
}

defineKfuncs({
  bpf_lookup_system_key: m => m.retAddress(m.u64(1) < BigInt(SYSTEM_KEYRINGS) ? key(m, `system keyring ${m.u32(1)}`) : 0),
  bpf_lookup_user_key: m => m.retAddress(m.env.keys.has(m.s32(1)) && m.u64(2) <= 1n ? key(m, `user key ${m.s32(1)}`) : 0),
  bpf_key_put: m => m.ret(0),
  bpf_verify_pkcs7_signature: m => {
    throw new NotImplemented('verifying PKCS#7 signatures: say what it answers with vm.setKfunc', m.where())
  },
})
