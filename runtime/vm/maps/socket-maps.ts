/**
 * Maps of sockets: sockmap, sockhash (net/core/sock_map.c) and reuseport_sockarray (kernel/bpf/reuseport_array.c). From outside a value
 * is a socket's number, where the kernel takes a file descriptor; what a program looks up and stores is the socket.
 */
import type { MapDef } from '../../../linker/object/bpf-object.js'
import { E2BIG, EBADF, EBUSY, EEXIST, EINVAL, ENOENT, ENOTSUPP, EOPNOTSUPP } from '../errno.js'
import { AF_INET, AF_INET6, AF_UNIX, TCP_ESTABLISHED, TCP_LISTEN, type VmSocket } from '../sockets.js'
import { BPF_EXIST, BPF_NOEXIST, defineMap, type MapScope, MapType, VmMap } from './map.js'

const S32_MAX = 0x7fff_ffff

export class SocketMap extends VmMap {
  protected readonly sockets = new Map<string, { readonly key: Uint8Array; readonly socket: VmSocket }>()

  constructor(def: MapDef, scope: MapScope) {
    super(def, scope)
  }

  protected text(key: number): string {
    return String.fromCharCode(...this.m.memory.slice(key, this.def.keySize))
  }

  /** The socket at a key in memory. Sockets that were closed are gone. */
  socketAt(key: number): VmSocket | undefined {
    const text = this.text(key)
    const socket = this.sockets.get(text)?.socket
    if (!socket?.isClosed) return socket
    this.sockets.delete(text)
    return undefined
  }

  private forgetClosed(): void {
    for (const [text, { socket }] of this.sockets) if (socket.isClosed) this.sockets.delete(text)
  }

  override lookup(key: number): number {
    return this.socketAt(key)?.address ?? 0
  }

  /** Why the kernel would not take a socket; 0 where it does. */
  protected refusal(socket: VmSocket): number {
    const { isTcp, isUdp, state, family } = socket
    if (isTcp) return state === TCP_ESTABLISHED || state === TCP_LISTEN ? 0 : -EOPNOTSUPP
    if (isUdp) return socket.local.port === 0 ? -EOPNOTSUPP : 0
    return family === AF_UNIX && state !== TCP_ESTABLISHED && socket.type === 1 ? -EOPNOTSUPP : 0
  }

  /** The same, asked after flags and index were found good. */
  protected lateRefusal(_socket: VmSocket): number {
    return 0
  }

  /** Puts a socket in; what bpf_sock_map_update and bpf_sock_hash_update do. */
  put(key: number, socket: VmSocket, flags: number): number {
    const refusal = this.refusal(socket)
    if (refusal !== 0) return refusal
    if (flags > BPF_EXIST) return -EINVAL
    const index = this.isHash ? 0 : this.m.memory.view.getUint32(key, true)
    if (index >= this.def.maxEntries && !this.isHash) return -E2BIG
    const text = this.text(key)
    const there = this.socketAt(key) !== undefined
    if (there && flags === BPF_NOEXIST) return -EEXIST
    if (!there && flags === BPF_EXIST) return -ENOENT
    const late = this.lateRefusal(socket)
    if (late !== 0) return late
    if (!there && this.isHash && this.sockets.size >= this.def.maxEntries) this.forgetClosed()
    if (!there && this.isHash && this.sockets.size >= this.def.maxEntries) return -E2BIG
    this.sockets.set(text, { key: this.m.memory.bytes.slice(key, key + this.def.keySize), socket })
    return 0
  }

  /** From a program: the value is the socket itself. */
  override update(key: number, value: number, flags: number): number {
    const socket = this.m.sockets.at(value)
    return socket ? this.put(key, socket, flags) : -EINVAL
  }

  override setFromOutside(key: Uint8Array, values: readonly Uint8Array[], flags: number): number {
    const value = values[0]!
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
    const number = value.length === 8 ? view.getBigUint64(0, true) : BigInt(view.getUint32(0, true))
    if (number > S32_MAX) return -EINVAL
    const socket = this.m.sockets.byNumber(Number(number))
    return socket ? this.put(this.scratchKey(key), socket, flags) : -EBADF
  }

  protected get isHash(): boolean {
    return this.def.type === MapType.SOCKHASH
  }

  override remove(key: number): number {
    if (this.sockets.delete(this.text(key))) return 0
    return this.isHash ? -ENOENT : -EINVAL
  }

  /** 8-byte values are cookies, as the kernel gives them; 4-byte ones, which it refuses to show, are numbers of sockets. */
  override valuesOf(key: Uint8Array): Uint8Array[] | undefined {
    const socket = this.socketAt(this.scratchKey(key))
    if (!socket) return undefined
    const value = new Uint8Array(this.def.valueSize)
    const view = new DataView(value.buffer)
    if (value.length === 8) view.setBigUint64(0, socket.cookie, true)
    else view.setUint32(0, socket.number, true)
    return [value]
  }

  override *keys(): Iterable<Uint8Array> {
    this.forgetClosed()
    for (const { key } of [...this.sockets.values()]) yield key.slice()
  }
}

/** Sockets of SO_REUSEPORT groups, for sk_reuseport programs to choose from. A socket is in one such array at most. */
export class ReuseportArray extends SocketMap {
  protected override refusal(): number {
    return 0
  }

  protected override lateRefusal(socket: VmSocket): number {
    const { isTcp, isUdp, family, fixture } = socket
    if ((!isTcp && !isUdp) || (family !== AF_INET && family !== AF_INET6)) return -ENOTSUPP
    if (fixture.reuseport === undefined || (isTcp && !socket.isListening) || socket.local.port === 0) return -EINVAL
    for (const map of this.m.maps)
      if (map instanceof ReuseportArray) for (const each of map.sockets.values()) if (each.socket === socket) return -EBUSY
    return 0
  }

  override update(): number {
    return -EOPNOTSUPP
  }

  override remove(key: number): number {
    if (this.m.memory.view.getUint32(key, true) >= this.def.maxEntries) return -E2BIG
    return this.sockets.delete(this.text(key)) ? 0 : -ENOENT
  }
}

defineMap([MapType.SOCKMAP, MapType.SOCKHASH], (def, scope) => new SocketMap(def, scope))
defineMap([MapType.REUSEPORT_SOCKARRAY], (def, scope) => new ReuseportArray(def, scope))
