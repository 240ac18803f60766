/** Maps as the verifier needs them: sizes, flags, special fields, and the bytes of frozen ones. */
import type { MapDef } from '../../../linker/object/bpf-object.js'
import { BPF_F_RDONLY_PROG, MapType } from '../../../linker/object/uapi.js'
import { type BtfRecord, parseRecord } from './btf-record.js'
import type { BtfView } from './btf-view.js'

const BPF_F_WRONLY_PROG = 1 << 8

export class VerifierMap {
  readonly type: number
  readonly name: string
  readonly keySize: number
  readonly valueSize: number
  readonly maxEntries: number
  readonly flags: number
  readonly record: BtfRecord | undefined
  /** Template of the inner maps, for maps of maps. */
  readonly inner: VerifierMap | undefined
  readonly hasBtf: boolean

  constructor(
    readonly def: MapDef,
    btf: BtfView | undefined,
    kernel: BtfView | undefined,
  ) {
    this.type = def.type
    this.name = def.name.slice(0, 15)
    this.keySize = def.keySize
    this.valueSize = def.valueSize
    this.maxEntries = def.maxEntries
    this.flags = def.flags
    this.hasBtf = btf !== undefined && def.valueType !== 0
    this.record = btf && def.valueType ? parseRecord(btf, def.valueType, kernel) : undefined
    this.inner = def.inner ? new VerifierMap(def.inner, btf, kernel) : undefined
  }

  get programsMayRead(): boolean {
    return (this.flags & BPF_F_WRONLY_PROG) === 0
  }

  get programsMayWrite(): boolean {
    return (this.flags & BPF_F_RDONLY_PROG) === 0
  }

  /** Contents that no program and no user can change any more: a frozen map that is read-only for programs. */
  get constantBytes(): Uint8Array | undefined {
    return this.def.data?.readonly && this.flags & BPF_F_RDONLY_PROG ? this.def.data.bytes : undefined
  }

  /** Values can be pointed into directly (map_direct_value_addr). */
  get directValues(): boolean {
    return this.type === MapType.ARRAY || this.type === MapType.ARENA
  }
}
