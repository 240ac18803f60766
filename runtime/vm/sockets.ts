/**
 * Sockets that a test puts into the VM's network. Programs see one in up to three shapes, each at an address of its own: `struct
 * bpf_sock` and `struct bpf_tcp_sock` as the uapi header has them, and the kernel's own struct, laid out by its BTF. Helpers take any
 * of them for the socket.
 */
import type { Fixture, FixtureValue, KernelObjects } from './kernel-objects.js'
import type { VmMemory } from './memory.js'
import { ipv4Bytes, ipv6Bytes } from './packets/addresses.js'

export const AF_UNIX = 1
export const AF_INET = 2
export const AF_INET6 = 10
export const SOCK_STREAM = 1
export const SOCK_DGRAM = 2
export const IPPROTO_TCP = 6
export const IPPROTO_UDP = 17
/** States of TCP sockets that matter here (include/net/tcp_states.h). */
export const TCP_ESTABLISHED = 1
export const TCP_CLOSE = 7
export const TCP_LISTEN = 10

const BPF_SOCK_BYTES = 80
const BPF_TCP_SOCK_BYTES = 112

/** Words of `struct bpf_tcp_sock` in order; the two of 8 bytes are at 80 and 88. */
const tcpWords = [
  ...['snd_cwnd', 'srtt_us', 'rtt_min', 'snd_ssthresh', 'rcv_nxt', 'snd_nxt', 'snd_una', 'mss_cache', 'ecn_flags'],
  ...['rate_delivered', 'rate_interval_us', 'packets_out', 'retrans_out', 'total_retrans', 'segs_in', 'data_segs_in'],
  ...['segs_out', 'data_segs_out', 'lost_out', 'sacked_out'],
]
const tcpTail = ['dsack_dups', 'delivered', 'delivered_ce', 'icsk_retransmits']

/** What a test says of a socket. Addresses read `10.0.0.1:80` or `[2001:db8::1]:80`. */
export interface SocketFixture {
  /** AF_INET (2), AF_INET6 (10) or AF_UNIX (1); from the addresses when left out. */
  readonly family?: number
  /** SOCK_STREAM (1, the default) or SOCK_DGRAM (2). */
  readonly type?: number
  /** By the type when left out: TCP (6) or UDP (17). */
  readonly protocol?: number
  readonly local?: string
  readonly remote?: string
  /** Default: established with a remote address, listening without; datagram sockets are TCP_CLOSE (7), as in the kernel. */
  readonly state?: number
  /** Default: the socket's number. */
  readonly cookie?: bigint
  readonly uid?: number
  /** Id of its cgroup and of that cgroup's ancestors, root first. */
  readonly cgroupId?: bigint
  readonly cgroupAncestors?: readonly bigint[]
  readonly mark?: number
  readonly priority?: number
  /** The device it is bound to. */
  readonly device?: number
  /** Id of its network namespace, if it is another than the program's. */
  readonly netns?: number
  /** Sockets of one SO_REUSEPORT group have the same name here. */
  readonly reuseport?: string
  /** Fields of `struct bpf_tcp_sock`. */
  readonly tcp?: Readonly<Record<string, number | bigint>>
  /** More fields of the kernel's struct (tcp_sock, udp_sock, unix_sock …), by path. */
  readonly fields?: { readonly [field: string]: FixtureValue }
}

export interface Endpoint {
  /** 4 or 16 bytes; empty for sockets without addresses. */
  readonly address: Uint8Array
  readonly port: number
}

const NOWHERE: Endpoint = { address: new Uint8Array(0), port: 0 }

/** `10.0.0.1:80` or `[::1]:80`. */
export function endpoint(text: string): Endpoint {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text)
  if (!match || Number(match[3]) > 0xffff) throw new RangeError(`'${text}' must read ADDRESS:PORT, with IPv6 addresses in []`)
  return { address: match[1] !== undefined ? ipv6Bytes(match[1]) : ipv4Bytes(match[2]!), port: Number(match[3]) }
}

export class VmSocket {
  readonly family: number
  readonly type: number
  readonly protocol: number
  readonly local: Endpoint
  readonly remote: Endpoint
  readonly cookie: bigint
  readonly uid: number
  state: number
  mark: number
  priority: number
  device: number
  /** Flags of bpf_sock_ops_cb_flags_set. */
  callbacks = 0
  /** Socket options that were set, by `level:name`. */
  readonly options = new Map<string, Uint8Array>()
  /** Address of its `struct bpf_sock`; what storage and maps know it by. */
  readonly address: number
  isClosed = false
  private tcpAddress = 0
  private kernelAddress = 0

