/** Packet builders and capture files. */
import { describe, expect, it } from 'vitest'
import { ipv6Bytes, macBytes } from '../../../runtime/vm/packets/addresses.js'
import { packet } from '../../../runtime/vm/packets/build.js'
import { checksumOf, sumOf } from '../../../runtime/vm/packets/checksum.js'
import { type CapturedPacket, isBroken, readCapture, writePcap } from '../../../runtime/vm/packets/pcap.js'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
/** What a receiver computes over a range with its checksum in place: 0 when right. */
const residue = (bytes: Uint8Array, start: number, end: number, extra = 0) => checksumOf(sumOf(bytes, start, end) + extra)

describe('packet builders', () => {
  it('a TCP packet has its lengths and checksums right', () => {
    const bytes = packet.tcp({ src: '10.0.0.7', dst: '192.168.1.9', sport: 1234, dport: 443, flags: 'SA', payload: 'hi!' })
    expect(bytes.length).toBe(14 + 20 + 20 + 3)
    expect(hex(bytes.subarray(12, 14))).toBe('0800')
    expect(hex(bytes.subarray(26, 34))).toBe('0a000007c0a80109')
    expect(bytes[47]).toBe(0x12)
    expect(residue(bytes, 14, 34)).toBe(0)
    expect(residue(bytes, 34, bytes.length, sumOf(bytes, 26, 34) + 6 + 23)).toBe(0)
  })

  it('a UDP packet over IPv6 behind two VLAN tags', () => {
    const bytes = packet.udp({
      src: '2001:db8::1',
      dst: '::ffff:10.0.0.1',
      vlan: [{ id: 5, priority: 3 }, { id: 6 }],
      payload: 'x',
    })
    expect(hex(bytes.subarray(12, 22))).toBe('81006005810000' + '0686dd')
    const udp = 22 + 40
    expect(residue(bytes, udp, bytes.length, sumOf(bytes, 30, 62) + 17 + 9)).toBe(0)
  })

  it('ICMP, ARP, GRE and VXLAN', () => {
    const echo = packet.icmp({ payload: 'ping' })
    expect(residue(echo, 34, echo.length)).toBe(0)
    expect(hex(packet.arp({ src: '10.0.0.1', dst: '10.0.0.2' }).subarray(12, 22))).toBe('08060001080006040001')
    const outer = packet.gre({ src: '1.1.1.1', dst: '2.2.2.2' }, echo)
    expect(hex(outer.subarray(34, 38))).toBe('00000800')
    expect(hex(outer.subarray(38))).toBe(hex(echo.subarray(14)))
    const tunnel = packet.vxlan({ vni: 0x123456 }, echo)
    expect(hex(tunnel.subarray(42, 50))).toBe('0800000012345600')
    expect(hex(tunnel.subarray(50))).toBe(hex(echo))
  })

  it.each([
    [() => macBytes('1:2:3'), 'no MAC address'],
    [() => ipv6Bytes('1::2::3'), 'no IPv6 address'],
    [() => ipv6Bytes('1:2:3'), 'no IPv6 address'],
    [() => packet.tcp({ src: '300.0.0.1' }), 'no IPv4 address'],
    [() => packet.tcp({ src: '10.0.0.1', dst: '::1' }), 'both'],
    [() => packet.tcp({ flags: 'X' }), "'X' is no TCP flag"],
  ])('refuses nonsense: %s', (make, message) => {
    expect(make).toThrow(message)
  })
})

function* pieces(file: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < file.length; at += size) yield file.slice(at, at + size)
}

describe('capture files', () => {
  const frames = [packet.tcp(), packet.udp({ payload: 'abc' })]

  it('reads what it wrote', () => {
    const file = writePcap(frames.map((bytes, index) => ({ bytes, time: 1_700_000_000_000_000_123n + BigInt(index) })))
    const items = [...readCapture(file)] as CapturedPacket[]
    expect(items.map(item => hex(item.bytes))).toEqual(frames.map(hex))
    expect(items[1]!.time).toBe(1_700_000_000_000_000_124n)
    expect(items[0]!.linkType).toBe(1)
  })

  it('reads big-endian microsecond files', () => {
    const file = new Uint8Array(24 + 16 + 2)
    const view = new DataView(file.buffer)
    view.setUint32(0, 0xa1b2c3d4)
    view.setUint32(20, 1)
    view.setUint32(24, 7)
    view.setUint32(28, 5)
    view.setUint32(32, 2)
    view.setUint32(36, 60)
    expect([...readCapture(file)]).toMatchObject([{ time: 7_000_005_000n, length: 60, bytes: new Uint8Array(2) }])
  })

  it('reads pcapng of both resolutions and goes on after a bad packet', () => {
    const blocks: number[] = []
    const u32 = (value: number) => [value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24]
    const block = (type: number, body: number[]) => {
      while (body.length % 4) body.push(0)
      blocks.push(...u32(type), ...u32(body.length + 12), ...body, ...u32(body.length + 12))
    }
    block(0x0a0d0d0a, [...u32(0x1a2b3c4d), 1, 0, 0, 0, ...u32(-1), ...u32(-1)])
    block(1, [1, 0, 0, 0, ...u32(0)])
    block(1, [1, 0, 0, 0, ...u32(0), 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0])
    block(6, [...u32(0), ...u32(0), ...u32(1000), ...u32(3), ...u32(3), 1, 2, 3])
    block(6, [...u32(9), ...u32(0), ...u32(0), ...u32(0), ...u32(0)])
    block(6, [...u32(1), ...u32(0), ...u32(77), ...u32(1), ...u32(1), 9])
    const file = Uint8Array.from(blocks)
    const items = [...readCapture(file)]
    expect([...readCapture(pieces(file, 7))]).toEqual(items)
    expect(items).toMatchObject([
      { bytes: Uint8Array.of(1, 2, 3), time: 1_000_000n },
      { error: 'a packet of interface 9, which is not described' },
      { bytes: Uint8Array.of(9), time: 77n, interface: 1 },
    ])
  })

  it('reports a broken packet and refuses what is no capture', () => {
    const file = writePcap([{ bytes: frames[0]! }, { bytes: frames[1]! }])
    const items = [...readCapture(file.subarray(0, file.length - 3))]
    expect(items.map(isBroken)).toEqual([false, true])
    for (const size of [1, 7, 100]) expect([...readCapture(pieces(file.subarray(0, file.length - 3), size))]).toEqual(items)
    expect(() => [...readCapture(new Uint8Array(100))]).toThrow('neither pcap nor pcapng')
    expect(() => [...readCapture(new Uint8Array(2))]).toThrow('magic number')
  })
})
