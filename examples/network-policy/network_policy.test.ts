import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Loaded, packet } from '../../index.js'
import { load } from '../../plugins/node/node.js'
import '../../plugins/vitest/vitest.js'
import { type FlowEvent, flowLine, serviceMap, Verdict } from './flow-monitor.js'

const identities = { world: 0, frontend: 100, backend: 200, database: 300 }
const pods = { frontend: '10.0.1.5', backend: '10.0.2.5', database: '10.0.3.5' }
const TCP = 6
const swap16 = (value: number) => ((value & 255) << 8) | (value >> 8)

const source = join(import.meta.dirname, 'network_policy.bpf.c')

describe('network-policy', () => {
  let engine: Loaded

  const rule = (from: number, to: number, action: 0 | 1, port = 0, protocol = 0) =>
    engine.maps.rules!.set({ from, to, port: swap16(port), protocol }, action)
  const send = (src: string, dst: string, dport: number, sport = 40_000) =>
    engine.programs.to_pod!.run(packet.tcp({ src, dst, sport, dport }))
  const count = (verdict: number) => (engine.maps.verdicts!.getPerCpu(verdict) as bigint[]).reduce((sum, each) => sum + each, 0n)

  beforeEach(async () => {
    engine = await load(source, {
      verify: false,
      ktime: 7_000_000_000n,
    })
    for (const [name, address] of Object.entries(pods))
      engine.maps.identities!.set({ length: 24, address: address.replace(/5$/, '0') }, identities[name as keyof typeof pods])
    rule(identities.frontend, identities.backend, 1, 8080, TCP)
    rule(identities.backend, identities.database, 1, 0, TCP)
    rule(identities.backend, identities.database, 0, 22, TCP)
  })

  it('is accepted by the kernels of the support matrix', async () => {
    await expect(load(source)).resolves.toBeDefined()
  })

  it('allows by identity, whatever the pod address', () => {
    expect(send(pods.frontend, pods.backend, 8080)).toHaveVerdict('TC_ACT_OK')
    expect(send('10.0.1.99', pods.backend, 8080)).toHaveVerdict('TC_ACT_OK')
    expect(send(pods.frontend, pods.backend, 8081)).toHaveVerdict('TC_ACT_SHOT')
    expect(send(pods.frontend, pods.database, 5432)).toHaveVerdict('TC_ACT_SHOT')
    expect(send('198.51.100.1', pods.backend, 8080)).toHaveVerdict('TC_ACT_SHOT')
    expect([count(Verdict.ALLOWED), count(Verdict.NO_RULE)]).toEqual([2n, 3n])
  })

  it('takes the most exact rule', () => {
    expect(send(pods.backend, pods.database, 5432)).toHaveVerdict('TC_ACT_OK')
    expect(send(pods.backend, pods.database, 22)).toHaveVerdict('TC_ACT_SHOT')
    expect(count(Verdict.DENIED_BY_RULE)).toBe(1n)
  })

  it('lets replies back, only of connections that were let in', () => {
    expect(send(pods.backend, pods.frontend, 40_000, 8080)).toHaveVerdict('TC_ACT_SHOT')
    expect(send(pods.frontend, pods.backend, 8080, 40_000)).toHaveVerdict('TC_ACT_OK')
    expect(send(pods.backend, pods.frontend, 40_000, 8080)).toHaveVerdict('TC_ACT_OK')
    expect(count(Verdict.REPLY)).toBe(1n)
  })

  it('drops malformed packets and later fragments, and leaves ARP alone', () => {
    const fragment = packet.udp({ src: pods.frontend, dst: pods.backend })
    fragment[21] = 8
    expect(engine.programs.to_pod!.run(fragment)).toHaveVerdict('TC_ACT_SHOT')
    expect(engine.programs.to_pod!.run(packet.tcp({}).subarray(0, 36))).toHaveVerdict('TC_ACT_SHOT')
    expect(engine.programs.to_pod!.run(packet.arp({ src: '10.0.0.1', dst: '10.0.0.2' }))).toHaveVerdict('TC_ACT_OK')
    expect([count(Verdict.FRAGMENT), count(Verdict.MALFORMED)]).toEqual([1n, 1n])
  })

  it('tells every flow, with the reason of a drop', () => {
    send(pods.frontend, pods.backend, 8080)
    send(pods.frontend, pods.database, 5432)
    expect(engine.maps.flow_events).toHaveEvents(
      [
        { time_ns: 7_000_000_000n, from: 100, to: 200, sport: 40_000, dport: 8080, protocol: TCP, verdict: Verdict.ALLOWED },
        { from: 100, to: 300, dport: 5432, verdict: Verdict.NO_RULE },
      ],
      'flow_event',
    )
  })

  it('prints a flow monitor and a service map', () => {
    send(pods.frontend, pods.backend, 8080)
    send(pods.frontend, pods.backend, 8080, 40_001)
    send(pods.backend, pods.database, 5432)
    send('198.51.100.1', pods.database, 5432)
    const events = engine.maps.flow_events!.consume('flow_event') as unknown as FlowEvent[]
    const names = new Map(Object.entries(identities).map(([name, id]) => [id, name]))
    expect(events.map(event => flowLine(event, names))).toEqual([
      'frontend 10.0.1.5:40000 -> backend 10.0.2.5:8080 tcp ALLOWED',
      'frontend 10.0.1.5:40001 -> backend 10.0.2.5:8080 tcp ALLOWED',
      'backend 10.0.2.5:40000 -> database 10.0.3.5:5432 tcp ALLOWED',
      'world 198.51.100.1:40000 -> database 10.0.3.5:5432 tcp NO_RULE',
    ])
    expect(serviceMap(events, names)).toBe(
      [
        'backend -> database:5432/tcp  1 allowed, 0 dropped',
        'frontend -> backend:8080/tcp  2 allowed, 0 dropped',
        'world -> database:5432/tcp  0 allowed, 1 dropped',
        '',
      ].join('\n'),
    )
  })
})
