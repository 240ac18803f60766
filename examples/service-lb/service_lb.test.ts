import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Loaded, packet } from '../../index.js'
import { load } from '../../plugins/node/node.js'
import '../../plugins/vitest/vitest.js'
import { maglevTable } from './maglev.js'

const RING_SIZE = 251
const VIP = '192.0.2.10'
const names = ['blue', 'green', 'red', 'white']
const macOf = (backend: number) => [2, 0, 0, 0, 1, backend]
const swap16 = (value: number) => ((value & 255) << 8) | (value >> 8)

const source = join(import.meta.dirname, 'service_lb.bpf.c')

describe('service-lb', () => {
  let lb: Loaded

  const fillRing = (present: readonly number[]) => {
    const table = maglevTable(
      present.map(each => names[each]!),
      RING_SIZE,
    )
    for (const [slot, index] of table.entries()) lb.maps.ring!.set(slot, present[index]!)
  }
  const run = (sport: number, options: object = {}) =>
    lb.programs.service_lb!.run(packet.tcp({ src: '198.51.100.7', dst: VIP, sport, dport: 443, ...options }))
  const backendOf = (sport: number) => {
    const result = run(sport)
    expect(result).toHaveVerdict('XDP_TX')
    return result.packet![5]!
  }
  const ports = Array.from({ length: 400 }, (_, index) => 20_000 + index)

  beforeEach(async () => {
    lb = await load(source, { verify: false })
    lb.maps.services!.set({ address: VIP, port: swap16(443), protocol: 6 }, 0)
    for (const index of names.keys()) lb.maps.backends!.set(index, { mac: macOf(index), up: 1 })
    fillRing([0, 1, 2, 3])
  })

  it('is accepted by the kernels of the support matrix', async () => {
    await expect(load(source)).resolves.toBeDefined()
  })

  it('gives a packet the Ethernet address of a backend and leaves the rest alone', () => {
    const sent = packet.tcp({ src: '198.51.100.7', dst: VIP, sport: 20_000, dport: 443 })
    const result = lb.programs.service_lb!.run(sent)
    const expected = Uint8Array.from(sent)
    expected.set(sent.subarray(0, 6), 6)
    expected.set(macOf(result.packet![5]!), 0)
    expect(result).toHaveVerdict('XDP_TX')
    expect(result).toEqualPacket(expected)
  })

  it('spreads flows over all backends and keeps each flow where it is', () => {
    const first = ports.map(backendOf)
    expect(ports.map(backendOf)).toEqual(first)
    for (const index of names.keys()) {
      const share = first.filter(each => each === index).length / ports.length
      expect(share).toBeGreaterThan(0.15)
      expect(share).toBeLessThan(0.35)
      expect(lb.maps.backends!.get(index)).toMatchObject({ packets: BigInt(2 * first.filter(each => each === index).length) })
    }
  })

  it('moves only the flows of a backend that goes down', () => {
    const before = ports.map(backendOf)
    lb.maps.backends!.set(2, { mac: macOf(2), up: 0 })
    fillRing([0, 1, 3])
    const after = ports.map(backendOf)
    expect(after).not.toContain(2)
    for (const [index, backend] of before.entries()) if (backend !== 2) expect(after[index]).toBe(backend)
  })

  it('moves few new flows: the table changes little', () => {
    const four = maglevTable(names, RING_SIZE)
    const three = maglevTable(['blue', 'green', 'white'], RING_SIZE).map(index => [0, 1, 3][index])
    const moved = four.filter((backend, slot) => backend !== 2 && backend !== three[slot]).length
    expect(moved / RING_SIZE).toBeLessThan(0.15)
  })

  it('passes what is no service, no first fragment or not IPv4, and drops what has no backend', () => {
    expect(run(1, { dport: 80 })).toHaveVerdict('XDP_PASS')
    expect(lb.programs.service_lb!.run(packet.udp({ dst: VIP, dport: 443 }))).toHaveVerdict('XDP_PASS')
    expect(lb.programs.service_lb!.run(packet.tcp({ dst: '2001:db8::1', dport: 443 }))).toHaveVerdict('XDP_PASS')
    const fragment = packet.tcp({ dst: VIP, dport: 443 })
    fragment[20] = 0x20
    expect(lb.programs.service_lb!.run(fragment)).toHaveVerdict('XDP_PASS')
    for (const index of names.keys()) lb.maps.backends!.set(index, { up: 0 })
    expect(run(1)).toHaveVerdict('XDP_DROP')
  })
})
