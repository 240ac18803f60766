/**
 * Longest-prefix-match tries (kernel/bpf/lpm_trie.c): a key is a prefix length (u32) and that many bits of data. Kept as one table
 * per prefix length, looked through from the longest down; values lie in the VM's memory.
 */
import type { MapDef } from '../../../linker/object/bpf-object.js'
import { EEXIST, EINVAL, ENOENT, ENOSPC } from '../errno.js'
import type { Region } from '../memory.js'
import { BPF_EXIST, BPF_NOEXIST, defineMap, type MapScope, MapType, VmMap } from './map.js'

class LpmTrie extends VmMap {
  private readonly region: Region
  private readonly stride: number
  private readonly free: number[] = []
  private used = 0
  /** By prefix length: the masked data, one character a byte, to the address of the value. */
  private readonly tables = new Map<number, Map<string, number>>()
  /** Lengths that have entries, longest first. */
  private lengths: number[] = []

  constructor(def: MapDef, scope: MapScope) {
    super(def, scope)
    this.stride = (def.valueSize + 7) & ~7
    this.region = scope.machine.memory.region(`value of map ${def.name}`, this.stride * def.maxEntries, {
      stride: this.stride,
      high: def.valueSize,
    })
  }

  private get maxPrefix(): number {
    return (this.def.keySize - 4) * 8
  }

  private masked(key: number, length: number): string {
    const { bytes } = this.m.memory
    const whole = length >> 3
    let text = ''
    for (let i = 0; i < whole; i++) text += String.fromCharCode(bytes[key + 4 + i]!)
    if (length & 7) text += String.fromCharCode(bytes[key + 4 + whole]! & (0xff00 >> (length & 7)) & 0xff)
    return text
  }

  override lookup(key: number): number {
    const asked = this.m.memory.view.getUint32(key, true)
    if (asked > this.maxPrefix) return 0
    for (const length of this.lengths) {
      if (length > asked) continue
      const address = this.tables.get(length)!.get(this.masked(key, length))
      if (address !== undefined) return address
    }
    return 0
  }

  override update(key: number, value: number, flags: number): number {
    if (flags > BPF_EXIST) return -EINVAL
    const length = this.m.memory.view.getUint32(key, true)
    if (length > this.maxPrefix) return -EINVAL
    let table = this.tables.get(length)
    const data = this.masked(key, length)
    let address = table?.get(data)
    if (address !== undefined && flags === BPF_NOEXIST) return -EEXIST
    if (address === undefined) {
      if (flags === BPF_EXIST) return -ENOENT
      if (this.used - this.free.length >= this.def.maxEntries) return -ENOSPC
      address = this.free.pop() ?? this.region.start + this.used++ * this.stride
      if (!table) {
        table = new Map()
        this.tables.set(length, table)
        this.lengths = [...this.tables.keys()].sort((a, b) => b - a)
      }
      table.set(data, address)
    }
    this.m.memory.bytes.copyWithin(address, value, value + this.def.valueSize)
    return 0
  }

  override remove(key: number): number {
    const length = this.m.memory.view.getUint32(key, true)
    if (length > this.maxPrefix) return -EINVAL
    const table = this.tables.get(length)
    const data = this.masked(key, length)
    const address = table?.get(data)
    if (address === undefined) return -ENOENT
    table!.delete(data)
    this.free.push(address)
    if (table!.size === 0) {
      this.tables.delete(length)
      this.lengths = this.lengths.filter(each => each !== length)
    }
    return 0
  }

  override *keys(): Iterable<Uint8Array> {
    for (const length of this.lengths)
      for (const data of this.tables.get(length)!.keys()) {
        const key = new Uint8Array(this.def.keySize)
        new DataView(key.buffer).setUint32(0, length, true)
        for (let i = 0; i < data.length; i++) key[4 + i] = data.charCodeAt(i)
        yield key
      }
  }
}

defineMap([MapType.LPM_TRIE], (def, scope) => new LpmTrie(def, scope))