  constructor(
    /** From 1 on: the value that stands for it in sockmaps filled from outside, as a file descriptor does. */
    readonly number: number,
    readonly fixture: SocketFixture,
    private readonly owner: Sockets,
  ) {
    this.local = fixture.local === undefined ? NOWHERE : endpoint(fixture.local)
    this.remote = fixture.remote === undefined ? NOWHERE : endpoint(fixture.remote)
    const long = this.local.address.length === 16 || this.remote.address.length === 16
    this.family = fixture.family ?? (long ? AF_INET6 : AF_INET)
    this.type = fixture.type ?? SOCK_STREAM
    this.protocol = fixture.protocol ?? (this.family === AF_UNIX ? 0 : this.type === SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP)
    const stream = fixture.remote === undefined && this.family !== AF_UNIX ? TCP_LISTEN : TCP_ESTABLISHED
    this.state = fixture.state ?? (this.type === SOCK_STREAM ? stream : TCP_CLOSE)
    this.cookie = fixture.cookie ?? BigInt(number)
    this.uid = fixture.uid ?? 0
    this.mark = fixture.mark ?? 0
    this.priority = fixture.priority ?? 0
    this.device = fixture.device ?? 0
    this.address = owner.memory.region(`struct bpf_sock ${number}`, BPF_SOCK_BYTES, { writable: false }).start
    owner.know(this.address, this)
    this.sync()
  }

  get isTcp(): boolean {
    return this.protocol === IPPROTO_TCP && this.family !== AF_UNIX
  }

  get isUdp(): boolean {
    return this.protocol === IPPROTO_UDP && this.family !== AF_UNIX
  }

  get isListening(): boolean {
    return this.isTcp && this.state === TCP_LISTEN
  }

  /** Closes it: lookups and maps have it no more, as when the last descriptor of a socket goes. */
  close(): void {
    this.state = TCP_CLOSE
    this.isClosed = true
    this.sync()
  }

  /** Writes what programs read in `struct bpf_sock`; to be called after a field changed. */
  sync(): void {
    const { memory } = this.owner
    const { view } = memory
    const at = this.address
    for (const [index, word] of [this.device, this.family, this.type, this.protocol, this.mark, this.priority].entries())
      view.setUint32(at + index * 4, word, true)
    memory.write(at + (this.local.address.length === 16 ? 28 : 24), this.local.address)
    view.setUint32(at + 44, this.local.port, true)
    view.setUint16(at + 48, this.remote.port, false)
    memory.write(at + (this.remote.address.length === 16 ? 56 : 52), this.remote.address)
    view.setUint32(at + 72, this.state, true)
  }

  /** Address of its `struct bpf_tcp_sock`; 0 where it is no TCP socket. */
  tcp(): number {
    if (!this.isTcp) return 0
    if (this.tcpAddress !== 0) return this.tcpAddress
    const { memory } = this.owner
    const at = memory.region(`struct bpf_tcp_sock ${this.number}`, BPF_TCP_SOCK_BYTES, { writable: false }).start
    this.tcpAddress = at
    this.owner.know(at, this)
    for (const [name, value] of Object.entries(this.fixture.tcp ?? {})) {
      const long = ['bytes_received', 'bytes_acked'].indexOf(name)
      const word = tcpWords.indexOf(name)
      const tail = tcpTail.indexOf(name)
      if (long >= 0) memory.view.setBigUint64(at + 80 + long * 8, BigInt(value), true)
      else if (word >= 0) memory.view.setUint32(at + word * 4, Number(value), true)
      else if (tail >= 0) memory.view.setUint32(at + 96 + tail * 4, Number(value), true)
      else throw new RangeError(`struct bpf_tcp_sock has no field ${name}`)
    }
    return at
  }

  /** Address of the kernel's own struct; needs the kernel's BTF. */
  kernel(): number {
    if (this.kernelAddress === 0) {
      this.kernelAddress = this.owner.objects.build(this.kernelFixture())
      this.owner.know(this.kernelAddress, this)
    }
    return this.kernelAddress
  }

