/**
 * What a program can learn about the machine it runs on: time, processor, random numbers, the current task. All of it is set by
 * the test and stands still unless the test moves it, so runs repeat exactly.
 */

/** The task that the program finds itself in. */
export interface CurrentTask {
  /** Thread id (`pid` in the kernel's words). */
  pid: number
  /** Process id. */
  tgid: number
  uid: number
  gid: number
  comm: string
  /** Id of the cgroup in the default hierarchy. */
  cgroupId: bigint
  /** Class of its net_cls cgroup (bpf_get_cgroup_classid); packets of its sockets have it too. */
  classId: number
  /** Ids of its ancestors from the root (level 0) down; the last may be `cgroupId` itself. */
  cgroupAncestors: bigint[]
  /**
   * Its pid namespace as stat of /proc/self/ns/pid tells it, and its ids there. Left out, every namespace that a program asks for is
   * the task's, with the ids above.
   */
  pidNamespace?: {
    readonly device: number | bigint
    readonly inode: number | bigint
    readonly pid?: number
    readonly tgid?: number
  }
  /** Address of its task_struct in the VM, when one was built; 0 otherwise. */
  address: number
}

/** A route: where packets to a prefix go. */
export interface RouteFixture {
  /** `10.1.0.0/16`, `2001:db8::/32`, `0.0.0.0/0`. */
  readonly destination: string
  readonly ifindex: number
  readonly gateway?: string
  /** Address that the machine itself would send from. */
  readonly source?: string
  readonly metric?: number
  /** The device's where left out. */
  readonly mtu?: number
  /** A route that forwards nothing. */
  readonly type?: 'blackhole' | 'unreachable' | 'prohibit'
}

/** A neighbour whose Ethernet address is known. */
export interface NeighbourFixture {
  readonly address: string
  readonly mac: string
}

export interface Environment {
  /** Nanoseconds since boot, without suspend (`bpf_ktime_get_ns`). */
  ktime: bigint
  /** Nanoseconds that the machine has slept: `bpf_ktime_get_boot_ns` is later by this. */
  suspended: bigint
  /** Nanoseconds from ktime to TAI. */
  taiOffset: bigint
  /** The processor that runs the program; per-CPU maps are seen from it. */
  cpu: number
  readonly cpus: number
  numaNode: number
  task: CurrentTask
  /** Next random number, 32 bits. */
  random: () => number
  /** Timer ticks a second, for jiffies. */
  hz: number
  /** Addresses of the kernel's symbols, for bpf_kallsyms_lookup_name. */
  readonly symbols: Map<string, bigint>
  /** Devices by index. Without any, every device exists and has an MTU of 1500. */
  readonly devices: Map<number, { readonly mtu: number; readonly mac?: string }>
  /** What bpf_fib_lookup knows of the network. */
  readonly routes: RouteFixture[]
  readonly neighbours: NeighbourFixture[]
  /** Realm of the route that packets take (bpf_get_route_realm). */
  routeRealm: number
  /** Serial numbers of the user's keys that bpf_lookup_user_key finds. */
  readonly keys: Set<number>
}

/** A xorshift generator (Marsaglia 2003): the same numbers for the same seed, everywhere. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0 || 0x9e3779b9
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

export interface EnvironmentOptions {
  readonly ktime?: bigint
  readonly cpus?: number
  readonly cpu?: number
  readonly seed?: number
  readonly random?: () => number
  readonly task?: Partial<CurrentTask>
}

export function makeEnvironment(options: EnvironmentOptions = {}): Environment {
  return {
    ktime: options.ktime ?? 1_000_000_000n,
    suspended: 0n,
    taiOffset: 1_700_000_037_000_000_000n,
    cpu: options.cpu ?? 0,
    cpus: options.cpus ?? 1,
    numaNode: 0,
    task: {
      pid: 1000,
      tgid: 1000,
      uid: 0,
      gid: 0,
      comm: 'bpfc',
      cgroupId: 1n,
      classId: 0,
      cgroupAncestors: [1n],
      address: 0,
      ...options.task,
    },
    random: options.random ?? seededRandom(options.seed ?? 1),
    hz: 250,
    symbols: new Map(),
    devices: new Map(),
    routes: [],
    neighbours: [],
    routeRealm: 0,
    keys: new Set(),
  }
}
