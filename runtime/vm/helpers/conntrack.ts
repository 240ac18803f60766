/**
 * Connection tracking (net/netfilter/nf_conntrack_bpf.c, 6.12): connections that the test or the program made, found by their addresses and ports in
 * either direction. One zone and one network namespace; connections do not time out.
 */
import { EAFNOSUPPORT, EBUSY, EEXIST, EINVAL, ENOENT } from '../errno.js'
import type { Machine } from '../machine.js'
import type { Endpoint } from '../sockets.js'
import { objectsOf } from './files.js'
import { jiffies } from './system.js'
import { defineKfuncs } from './table.js'

const EPROTO = 71
const ENONET = 64
const IPPROTO_TCP = 6
const IPPROTO_UDP = 17
const TUPLE_V4 = 12
const TUPLE_V6 = 36
/** Sizes of struct bpf_ct_opts, without and with the zone. */
const OPTIONS_SHORT = 12
const OPTIONS_LONG = 16
const DEFAULT_ZONE_DIRECTIONS = 3

/** enum ip_conntrack_status. */
const IPS_EXPECTED = 1
const IPS_SEEN_REPLY = 2
const IPS_ASSURED = 4
const IPS_CONFIRMED = 8
const IPS_DYING = 1 << 9

export interface Connection {
  /** Of its `struct nf_conn`. */
  readonly address: number
  readonly protocol: number
  /** As in struct bpf_sock_tuple, of the first direction. */
  readonly tuple: Uint8Array
}

/** A struct bpf_sock_tuple. */
export function tupleOf(source: Endpoint, destination: Endpoint): Uint8Array {
  const size = source.address.length
  const tuple = new Uint8Array(size * 2 + 4)
  tuple.set(source.address)
  tuple.set(destination.address, size)
  const view = new DataView(tuple.buffer)
  view.setUint16(size * 2, source.port)
  view.setUint16(size * 2 + 2, destination.port)
  return tuple
}

function reversed(tuple: Uint8Array): Uint8Array {
  const size = (tuple.length - 4) / 2
  const parts = [
    [size, size * 2],
    [0, size],
    [size * 2 + 2, size * 2 + 4],
    [size * 2, size * 2 + 2],
  ] as const
  return Uint8Array.from(parts.flatMap(([start, end]) => [...tuple.subarray(start, end)]))
}

const equal = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, index) => byte === b[index])

/** The connection of a tuple, and in which direction it goes. */
function find(
  m: Machine,
  protocol: number,
  tuple: Uint8Array,
): { readonly connection: Connection; readonly direction: 0 | 1 } | undefined {
  const other = reversed(tuple)
  for (const connection of m.connections) {
    if (connection.protocol !== protocol) continue
    if (equal(connection.tuple, tuple)) return { connection, direction: 0 }
    if (equal(connection.tuple, other)) return { connection, direction: 1 }
  }
  return undefined
}

/** Arguments of lookups and allocations: what is asked for, or the errno, which also goes into the options. */
function request(m: Machine): { readonly protocol: number; readonly tuple: Uint8Array; readonly options: number } | undefined {
  const [tupleSize, optionsSize] = [m.u32(3), m.u32(5)]
  const { view, bytes } = m.memory
  const tupleAt = m.readable(2, tupleSize)
  const options = m.writable(4, optionsSize)
  const fail = (errno: number) => {
    if (optionsSize >= 8) view.setInt32(options + 4, -errno, true)
    m.retAddress(0)
    return undefined
  }
  if (optionsSize !== OPTIONS_SHORT && optionsSize !== OPTIONS_LONG) return fail(EINVAL)
  const long = optionsSize === OPTIONS_LONG
  if (long ? bytes[options + 13] || bytes[options + 14] || bytes[options + 15] : view.getUint16(options + 10, true))
    return fail(EINVAL)
  const protocol = bytes[options + 8]!
  const namespace = view.getInt32(options, true)
  if (protocol !== IPPROTO_TCP && protocol !== IPPROTO_UDP) return fail(EPROTO)
  if (namespace < -1) return fail(EINVAL)
  if (tupleSize !== TUPLE_V4 && tupleSize !== TUPLE_V6) return fail(EAFNOSUPPORT)
  if (namespace >= 0) return fail(ENONET)
  if (long && bytes[options + 12] === 0) bytes[options + 12] = DEFAULT_ZONE_DIRECTIONS
  return { protocol, tuple: bytes.slice(tupleAt, tupleAt + tupleSize), options }
}

