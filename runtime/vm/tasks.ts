/** Tasks that a test puts beside the current one: for iterators, for lookups by pid, for their memory areas and registers. */
import type { Fixture, FixtureValue, KernelObjects } from './kernel-objects.js'
import type { VmMemory } from './memory.js'

/** A range of a task's memory: a `vm_area_struct`. */
export interface MemoryArea {
  readonly start: number | bigint
  readonly end: number | bigint
  /** More fields of `struct vm_area_struct`. */
  readonly fields?: { readonly [field: string]: FixtureValue }
}

export interface TaskOptions {
  readonly areas?: readonly MemoryArea[]
  /** Registers at its entry into the kernel, by the names of the kernel's `struct pt_regs`. */
  readonly registers?: { readonly [field: string]: FixtureValue }
}

interface Area {
  readonly start: bigint
  readonly end: bigint
  readonly address: number
}

interface Known {
  readonly address: number
  readonly pid: number
  readonly areas: readonly Area[]
  registers: number
}

const PT_REGS_BYTES = 168

export class Tasks {
  private readonly all: Known[] = []

  constructor(
    private readonly memory: VmMemory,
    private readonly objects: KernelObjects,
  ) {}

  /** Builds a task; the same fixture is one task. */
  add(fixture: Fixture, { areas = [], registers }: TaskOptions = {}): number {
    const address = this.objects.build(fixture)
    const known = this.all.findIndex(each => each.address === address)
    const made = areas.map(({ start, end, fields }) => ({
      start: BigInt(start),
      end: BigInt(end),
      address: this.objects.build({ struct: 'vm_area_struct', fields: { vm_start: start, vm_end: end, ...fields } }),
    }))
    const pid = this.objects.word(address, 'task_struct', 'pid')
    const task: Known = {
      address,
      pid,
      areas: made,
      registers: registers ? this.objects.build({ struct: 'pt_regs', fields: registers }) : 0,
    }
    if (known < 0) this.all.push(task)
    else this.all[known] = task
    return address
  }

  /** Addresses of all, in the order of their pids. */
  addresses(): number[] {
    return [...this.all].sort((a, b) => a.pid - b.pid).map(({ address }) => address)
  }

  byPid(pid: number): number {
    return this.all.find(each => each.pid === pid)?.address ?? 0
  }

  /** Address of the area that holds an address of a task's memory; 0 where there is none. */
  areaAt(task: number, address: bigint): number {
    const areas = this.all.find(each => each.address === task)?.areas ?? []
    return areas.find(({ start, end }) => start <= address && address < end)?.address ?? 0
  }

  areas(task: number): readonly number[] {
    return (this.all.find(each => each.address === task)?.areas ?? []).map(({ address }) => address)
  }

  registers(task: number): number {
    const found = this.all.find(each => each.address === task)
    if (!found) return 0
    if (found.registers === 0) found.registers = this.memory.region('struct pt_regs', PT_REGS_BYTES, { writable: false }).start
    return found.registers
  }
}
