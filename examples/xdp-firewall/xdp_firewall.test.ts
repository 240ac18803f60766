import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { packet, readCapture, Vm } from '../../index.js'
import { compileExample, expectAccepted } from '../../test/support/example.js'

const { prepared } = compileExample(join(import.meta.dirname, 'xdp_firewall.bpf.c'))
const XDP_DROP = 1
const XDP_PASS = 2
const [PASSED, BLOCKED_PREFIX, OVER_RATE, MALFORMED, NOT_IPV4] = [0, 1, 2, 3, 4]

describe('xdp-firewall', () => {
  let vm: Vm
  const run = (bytes: Uint8Array) => {
    const result = vm.program('firewall').run({ packet: bytes })
    expect(result.fault).toBeUndefined()
    return result.retval
  }
  /** A counter, summed over CPUs. */
  const counter = (reason: number) =>
    (vm.maps['counters']!.typed.getPerCpu(reason) as bigint[]).reduce((sum, value) => sum + value, 0n)

  beforeEach(() => {
    vm = new Vm(prepared, { ktime: 5_000_000_000n })
  })

  it('is accepted by the kernels of the support matrix', () => expectAccepted(prepared))

  it('drops a blocked prefix and passes its neighbour', () => {
    // 10.1.0.0/16; an LPM key is the prefix length and the address as it is on the wire.
    vm.maps['blocked']!.set(Uint8Array.of(16, 0, 0, 0, 10, 1, 0, 0), Uint8Array.of(1, 0, 0, 0))
    expect(run(packet.tcp({ src: '10.1.2.3', dst: '192.0.2.1' }))).toBe(XDP_DROP)
    expect(run(packet.tcp({ src: '10.2.2.3', dst: '192.0.2.1' }))).toBe(XDP_PASS)
    expect([counter(BLOCKED_PREFIX!), counter(PASSED!)]).toEqual([1n, 1n])
  })

  it('drops what a source sends over its rate, and forgives it in the next second', () => {
    const ping = packet.icmp({ src: '198.51.100.7', dst: '192.0.2.1' })
    const verdicts = Array.from({ length: 103 }, () => run(ping))
    expect(verdicts.filter(verdict => verdict === XDP_PASS)).toHaveLength(100)
    expect(run(packet.icmp({ src: '198.51.100.8', dst: '192.0.2.1' }))).toBe(XDP_PASS)
    vm.advance(1_000_000_000)
    expect(run(ping)).toBe(XDP_PASS)
    expect([counter(PASSED!), counter(OVER_RATE!)]).toEqual([102n, 3n])
    const [, source] = [...vm.maps['sources']!.typed.entries()].find(([, value]) => (value as { dropped: number }).dropped > 0)!
    expect(source).toMatchObject({ packets: 1, dropped: 3 })
  })

  it('passes what is not IPv4 and drops what is cut short', () => {
    expect(run(packet.tcp({ src: '2001:db8::1', dst: '2001:db8::2' }))).toBe(XDP_PASS)
    expect(run(packet.tcp({ src: '10.0.0.1', dst: '10.0.0.2' }).subarray(0, 30))).toBe(XDP_DROP)
    expect([counter(NOT_IPV4!), counter(MALFORMED!)]).toEqual([1n, 1n])
  })

  it('takes the capture of the README', () => {
    vm.maps['blocked']!.set(Uint8Array.of(24, 0, 0, 0, 203, 0, 113, 0), Uint8Array.of(1, 0, 0, 0))
    const verdicts = [...readCapture(readFileSync(join(import.meta.dirname, 'traffic.pcap')))].map(item =>
      'bytes' in item ? run(item.bytes) : 'broken',
    )
    expect(verdicts).toEqual([XDP_PASS, XDP_DROP, XDP_PASS, XDP_PASS, XDP_DROP, XDP_PASS])
    expect([counter(PASSED!), counter(BLOCKED_PREFIX!), counter(NOT_IPV4!)]).toEqual([3n, 2n, 1n])
  })
})
