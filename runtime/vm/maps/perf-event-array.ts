/** Perf event arrays: what programs put out with bpf_perf_event_output, as a list in order of time, with the CPU of each. */
import { defineMap, type MapScope, MapType, VmMap } from './map.js'
import type { MapDef } from '../../../linker/object/bpf-object.js'
import { EINVAL } from '../errno.js'

export interface PerfEvent {
  readonly cpu: number
  readonly data: Uint8Array
}

export class PerfEventArray extends VmMap {
  private events: PerfEvent[] = []
  /** Values that bpf_perf_event_read_value answers, by index: counter, enabled, running. Set by the test. */
  readonly counters = new Map<number, readonly [bigint, bigint, bigint]>()

  constructor(def: MapDef, scope: MapScope) {
    super(def, scope)
  }

  output(cpu: number, data: Uint8Array): void {
    this.events.push({ cpu, data })
  }

  /** Takes all events so far. */
  consume(): PerfEvent[] {
    const taken = this.events
    this.events = []
    return taken
  }

  override lookup(): number {
    return 0
  }

  override update(): number {
    return -EINVAL
  }

  override remove(): number {
    return -EINVAL
  }
}

defineMap([MapType.PERF_EVENT_ARRAY], (def, scope) => new PerfEventArray(def, scope))