function lookup(m: Machine): void {
  const asked = request(m)
  if (!asked) return
  const found = find(m, asked.protocol, asked.tuple)
  const { view, bytes } = m.memory
  if (!found) view.setInt32(asked.options + 4, -ENOENT, true)
  else bytes[asked.options + 9] = found.direction
  m.retAddress(found?.connection.address ?? 0)
}

/** Connections that were made but not put into the table yet, by address. */
function pending(m: Machine): Map<number, Connection> {
  const all = (m.extras.get('new connections') as Map<number, Connection> | undefined) ?? new Map<number, Connection>()
  m.extras.set('new connections', all)
  return all
}

function allocate(m: Machine): void {
  const asked = request(m)
  if (!asked) return
  const { protocol, tuple } = asked
  const address = objectsOf(m).build({ struct: 'nf_conn' })
  pending(m).set(address, { address, protocol, tuple })
  m.retAddress(address)
}

function insert(m: Machine): void {
  const connection = pending(m).get(m.u32(1))
  pending(m).delete(m.u32(1))
  if (!connection || find(m, connection.protocol, connection.tuple)) {
    m.retAddress(0)
    return
  }
  m.connections.push(connection)
  setStatus(m, connection.address, status(m, connection.address) | IPS_CONFIRMED)
  m.retAddress(connection.address)
}

const status = (m: Machine, address: number): number => objectsOf(m).word(address, 'nf_conn', 'status')
const setStatus = (m: Machine, address: number, value: number): void =>
  objectsOf(m).update(address, 'nf_conn', { status: value >>> 0 })

/** nf_ct_change_status_common: what may not be changed, or only be set. */
function changeStatus(m: Machine): void {
  const [address, wanted] = [m.u32(1), m.u32(2)]
  const changed = status(m, address) ^ wanted
  const lost = changed & ~wanted
  if (changed & (IPS_EXPECTED | IPS_CONFIRMED | IPS_DYING) || lost & (IPS_SEEN_REPLY | IPS_ASSURED)) m.ret(-EBUSY)
  else {
    setStatus(m, address, status(m, address) | wanted)
    m.ret(0)
  }
}

/** Seconds from now, kept in ticks. */
function changeTimeout(m: Machine): void {
  const timeout = BigInt.asUintN(32, jiffies(m) + BigInt(m.u32(2)) * BigInt(m.env.hz))
  objectsOf(m).update(m.u32(1), 'nf_conn', { timeout })
  m.ret(0)
}

/** Adds a connection that there is already. */
export function addConnection(
  m: Machine,
  protocol: number,
  source: Endpoint,
  destination: Endpoint,
  fields: { readonly [field: string]: number },
): number {
  const tuple = tupleOf(source, destination)
  if (find(m, protocol, tuple)) throw new RangeError(`there is such a connection already (errno ${EEXIST})`)
  const address = objectsOf(m).build({ struct: 'nf_conn', fields: { status: IPS_CONFIRMED, ...fields } })
  m.connections.push({ address, protocol, tuple })
  return address
}

defineKfuncs({
  bpf_xdp_ct_lookup: lookup,
  bpf_skb_ct_lookup: lookup,
  bpf_xdp_ct_alloc: allocate,
  bpf_skb_ct_alloc: allocate,
  bpf_ct_insert_entry: insert,
  bpf_ct_release: m => m.ret(0),
  bpf_ct_set_status: changeStatus,
  bpf_ct_change_status: changeStatus,
  bpf_ct_set_timeout: changeTimeout,
  bpf_ct_change_timeout: changeTimeout,
})
