/** The map of flows as text: who talks to which service, how, and what was refused. */
import type { Vm } from '../../index.js'

interface Flow {
  readonly client: number
  readonly server: number
  readonly port: number
}

interface Traffic {
  readonly direct_messages: bigint
  readonly direct_bytes: bigint
  readonly stack_messages: bigint
  readonly refused: bigint
}

/** An address as it lies in memory, in network order, read as a little-endian number. */
const dotted = (address: number) => [0, 8, 16, 24].map(shift => (address >>> shift) & 255).join('.')

/** One line a flow, in order of their text. */
export function serviceMap(flows: Vm['maps'][string]): string {
  return [...flows.typed.entries()]
    .map(([key, value]) => {
      const { client, server, port } = key as unknown as Flow
      const { direct_messages, direct_bytes, stack_messages, refused } = value as unknown as Traffic
      return `${dotted(client)} -> ${dotted(server)}:${port}  ${direct_messages} direct (${direct_bytes} bytes), ${stack_messages} by the stack, ${refused} refused`
    })
    .sort()
    .join('\n')
}
