/**
 * Packets from a few words: `packet.tcp({ src: '10.0.0.7', dport: 80 })`. Lengths and checksums are filled in. Both addresses IPv6
 * make an IPv6 packet; layers around it (VLAN tags, GRE, VXLAN) are options or functions that take the inner packet.
 */
import { ipBytes, macBytes } from './addresses.js'
import { checksumOf, sumOf } from './checksum.js'

export interface EthernetOptions {
  readonly smac?: string
  readonly dmac?: string
  /** VLAN ids, outermost first; or tags with priority and protocol. */
  readonly vlan?: number | readonly { readonly id: number; readonly priority?: number; readonly protocol?: number }[]
}

export interface IpOptions extends EthernetOptions {
  /** `10.0.0.1` or `2001:db8::1`. */
  readonly src?: string
  readonly dst?: string
  readonly ttl?: number
  /** Type of service or traffic class. */
  readonly tos?: number
  readonly id?: number
  readonly payload?: Uint8Array | string
}

export interface TcpOptions extends IpOptions {
  readonly sport?: number
  readonly dport?: number
  readonly seq?: number
  readonly ack?: number
  /** Letters of the flags: `S`, `SA`, `F`, `R`, `P`, `U`. */
  readonly flags?: string
  readonly window?: number
  /** Bytes of TCP options; padded to a multiple of 4. */
  readonly options?: Uint8Array
}

export type UdpOptions = IpOptions & Pick<TcpOptions, 'sport' | 'dport'>

export interface IcmpOptions extends IpOptions {
  readonly type?: number
  readonly code?: number
  readonly echoId?: number
  readonly sequence?: number
}

const ETH_P_IP = 0x0800
const ETH_P_IPV6 = 0x86dd
const ETH_P_8021Q = 0x8100
const FLAG_BITS: Readonly<Record<string, number>> = { F: 1, S: 2, R: 4, P: 8, A: 16, U: 32, E: 64, C: 128 }

const be16 = (value: number) => [(value >> 8) & 255, value & 255]
const be32 = (value: number) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]

