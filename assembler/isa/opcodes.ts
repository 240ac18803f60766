/**
 * The numbers of the instruction encoding: RFC 9669 sections 3 to 5, and the kernel's additions since (may_goto, load-acquire and
 * store-release, address-space casts). Facts only. How they combine into valid instructions is `isa-table.ts`.
 */

/** Bytes of one instruction slot; a 64-bit immediate load takes two slots. */
export const SLOT_BYTES = 8

/** Instruction classes: the three low bits of the opcode (RFC 9669 section 3.1). */
export const BPF_LD = 0x00
export const BPF_LDX = 0x01
export const BPF_ST = 0x02
export const BPF_STX = 0x03
export const BPF_ALU = 0x04
export const BPF_JMP = 0x05
export const BPF_JMP32 = 0x06
export const BPF_ALU64 = 0x07

/** Operand source of arithmetic and jumps: an immediate or a register. */
export const BPF_K = 0x00
export const BPF_X = 0x08

/** Arithmetic operations (section 4.1). MOV with offset 8, 16, 32 is MOVSX; DIV and MOD with offset 1 are signed. */
export const BPF_ADD = 0x00
export const BPF_SUB = 0x10
export const BPF_MUL = 0x20
export const BPF_DIV = 0x30
export const BPF_OR = 0x40
export const BPF_AND = 0x50
export const BPF_LSH = 0x60
export const BPF_RSH = 0x70
export const BPF_NEG = 0x80
export const BPF_MOD = 0x90
export const BPF_XOR = 0xa0
export const BPF_MOV = 0xb0
export const BPF_ARSH = 0xc0
export const BPF_END = 0xd0

/** Byte swaps (section 4.2): the source bit of END in class ALU; in class ALU64 END swaps unconditionally (BSWAP). */
export const BPF_TO_LE = 0x00
export const BPF_TO_BE = 0x08

/** Jumps (section 4.3). JA in class JMP32 is `gotol`, its distance in the immediate. */
export const BPF_JA = 0x00
export const BPF_JEQ = 0x10
export const BPF_JGT = 0x20
export const BPF_JGE = 0x30
export const BPF_JSET = 0x40
export const BPF_JNE = 0x50
export const BPF_JSGT = 0x60
export const BPF_JSGE = 0x70
export const BPF_CALL = 0x80
export const BPF_EXIT = 0x90
export const BPF_JLT = 0xa0
export const BPF_JLE = 0xb0
export const BPF_JSLT = 0xc0
export const BPF_JSLE = 0xd0
/** `may_goto` (kernel 6.9): class JMP, source register 0; takes the jump when the loop budget is spent. */
export const BPF_JCOND = 0xe0

/** Access sizes of loads and stores (section 5). */
export const BPF_W = 0x00
export const BPF_H = 0x08
export const BPF_B = 0x10
export const BPF_DW = 0x18

/** Access modes (section 5). */
export const BPF_IMM = 0x00
export const BPF_ABS = 0x20
export const BPF_IND = 0x40
export const BPF_MEM = 0x60
export const BPF_MEMSX = 0x80
export const BPF_ATOMIC = 0xc0
/** Kernel-internal modes that an xlated dump can hold. */
export const BPF_PROBE_MEM = 0x20
export const BPF_PROBE_MEMSX = 0x40

/** Atomic operations, in the immediate (section 5.3). Without FETCH: ADD, OR, AND, XOR of the arithmetic numbers. */
export const BPF_FETCH = 0x01
export const BPF_XCHG = 0xe0 | BPF_FETCH
export const BPF_CMPXCHG = 0xf0 | BPF_FETCH
/** Kernel 6.15 and later. */
export const BPF_LOAD_ACQ = 0x100
export const BPF_STORE_REL = 0x110

/** Source register of a 64-bit immediate load (section 5.4; names of include/uapi/linux/bpf.h). */
export const BPF_PSEUDO_MAP_FD = 1
export const BPF_PSEUDO_MAP_VALUE = 2
export const BPF_PSEUDO_BTF_ID = 3
export const BPF_PSEUDO_FUNC = 4
export const BPF_PSEUDO_MAP_IDX = 5
export const BPF_PSEUDO_MAP_IDX_VALUE = 6

/** Source register of a call (section 4.3.1). */
export const BPF_PSEUDO_CALL = 1
export const BPF_PSEUDO_KFUNC_CALL = 2

/** `addr_space_cast`: MOV64 with offset 1; the immediate holds destination and source space. */
export const BPF_ADDR_SPACE_CAST = 1

export const REG_COUNT = 11
/** The frame pointer, read only. */
export const BPF_REG_FP = 10
