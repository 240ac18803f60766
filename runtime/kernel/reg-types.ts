/** Register, argument and return types with their flags, in the kernel's names (include/linux/bpf.h, 6.12). Numbers are ours. */

export const RegType = {
  NOT_INIT: 0,
  SCALAR_VALUE: 1,
  PTR_TO_CTX: 2,
  CONST_PTR_TO_MAP: 3,
  PTR_TO_MAP_VALUE: 4,
  PTR_TO_MAP_KEY: 5,
  PTR_TO_STACK: 6,
  PTR_TO_PACKET_META: 7,
  PTR_TO_PACKET: 8,
  PTR_TO_PACKET_END: 9,
  PTR_TO_FLOW_KEYS: 10,
  PTR_TO_SOCKET: 11,
  PTR_TO_SOCK_COMMON: 12,
  PTR_TO_TCP_SOCK: 13,
  PTR_TO_TP_BUFFER: 14,
  PTR_TO_XDP_SOCK: 15,
  PTR_TO_BTF_ID: 16,
  PTR_TO_MEM: 17,
  PTR_TO_ARENA: 18,
  PTR_TO_BUF: 19,
  PTR_TO_FUNC: 20,
  CONST_PTR_TO_DYNPTR: 21,
} as const

export const ArgType = {
  DONTCARE: 0,
  CONST_MAP_PTR: 1,
  PTR_TO_MAP_KEY: 2,
  PTR_TO_MAP_VALUE: 3,
  PTR_TO_MEM: 4,
  PTR_TO_ARENA: 5,
  CONST_SIZE: 6,
  CONST_SIZE_OR_ZERO: 7,
  PTR_TO_CTX: 8,
  ANYTHING: 9,
  SCALAR: 10,
  PTR_TO_SPIN_LOCK: 11,
  PTR_TO_SOCK_COMMON: 12,
  PTR_TO_SOCKET: 13,
  PTR_TO_BTF_ID: 14,
  PTR_TO_RINGBUF_MEM: 15,
  CONST_ALLOC_SIZE_OR_ZERO: 16,
  PTR_TO_BTF_ID_SOCK_COMMON: 17,
  PTR_TO_PERCPU_BTF_ID: 18,
  PTR_TO_FUNC: 19,
  PTR_TO_STACK: 20,
  PTR_TO_CONST_STR: 21,
  PTR_TO_TIMER: 22,
  KPTR_XCHG_DEST: 23,
  PTR_TO_DYNPTR: 24,
  /** Names of 6.1 that later became flags or other types. */
  PTR_TO_KPTR: 23,
  PTR_TO_INT: 25,
  PTR_TO_LONG: 26,
} as const

export const RetType = {
  INTEGER: 0,
  VOID: 1,
  PTR_TO_MAP_VALUE: 2,
  PTR_TO_SOCKET: 3,
  PTR_TO_TCP_SOCK: 4,
  PTR_TO_SOCK_COMMON: 5,
  PTR_TO_MEM: 6,
  PTR_TO_MEM_OR_BTF_ID: 7,
  PTR_TO_BTF_ID: 8,
} as const

const BASE_BITS = 8
const bit = (n: number) => 1 << (n + BASE_BITS)

/** Flags that are added to a base type. */
export const TypeFlag = {
  PTR_MAYBE_NULL: bit(0),
  MEM_RDONLY: bit(1),
  MEM_RINGBUF: bit(2),
  MEM_USER: bit(3),
  MEM_PERCPU: bit(4),
  OBJ_RELEASE: bit(5),
  PTR_UNTRUSTED: bit(6),
  MEM_UNINIT: bit(7),
  DYNPTR_TYPE_LOCAL: bit(8),
  DYNPTR_TYPE_RINGBUF: bit(9),
  MEM_FIXED_SIZE: bit(10),
  MEM_ALLOC: bit(11),
  PTR_TRUSTED: bit(12),
  MEM_RCU: bit(13),
  NON_OWN_REF: bit(14),
  DYNPTR_TYPE_SKB: bit(15),
  DYNPTR_TYPE_XDP: bit(16),
  MEM_ALIGNED: bit(17),
  MEM_WRITE: bit(18),
  DYNPTR_TYPE_SKB_META: bit(19),
  DYNPTR_TYPE_FILE: bit(20),
} as const

export const DYNPTR_TYPE_FLAG_MASK =
  TypeFlag.DYNPTR_TYPE_LOCAL |
  TypeFlag.DYNPTR_TYPE_RINGBUF |
  TypeFlag.DYNPTR_TYPE_SKB |
  TypeFlag.DYNPTR_TYPE_XDP |
  TypeFlag.DYNPTR_TYPE_SKB_META |
  TypeFlag.DYNPTR_TYPE_FILE

export const baseType = (type: number): number => type & ((1 << BASE_BITS) - 1)
export const typeFlags = (type: number): number => type & ~((1 << BASE_BITS) - 1)