  private kernelFixture(): Fixture {
    const { struct, path } = this.kernelShape()
    const at = (field: string) => (path ? `${path}.${field}` : field)
    const ipv6: Record<string, FixtureValue> = {}
    if (this.family === AF_INET6) {
      ipv6[at('__sk_common.skc_v6_daddr')] = this.remote.address
      ipv6[at('__sk_common.skc_v6_rcv_saddr')] = this.local.address
    } else if (this.family === AF_INET) {
      const word = (bytes: Uint8Array) => bytes.reduceRight((all, byte) => all * 256 + byte, 0)
      ipv6[at('__sk_common.skc_daddr')] = word(this.remote.address)
      ipv6[at('__sk_common.skc_rcv_saddr')] = word(this.local.address)
    }
    const swapped = ((this.remote.port & 255) << 8) | (this.remote.port >> 8)
    return {
      struct,
      fields: {
        [at('__sk_common.skc_family')]: this.family,
        [at('__sk_common.skc_state')]: this.state,
        [at('__sk_common.skc_num')]: this.local.port,
        [at('__sk_common.skc_dport')]: swapped,
        [at('__sk_common.skc_bound_dev_if')]: this.device,
        [at('__sk_common.skc_cookie.counter')]: this.cookie,
        [at('sk_type')]: this.type,
        [at('sk_protocol')]: this.protocol,
        [at('sk_mark')]: this.mark,
        [at('sk_priority')]: this.priority,
        ...ipv6,
        ...this.fixture.fields,
      },
    }
  }

  /** The kernel's struct for its protocol, and where the `struct sock` is in it. */
  private kernelShape(): { readonly struct: string; readonly path: string } {
    const { objects } = this.owner
    if (this.isTcp) {
      if (this.family === AF_INET6 && objects.has('tcp6_sock')) return { struct: 'tcp6_sock', path: 'tcp.inet_conn.icsk_inet.sk' }
      return { struct: 'tcp_sock', path: 'inet_conn.icsk_inet.sk' }
    }
    if (this.isUdp) {
      if (this.family === AF_INET6 && objects.has('udp6_sock')) return { struct: 'udp6_sock', path: 'udp.inet.sk' }
      return { struct: 'udp_sock', path: 'inet.sk' }
    }
    if (this.family === AF_UNIX) return { struct: 'unix_sock', path: 'sk' }
    return { struct: 'sock', path: '' }
  }
}

/** What a lookup by addresses asks for: the far end and the near end, as a packet on its way in has them. */
export interface SocketTuple {
  readonly family: number
  readonly protocol: number
  readonly remote: Endpoint
  readonly local: Endpoint
}

const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, index) => byte === b[index])
const isAny = (address: Uint8Array) => address.every(byte => byte === 0)

export class Sockets {
  private readonly all: VmSocket[] = []
  private readonly byAddress = new Map<number, VmSocket>()
  private readonly byFixture = new WeakMap<SocketFixture, VmSocket>()

  constructor(
    readonly memory: VmMemory,
    readonly objects: KernelObjects,
  ) {}

  /** Adds a socket; the same fixture is the same socket. */
  add(fixture: SocketFixture): VmSocket {
    const known = this.byFixture.get(fixture)
    if (known) return known
    const socket = new VmSocket(this.all.length + 1, fixture, this)
    this.all.push(socket)
    this.byFixture.set(fixture, socket)
    return socket
  }

  know(address: number, socket: VmSocket): void {
    this.byAddress.set(address, socket)
  }

  /** The socket one of whose structs lies at an address. */
  at(address: number): VmSocket | undefined {
    return this.byAddress.get(address)
  }

  list(): readonly VmSocket[] {
    return this.all
  }

  byNumber(number: number): VmSocket | undefined {
    return this.all[number - 1]
  }

  /** As __inet_lookup: a connection of exactly these ends, else whoever listens there (`0.0.0.0` hears all). */
  find(tuple: SocketTuple, netns: number | undefined): VmSocket | undefined {
    const there = this.all.filter(
      ({ fixture, family, protocol, local, isClosed }) =>
        !isClosed &&
        fixture.netns === netns &&
        family === tuple.family &&
        protocol === tuple.protocol &&
        local.port === tuple.local.port,
    )
    const connected = there.find(
      ({ local, remote }) =>
        remote.port === tuple.remote.port &&
        remote.port !== 0 &&
        same(remote.address, tuple.remote.address) &&
        same(local.address, tuple.local.address),
    )
    if (connected) return connected
    const waiting = there.filter(({ remote, state, isTcp }) => remote.port === 0 && (!isTcp || state === TCP_LISTEN))
    return (
      waiting.find(({ local }) => same(local.address, tuple.local.address)) ?? waiting.find(({ local }) => isAny(local.address))
    )
  }
}
