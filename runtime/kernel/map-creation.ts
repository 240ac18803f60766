/**
 * Which maps the kernel makes: what each type takes as sizes, number of entries and flags (the map_alloc_check and map_alloc functions of
 * kernel/bpf/*.c and net/core/sock_map.c, 6.12 and 6.18). Memory that runs out and file descriptors of inner maps are not looked at.
 */
import type { MapDef } from '../../linker/object/bpf-object.js'
import { MapType } from '../../linker/object/uapi.js'

const NO_PREALLOC = 1
const NO_COMMON_LRU = 2
const NUMA_NODE = 4
const RDONLY = 8
const WRONLY = 0x10
const STACK_BUILD_ID = 0x20
const ZERO_SEED = 0x40
const RDONLY_PROG = 0x80
const WRONLY_PROG = 0x100
const CLONE = 0x200
const MMAPABLE = 0x400
const PRESERVE_ELEMS = 0x800
const INNER_MAP = 0x1000
const SEGV_ON_FAULT = 0x2_0000
const NO_USER_CONV = 0x4_0000
const FILE_ACCESS = RDONLY | WRONLY
const ACCESS = FILE_ACCESS | RDONLY_PROG | WRONLY_PROG

const EINVAL = 22
const E2BIG = 7
const ERANGE = 34
const ENOTSUPP = 524

/** PCPU_MIN_UNIT_SIZE: what one CPU's part of a value may take. */
const PER_CPU_BYTES = 32 << 10
/** KMALLOC_MAX_SIZE with pages of 4 KB, and about what an element of a hash map needs beside key and value. */
const KMALLOC_BYTES = 4 << 20
const HASH_ELEMENT = 56
/** BPF_LOCAL_STORAGE_MAX_VALUE_SIZE: 64 KB less the element's header. */
const STORAGE_BYTES = 0xffff - 128
const TRIE_PREFIX = 4
const TRIE_DATA = 256
/** sysctl kernel.perf_event_max_stack as it is from the start. */
const MAX_STACK = 127
const BUILD_ID_ENTRY = 32
const STACK_BYTES = 512
/** CONFIG_NR_CPUS of common distributions. */
const NR_CPUS = 8192
const PAGE_BYTES = 4096
const SOCKET_SIZES = [4, 8]

type Rule = (def: MapDef) => number

const only = (def: MapDef, flags: number): boolean => (def.flags & ~flags) === 0
/** bpf_map_flags_access_ok. */
const accessOk = (def: MapDef): boolean => (def.flags & (RDONLY_PROG | WRONLY_PROG)) !== (RDONLY_PROG | WRONLY_PROG)
const rounded = (size: number): number => Math.ceil(size / 8) * 8

const array: Rule = def => {
  const perCpu = def.type === MapType.PERCPU_ARRAY
  if (def.maxEntries === 0 || def.keySize !== 4 || def.valueSize === 0) return EINVAL
  if (!only(def, NUMA_NODE | MMAPABLE | ACCESS | PRESERVE_ELEMS | INNER_MAP) || !accessOk(def)) return EINVAL
  if (perCpu && def.flags & NUMA_NODE) return EINVAL
  if (def.type !== MapType.ARRAY && def.flags & (MMAPABLE | INNER_MAP)) return EINVAL
  if (def.type !== MapType.PERF_EVENT_ARRAY && def.flags & PRESERVE_ELEMS) return EINVAL
  return def.valueSize > 0x7fff_ffff || (perCpu && rounded(def.valueSize) > PER_CPU_BYTES) ? E2BIG : 0
}

/** Arrays of programs, events, cgroups, maps: values are file descriptors. */
const fdArray: Rule = def => (def.valueSize !== 4 || def.flags & (RDONLY_PROG | WRONLY_PROG) ? EINVAL : array(def))

const hash: Rule = def => {
  const lru = def.type === MapType.LRU_HASH || def.type === MapType.LRU_PERCPU_HASH
  const perCpu = def.type === MapType.PERCPU_HASH || def.type === MapType.LRU_PERCPU_HASH
  if (!only(def, NO_PREALLOC | NO_COMMON_LRU | NUMA_NODE | ACCESS | ZERO_SEED) || !accessOk(def)) return EINVAL
  if (!lru && def.flags & NO_COMMON_LRU) return EINVAL
  if (lru && def.flags & NO_PREALLOC) return ENOTSUPP
  if (def.flags & NUMA_NODE && (perCpu || def.flags & NO_COMMON_LRU)) return EINVAL
  if (def.maxEntries === 0 || def.keySize === 0 || def.valueSize === 0) return EINVAL
  if (def.keySize + def.valueSize >= KMALLOC_BYTES - HASH_ELEMENT) return E2BIG
  return perCpu && rounded(def.valueSize) > PER_CPU_BYTES ? E2BIG : 0
}

