/** Flow events as lines and as a service map: who talks to whom. */

export const Verdict = { ALLOWED: 0, REPLY: 1, DENIED_BY_RULE: 2, NO_RULE: 3, MALFORMED: 4, FRAGMENT: 5 } as const

/** `struct flow_event` as its BTF decodes it. Addresses are numbers whose bytes lie in network order. */
export interface FlowEvent {
  readonly time_ns: bigint
  readonly from: number
  readonly to: number
  readonly saddr: number
  readonly daddr: number
  readonly sport: number
  readonly dport: number
  readonly protocol: number
  readonly verdict: number
  readonly bytes: number
}

const protocols: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp' }
const protocolName = (event: FlowEvent) => protocols[event.protocol] ?? `protocol-${event.protocol}`
const address = (value: number) => [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24].join('.')
const identity = (id: number, names: ReadonlyMap<number, string>) => names.get(id) ?? `identity-${id}`

export function flowLine(event: FlowEvent, names: ReadonlyMap<number, string>): string {
  const verdict = Object.entries(Verdict).find(([, number]) => number === event.verdict)?.[0] ?? String(event.verdict)
  const from = `${identity(event.from, names)} ${address(event.saddr)}:${event.sport}`
  const to = `${identity(event.to, names)} ${address(event.daddr)}:${event.dport}`
  return `${from} -> ${to} ${protocolName(event)} ${verdict}`
}

/** One line an edge, sorted: how many packets were allowed and dropped. Replies belong to the connection they answer and are left out. */
export function serviceMap(events: readonly FlowEvent[], names: ReadonlyMap<number, string>): string {
  const edges = new Map<string, { allowed: number; dropped: number }>()
  for (const event of events) {
    if (event.verdict === Verdict.REPLY) continue
    const edge = `${identity(event.from, names)} -> ${identity(event.to, names)}:${event.dport}/${protocolName(event)}`
    const counts = edges.get(edge) ?? { allowed: 0, dropped: 0 }
    edges.set(edge, counts)
    if (event.verdict === Verdict.ALLOWED) counts.allowed++
    else counts.dropped++
  }
  const lines = [...edges].map(([edge, { allowed, dropped }]) => `${edge}  ${allowed} allowed, ${dropped} dropped`)
  return lines
    .sort()
    .map(line => `${line}\n`)
    .join('')
}
