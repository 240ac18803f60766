/** Where compiled code and the VM pass numbers to each other: in memory that belongs to no program, below BASE_ADDRESS. */

/** Registers 0 to 5 on their way to and from helpers: eight bytes each. */
export const REGISTER_CELLS = 0x8000
/** The number of the running CPU. */
export const CPU_CELL = 0x8040
/** Nanoseconds of `bpf_ktime_get_ns`; time stands still during a run. */
export const TIME_CELL = 0x8048
/** Instructions that may still run, 32 bits; compiled code takes a share of them at a time. */
export const BUDGET_CELL = 0x8050