const fdHash: Rule = def => (def.valueSize === 4 ? hash(def) : EINVAL)

const trie: Rule = def =>
  def.maxEntries === 0 ||
  !(def.flags & NO_PREALLOC) ||
  !only(def, NO_PREALLOC | NUMA_NODE | ACCESS) ||
  !accessOk(def) ||
  def.keySize <= TRIE_PREFIX ||
  def.keySize > TRIE_PREFIX + TRIE_DATA ||
  def.valueSize === 0 ||
  def.valueSize > KMALLOC_BYTES - TRIE_DATA - HASH_ELEMENT
    ? EINVAL
    : 0

const queue: Rule = def => {
  if (def.maxEntries === 0 || def.keySize !== 0 || def.valueSize === 0) return EINVAL
  if (!only(def, NUMA_NODE | ACCESS) || !accessOk(def)) return EINVAL
  return def.valueSize > KMALLOC_BYTES || def.maxEntries >= Math.floor(0xffff_ffff / def.valueSize) ? E2BIG : 0
}

const bloom: Rule = def => {
  if (def.valueSize > KMALLOC_BYTES) return E2BIG
  if (def.keySize !== 0 || def.valueSize === 0 || def.maxEntries === 0) return EINVAL
  return !only(def, NUMA_NODE | ZERO_SEED | ACCESS) || !accessOk(def) || def.mapExtra & ~0xfn ? EINVAL : 0
}

/** Loaders round the size up to pages and a power of two before they ask. */
const ring: Rule = def =>
  !only(def, NUMA_NODE) ||
  def.keySize !== 0 ||
  def.valueSize !== 0 ||
  def.maxEntries % PAGE_BYTES !== 0 ||
  def.maxEntries === 0 ||
  (def.maxEntries & (def.maxEntries - 1)) !== 0
    ? EINVAL
    : 0

const stackTrace: Rule = def => {
  if (!only(def, NUMA_NODE | FILE_ACCESS | STACK_BUILD_ID)) return EINVAL
  if (def.maxEntries === 0 || def.keySize !== 4 || def.valueSize < 8 || def.valueSize % 8) return EINVAL
  const entry = def.flags & STACK_BUILD_ID ? BUILD_ID_ENTRY : 8
  if (def.valueSize % entry || def.valueSize / entry > MAX_STACK) return EINVAL
  return def.maxEntries > 2 ** 31 ? E2BIG : 0
}

const devices: Rule = def =>
  def.maxEntries === 0 ||
  def.keySize !== 4 ||
  !SOCKET_SIZES.includes(def.valueSize) ||
  !only(def, NUMA_NODE | FILE_ACCESS) ||
  (def.type === MapType.DEVMAP_HASH && def.maxEntries > 2 ** 31)
    ? EINVAL
    : 0

const processors: Rule = def => {
  if (def.maxEntries === 0 || def.keySize !== 4 || !SOCKET_SIZES.includes(def.valueSize) || !only(def, NUMA_NODE)) return EINVAL
  return def.maxEntries > NR_CPUS ? E2BIG : 0
}

const afXdp: Rule = def =>
  def.maxEntries === 0 || def.keySize !== 4 || def.valueSize !== 4 || !only(def, NUMA_NODE | FILE_ACCESS) ? EINVAL : 0

const sockets: Rule = def => {
  const isHash = def.type === MapType.SOCKHASH
  if (def.maxEntries === 0 || !SOCKET_SIZES.includes(def.valueSize) || !only(def, NUMA_NODE | FILE_ACCESS)) return EINVAL
  if (isHash ? def.keySize === 0 : def.keySize !== 4 || def.maxEntries > 0x7fff_ffff) return EINVAL
  return isHash && def.keySize > STACK_BYTES ? E2BIG : 0
}

/** Types of keys and values must be known, too, which an object without BTF cannot say. */
const storage: Rule = def => {
  if (!only(def, NO_PREALLOC | CLONE) || !(def.flags & NO_PREALLOC)) return EINVAL
  if (def.maxEntries !== 0 || def.keySize !== 4 || def.valueSize === 0) return EINVAL
  return def.valueSize > STORAGE_BYTES ? E2BIG : 0
}

