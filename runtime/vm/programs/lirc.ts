/** Infrared receivers: a program sees one pulse or space at a time, and reports keys and movements, which the result lists. */
import { defineHelpers } from '../helpers/table.js'
import type { Machine } from '../machine.js'
import { defineProgramKind, scratchRegion, writeFields } from './table.js'

/** A key press, a repeat of the last key, or a movement. */
export type RemoteEvent =
  | { readonly kind: 'key'; readonly protocol: number; readonly scancode: bigint; readonly toggle: number }
  | { readonly kind: 'repeat' }
  | { readonly kind: 'move'; readonly x: number; readonly y: number }

const EVENTS = 'remote control'

function report(m: Machine, event: RemoteEvent): void {
  const events = m.extras.get(EVENTS) as RemoteEvent[] | undefined
  events?.push(event)
  m.ret(0)
}

defineProgramKind({
  types: [20],
  setUp(m, _program, input) {
    const address = scratchRegion(m, 'lirc sample', 4, false)
    if (input.ctx instanceof Uint8Array) m.memory.write(address, input.ctx.subarray(0, 4))
    else if (input.ctx) writeFields(m, address, [{ name: 'sample', offset: 0, size: 4 }], input.ctx, 'lirc sample')
    m.extras.set(EVENTS, [])
    m.setArg(1, address)
    return { address, size: 4 }
  },
  resultAfter: m => ({ remote: m.extras.get(EVENTS) as RemoteEvent[] }),
})

defineHelpers([
  { id: 77, name: 'bpf_rc_repeat', run: m => report(m, { kind: 'repeat' }) },
  {
    id: 78,
    name: 'bpf_rc_keydown',
    run: m => report(m, { kind: 'key', protocol: m.u32(2), scancode: m.u64(3), toggle: m.u32(4) }),
  },
  { id: 92, name: 'bpf_rc_pointer_rel', run: m => report(m, { kind: 'move', x: m.s32(2), y: m.s32(3) }) },
])
