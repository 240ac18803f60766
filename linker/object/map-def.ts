/**
 * A BTF-defined map's struct, read as libbpf 1.5 does (parse_btf_map_def): numbers are the lengths of arrays pointed to,
 * keys and values the types pointed to.
 */
import { sizeOf, skipModifiers } from '../btf/btf-file.js'
import { type BtfComposite, BtfKind, type BtfMember, type BtfSet } from '../btf/btf-types.js'
import type { ElfSection } from '../elf/elf-types.js'
import { type MapDef, mapDef } from './bpf-object.js'
import { malformed } from './opening.js'
import { MapType } from './uapi.js'

const PAGE = 4096
type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** Reads one definition; `section` and `offset` say where it stands, for messages. `anyPinning`: loaders have more ways than libbpf's two. */
export function parseMapDef(
  name: string,
  btf: BtfSet,
  struct: BtfComposite,
  section: ElfSection,
  offset: number,
  anyPinning = false,
  isInner = false,
): MapDef {
  const fault = (message: string) => malformed('F0402', `map ${name}: ${message}`, section, offset)
  const def: Writable<MapDef> = mapDef({ name })
  const int = (member: BtfMember): number => {
    const pointer = skipModifiers(btf, member.type).type
    const array = pointer.kind === BtfKind.Ptr ? btf.type(pointer.type) : undefined
    if (array?.kind !== BtfKind.Array) throw fault(`field ${member.name} is not written with __uint`)
    return array.nelems
  }
  const long = (member: BtfMember): bigint => {
    const { type } = skipModifiers(btf, member.type)
    if (type.kind === BtfKind.Ptr) return BigInt(int(member))
    if ((type.kind !== BtfKind.Enum && type.kind !== BtfKind.Enum64) || type.values.length !== 1)
      throw fault(`field ${member.name} is written with neither __uint nor __ulong`)
    return BigInt.asUintN(64, type.values[0]!.value)
  }
  /** Key or value: from a size or a type, which must agree. */
  const size = (which: 'key' | 'value', bytes: number) => {
    const known = which === 'key' ? def.keySize : def.valueSize
    if (known !== 0 && known !== bytes) throw fault(`${which} sizes ${known} and ${bytes} contradict each other`)
    if (which === 'key') def.keySize = bytes
    else def.valueSize = bytes
  }
  const typed = (which: 'key' | 'value', member: BtfMember) => {
    const pointer = btf.type(member.type)
    if (pointer.kind !== BtfKind.Ptr) throw fault(`the ${which} is not written with __type`)
    const bytes = sizeOf(btf, pointer.type)
    if (bytes < 0) throw fault(`the ${which}'s type has no size`)
    size(which, bytes)
    if (which === 'key') def.keyType = pointer.type
    else def.valueType = pointer.type
  }
  struct.members.forEach((member, i) => {
    switch (member.name) {
      case 'type':
        def.type = int(member)
        return
      case 'max_entries':
        def.maxEntries = int(member)
        return
      case 'map_flags':
        def.flags = int(member)
        return
      case 'numa_node':
        def.numaNode = int(member)
        return
      case 'key_size':
        size('key', int(member))
        return
      case 'value_size':
        size('value', int(member))
        return
      case 'key':
      case 'value':
        typed(member.name, member)
        return
      case 'map_extra':
        def.mapExtra = long(member)
        return
      case 'pinning': {
        if (isInner) throw fault('an inner map cannot be pinned')
        const pinning = int(member)
        if (pinning > 1 && !anyPinning) throw fault(`pinning ${pinning} is neither LIBBPF_PIN_NONE nor LIBBPF_PIN_BY_NAME`)
        def.pinning = pinning
        return
      }
      case 'values': {
        if (isInner) throw fault('an inner map cannot have inner maps of its own')
        if (i !== struct.members.length - 1) throw fault("'values' must be the last field")
        const mapInMap = def.type === MapType.ARRAY_OF_MAPS || def.type === MapType.HASH_OF_MAPS
        if (!mapInMap && def.type !== MapType.PROG_ARRAY) throw fault("only maps of maps and program arrays have 'values'")
        size('value', 4)
        const array = btf.type(member.type)
        if (array.kind !== BtfKind.Array || array.nelems !== 0) throw fault("'values' is not an array without length")
        const pointer = skipModifiers(btf, array.type).type
        const target = pointer.kind === BtfKind.Ptr ? skipModifiers(btf, pointer.type).type : undefined
        if (!mapInMap) {
          if (target?.kind !== BtfKind.FuncProto) throw fault("'values' of a program array must point to functions")
          return
        }
        if (target?.kind !== BtfKind.Struct) throw fault("'values' must point to the inner map's definition")
        def.inner = parseMapDef(`${name}.inner`, btf, target, section, offset, anyPinning, true)
        return
      }
      default:
        throw fault(`unknown field ${member.name}`)
    }
  })
  if (def.type === MapType.UNSPEC) throw fault('no type is given')
  if (def.type === MapType.RINGBUF || def.type === MapType.USER_RINGBUF) def.maxEntries = ringbufSize(def.maxEntries)
  return def
}

/** adjust_ringbuf_sz: the next power of two of pages, as the kernel wants it. */
function ringbufSize(bytes: number): number {
  const pages = bytes / PAGE
  if (bytes === 0 || (Number.isInteger(pages) && Number.isInteger(Math.log2(pages)))) return bytes
  for (let size = PAGE; size <= 0xffff_ffff; size *= 2) if (size > bytes) return size
  return bytes
}