const cgroupStorage: Rule = def => {
  if ((def.keySize !== 16 && def.keySize !== 8) || def.valueSize === 0) return EINVAL
  if (def.valueSize > (def.type === MapType.PERCPU_CGROUP_STORAGE ? PER_CPU_BYTES : STORAGE_BYTES)) return E2BIG
  return !only(def, NUMA_NODE | ACCESS) || !accessOk(def) || def.maxEntries !== 0 ? EINVAL : 0
}

const arena: Rule = def => {
  if (def.keySize !== 0 || def.valueSize !== 0 || def.maxEntries === 0 || !(def.flags & MMAPABLE)) return EINVAL
  if (!only(def, SEGV_ON_FAULT | MMAPABLE | NO_USER_CONV) || def.mapExtra & 0xfffn) return EINVAL
  const bytes = BigInt(def.maxEntries) * BigInt(PAGE_BYTES)
  if (bytes > 1n << 32n) return E2BIG
  return def.mapExtra >> 32n !== (def.mapExtra + bytes - 1n) >> 32n ? ERANGE : 0
}

const rules: Readonly<Record<number, Rule>> = {
  [MapType.HASH]: hash,
  [MapType.PERCPU_HASH]: hash,
  [MapType.LRU_HASH]: hash,
  [MapType.LRU_PERCPU_HASH]: hash,
  [MapType.HASH_OF_MAPS]: fdHash,
  [MapType.ARRAY]: array,
  [MapType.PERCPU_ARRAY]: array,
  [MapType.PROG_ARRAY]: fdArray,
  [MapType.PERF_EVENT_ARRAY]: fdArray,
  [MapType.CGROUP_ARRAY]: fdArray,
  [MapType.ARRAY_OF_MAPS]: fdArray,
  [MapType.STACK_TRACE]: stackTrace,
  [MapType.LPM_TRIE]: trie,
  [MapType.DEVMAP]: devices,
  [MapType.DEVMAP_HASH]: devices,
  [MapType.SOCKMAP]: sockets,
  [MapType.SOCKHASH]: sockets,
  [MapType.CPUMAP]: processors,
  [MapType.XSKMAP]: afXdp,
  [MapType.CGROUP_STORAGE]: cgroupStorage,
  [MapType.PERCPU_CGROUP_STORAGE]: cgroupStorage,
  [MapType.REUSEPORT_SOCKARRAY]: def => (SOCKET_SIZES.includes(def.valueSize) ? array(def) : EINVAL),
  [MapType.QUEUE]: queue,
  [MapType.STACK]: queue,
  [MapType.SK_STORAGE]: storage,
  [MapType.INODE_STORAGE]: storage,
  [MapType.TASK_STORAGE]: storage,
  [MapType.CGRP_STORAGE]: storage,
  [MapType.RINGBUF]: ring,
  [MapType.USER_RINGBUF]: ring,
  [MapType.BLOOM_FILTER]: bloom,
  [MapType.ARENA]: arena,
}

/**
 * What loaders ask for in the place of a definition: perf event arrays of as many entries as CPUs, with keys and values of 4 bytes where the source says
 * neither (ebpf-go), rings of whole pages and a power of two (libbpf).
 */
export function asLoaded(def: MapDef, cpus: number): MapDef {
  const { type, maxEntries } = def
  if (type === MapType.PERF_EVENT_ARRAY) {
    const sizes = def.keySize === 0 && def.valueSize === 0 ? { keySize: 4, valueSize: 4 } : {}
    return { ...def, ...sizes, maxEntries: maxEntries || cpus }
  }
  if ((type !== MapType.RINGBUF && type !== MapType.USER_RINGBUF) || maxEntries === 0 || maxEntries > 2 ** 31) return def
  return { ...def, maxEntries: 2 ** Math.ceil(Math.log2(Math.max(maxEntries, PAGE_BYTES))) }
}

/** The errno with which BPF_MAP_CREATE refuses a definition, 0 where it does not. A type without rule is not judged. */
export function mapCreationErrno(def: MapDef): number {
  if (def.type !== MapType.BLOOM_FILTER && def.type !== MapType.ARENA && def.mapExtra !== 0n) return EINVAL
  if ((def.flags & FILE_ACCESS) === FILE_ACCESS) return EINVAL
  return rules[def.type]?.(def) ?? 0
}