function concat(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

const payloadOf = (options: IpOptions): Uint8Array =>
  typeof options.payload === 'string' ? new TextEncoder().encode(options.payload) : (options.payload ?? new Uint8Array())

/** An Ethernet frame around a payload of that EtherType. */
export function ethernet(options: EthernetOptions, etherType: number, payload: Uint8Array): Uint8Array {
  const tags = typeof options.vlan === 'number' ? [{ id: options.vlan }] : (options.vlan ?? [])
  const types = [...tags.map(tag => ('protocol' in tag && tag.protocol) || ETH_P_8021Q), etherType]
  return concat(
    macBytes(options.dmac ?? '02:00:00:00:00:02'),
    macBytes(options.smac ?? '02:00:00:00:00:01'),
    be16(types[0]!),
    ...tags.flatMap((tag, index) => [be16(((('priority' in tag && tag.priority) || 0) << 13) | tag.id), be16(types[index + 1]!)]),
    payload,
  )
}

interface Addresses {
  readonly source: Uint8Array
  readonly target: Uint8Array
  readonly v6: boolean
}

function addresses(options: IpOptions): Addresses {
  const v6 = (options.src ?? options.dst ?? '').includes(':')
  const source = ipBytes(options.src ?? (v6 ? '2001:db8::1' : '10.0.0.1'))
  const target = ipBytes(options.dst ?? (v6 ? '2001:db8::2' : '10.0.0.2'))
  if (source.length !== target.length) throw new RangeError('source and target must both be IPv4 or both IPv6')
  return { source, target, v6 }
}

/** An IP packet without its Ethernet header. */
function ipLayer(options: IpOptions, protocol: number, content: Uint8Array, { source, target, v6 }: Addresses): Uint8Array {
  const ttl = options.ttl ?? 64
  const tos = options.tos ?? 0
  if (v6)
    return concat([0x60 | (tos >> 4), (tos & 15) << 4, 0, 0], be16(content.length), [protocol, ttl], source, target, content)
  const header = concat(
    [0x45, tos],
    be16(20 + content.length),
    be16(options.id ?? 0),
    [0x40, 0, ttl, protocol, 0, 0],
    source,
    target,
  )
  header.set(be16(checksumOf(sumOf(header))), 10)
  return concat(header, content)
}

/** Sum over the pseudo header that TCP, UDP and ICMPv6 checksums begin with. */
function pseudoSum({ source, target }: Addresses, protocol: number, length: number): number {
  return sumOf(source) + sumOf(target) + protocol + (length >>> 16) + (length & 0xffff)
}

function frame(options: IpOptions, protocol: number, content: Uint8Array, where: Addresses): Uint8Array {
  return ethernet(options, where.v6 ? ETH_P_IPV6 : ETH_P_IP, ipLayer(options, protocol, content, where))
}

/** Any IP protocol by number. */
export function ip(options: IpOptions & { readonly protocol: number }): Uint8Array {
  return frame(options, options.protocol, payloadOf(options), addresses(options))
}

export function tcp(options: TcpOptions = {}): Uint8Array {
  const where = addresses(options)
  const extra = options.options ?? new Uint8Array()
  const padded = concat(extra, new Uint8Array((4 - (extra.length % 4)) % 4))
  const flags = [...(options.flags ?? 'S')].reduce((bits, letter) => {
    const bit = FLAG_BITS[letter]
    if (bit === undefined) throw new RangeError(`'${letter}' is no TCP flag; ${Object.keys(FLAG_BITS).join('')} are`)
    return bits | bit
  }, 0)
  const segment = concat(
    be16(options.sport ?? 40000),
    be16(options.dport ?? 80),
    be32(options.seq ?? 1),
    be32(options.ack ?? 0),
    [((20 + padded.length) / 4) << 4, flags],
    be16(options.window ?? 65535),
    [0, 0, 0, 0],
    padded,
    payloadOf(options),
  )
  segment.set(be16(checksumOf(pseudoSum(where, 6, segment.length) + sumOf(segment))), 16)
  return frame(options, 6, segment, where)
}

export function udp(options: UdpOptions = {}): Uint8Array {
  const where = addresses(options)
  const payload = payloadOf(options)
  const datagram = concat(be16(options.sport ?? 40000), be16(options.dport ?? 53), be16(8 + payload.length), [0, 0], payload)
  datagram.set(be16(checksumOf(pseudoSum(where, 17, datagram.length) + sumOf(datagram)) || 0xffff), 6)
  return frame(options, 17, datagram, where)
}

/** ICMP or, with IPv6 addresses, ICMPv6; an echo request unless told otherwise. */
export function icmp(options: IcmpOptions = {}): Uint8Array {
  const where = addresses(options)
  const message = concat(
    [options.type ?? (where.v6 ? 128 : 8), options.code ?? 0, 0, 0],
    be16(options.echoId ?? 1),
    be16(options.sequence ?? 1),
    payloadOf(options),
  )
  const start = where.v6 ? pseudoSum(where, 58, message.length) : 0
  message.set(be16(checksumOf(start + sumOf(message))), 2)
  return frame(options, where.v6 ? 58 : 1, message, where)
}

/** ARP: who has `dst`, tell `src`. */
export function arp(
  options: EthernetOptions & { readonly src: string; readonly dst: string; readonly reply?: boolean },
): Uint8Array {
  const smac = macBytes(options.smac ?? '02:00:00:00:00:01')
  const body = concat(
    [0, 1, 8, 0, 6, 4, 0, options.reply ? 2 : 1],
    smac,
    ipBytes(options.src),
    new Uint8Array(6),
    ipBytes(options.dst),
  )
  return ethernet({ ...options, dmac: options.dmac ?? 'ff:ff:ff:ff:ff:ff' }, 0x0806, body)
}

/** GRE (RFC 2784) around a frame's network layer. */
export function gre(options: IpOptions, inner: Uint8Array): Uint8Array {
  return ip({ ...options, protocol: 47, payload: concat([0, 0], inner.subarray(12)) })
}

/** VXLAN (RFC 7348) around a whole frame. */
export function vxlan(options: UdpOptions & { readonly vni: number }, inner: Uint8Array): Uint8Array {
  const header = [8, 0, 0, 0, (options.vni >> 16) & 255, (options.vni >> 8) & 255, options.vni & 255, 0]
  return udp({ dport: 4789, ...options, payload: concat(header, inner) })
}

/** The builders under one name, for `packet.tcp(…)`. */
export const packet = { ethernet, ip, tcp, udp, icmp, arp, gre, vxlan } as const
