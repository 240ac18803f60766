/** Which registers an argument of a helper may be (compatible_reg_types), before and since pointers carry trust (6.2). */
import { ArgType, RegType, TypeFlag } from '../../kernel/reg-types.js'

const { MEM_RINGBUF, PTR_TRUSTED, MEM_RCU, MEM_PERCPU, MEM_ALLOC } = TypeFlag
const BTF = RegType.PTR_TO_BTF_ID
type Table = Readonly<Record<number, readonly number[]>>

const sockTypes = [RegType.PTR_TO_SOCK_COMMON, RegType.PTR_TO_SOCKET, RegType.PTR_TO_TCP_SOCK, RegType.PTR_TO_XDP_SOCK]
const plainMemory = [
  RegType.PTR_TO_STACK,
  RegType.PTR_TO_PACKET,
  RegType.PTR_TO_PACKET_META,
  RegType.PTR_TO_MAP_KEY,
  RegType.PTR_TO_MAP_VALUE,
]
/** All that is memory; since 6.2 with structs of the kernel that may be read. */
export const memTypes: readonly number[] = [
  ...plainMemory,
  RegType.PTR_TO_MEM,
  RegType.PTR_TO_MEM | MEM_RINGBUF,
  RegType.PTR_TO_BUF,
  BTF | PTR_TRUSTED,
]
const memTypes61: readonly number[] = [...plainMemory, RegType.PTR_TO_MEM, RegType.PTR_TO_MEM | MEM_RINGBUF, RegType.PTR_TO_BUF]

const common: Table = {
  [ArgType.CONST_SIZE]: [RegType.SCALAR_VALUE],
  [ArgType.CONST_SIZE_OR_ZERO]: [RegType.SCALAR_VALUE],
  [ArgType.CONST_ALLOC_SIZE_OR_ZERO]: [RegType.SCALAR_VALUE],
  [ArgType.SCALAR]: [RegType.SCALAR_VALUE],
  [ArgType.CONST_MAP_PTR]: [RegType.CONST_PTR_TO_MAP],
  [ArgType.PTR_TO_CTX]: [RegType.PTR_TO_CTX],
  [ArgType.PTR_TO_SOCK_COMMON]: sockTypes,
  [ArgType.PTR_TO_SOCKET]: [RegType.PTR_TO_SOCKET],
  [ArgType.PTR_TO_RINGBUF_MEM]: [RegType.PTR_TO_MEM | MEM_RINGBUF],
  [ArgType.PTR_TO_FUNC]: [RegType.PTR_TO_FUNC],
  [ArgType.PTR_TO_STACK]: [RegType.PTR_TO_STACK],
  [ArgType.PTR_TO_CONST_STR]: [RegType.PTR_TO_MAP_VALUE],
  [ArgType.PTR_TO_TIMER]: [RegType.PTR_TO_MAP_VALUE],
  [ArgType.PTR_TO_DYNPTR]: [RegType.PTR_TO_STACK, RegType.CONST_PTR_TO_DYNPTR],
}

/** 6.2 and later. */
export const compatibleWithTrust: Table = {
  ...common,
  [ArgType.PTR_TO_MAP_KEY]: memTypes,
  [ArgType.PTR_TO_MAP_VALUE]: memTypes,
  [ArgType.PTR_TO_BTF_ID_SOCK_COMMON]: [...sockTypes, BTF, BTF | PTR_TRUSTED],
  [ArgType.PTR_TO_BTF_ID]: [BTF, BTF | PTR_TRUSTED, BTF | MEM_RCU],
  [ArgType.PTR_TO_SPIN_LOCK]: [RegType.PTR_TO_MAP_VALUE, BTF | MEM_ALLOC],
  [ArgType.PTR_TO_MEM]: memTypes,
  [ArgType.PTR_TO_PERCPU_BTF_ID]: [BTF | MEM_PERCPU, BTF | MEM_PERCPU | MEM_RCU, BTF | MEM_PERCPU | PTR_TRUSTED],
  [ArgType.KPTR_XCHG_DEST]: [RegType.PTR_TO_MAP_VALUE, BTF | MEM_ALLOC],
  [ArgType.PTR_TO_INT]: memTypes,
  [ArgType.PTR_TO_LONG]: memTypes,
}

/** Up to 6.1. */
export const compatibleWithoutTrust: Table = {
  ...common,
  [ArgType.PTR_TO_MAP_KEY]: plainMemory,
  [ArgType.PTR_TO_MAP_VALUE]: plainMemory,
  [ArgType.PTR_TO_BTF_ID_SOCK_COMMON]: [...sockTypes, BTF],
  [ArgType.PTR_TO_BTF_ID]: [BTF],
  [ArgType.PTR_TO_SPIN_LOCK]: [RegType.PTR_TO_MAP_VALUE],
  [ArgType.PTR_TO_MEM]: memTypes61,
  [ArgType.PTR_TO_PERCPU_BTF_ID]: [BTF | MEM_PERCPU],
  [ArgType.KPTR_XCHG_DEST]: [RegType.PTR_TO_MAP_VALUE],
  [ArgType.PTR_TO_INT]: memTypes61,
  [ArgType.PTR_TO_LONG]: memTypes61,
}
