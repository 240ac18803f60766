/**
 * `bpfc/vitest`: matchers for results of programs. Importing it (in a test, or in Vitest's `setupFiles`) adds them to `expect`:
 * `expect(run).toHaveVerdict('XDP_DROP')`, `expect(maps.events).toHaveEvents([…], 'event')`, `expect(run).toEqualPacket(bytes)`.
 */
import { expect } from 'vitest'
import type { LoadedMap, ProgramRun } from '../../index.js'

export interface BpfMatchers<R = unknown> {
  /** A run ended without a fault and answered so: a name (`XDP_DROP`, `TC_ACT_OK`) or a number. */
  toHaveVerdict(expected: string | number): R
  /**
   * Takes what a ring buffer, perf event array or queue holds, and compares it in order. Events are bytes, or objects with the
   * fields that matter when `struct` names their type in the program's BTF.
   */
  toHaveEvents(expected: readonly unknown[], struct?: string): R
  /** The packet after a run, or a packet, has exactly these bytes. */
  toEqualPacket(expected: Uint8Array): R
}

declare module 'vitest' {
  interface Matchers<T> extends BpfMatchers<T> {}
}

interface Outcome {
  readonly pass: boolean
  readonly message: () => string
  readonly actual?: unknown
  readonly expected?: unknown
}

function toHaveVerdict(received: ProgramRun, expected: string | number): Outcome {
  const { fault, verdict, retval } = received
  const said = fault
    ? `a fault: ${fault.message}${fault.line ? ` (${fault.line.path}:${fault.line.line}: ${fault.line.text.trim()})` : ''}`
    : verdict
  const pass = !fault && (typeof expected === 'number' ? retval === expected : verdict === expected)
  return {
    pass,
    message: () => `expected ${pass ? 'another verdict than' : 'the verdict'} ${expected}, got ${said}`,
    actual: said,
    expected: String(expected),
  }
}

function toHaveEvents(
  this: { readonly equals: (a: unknown, b: unknown) => boolean },
  received: LoadedMap,
  expected: readonly unknown[],
  struct?: string,
): Outcome {
  const events = struct === undefined ? received.consume() : received.consume(struct)
  const same = (event: unknown, wanted: unknown) =>
    this.equals(
      event,
      struct !== undefined && isPlainObject(wanted) ? expect.objectContaining(wanted as Record<string, unknown>) : wanted,
    )
  const wrong = expected.findIndex((wanted, index) => !same(events[index], wanted))
  const pass = events.length === expected.length && wrong < 0
  return {
    pass,
    message: () => {
      if (pass) return `expected other events in ${received.name} than these ${events.length}`
      if (events.length !== expected.length) return `expected ${expected.length} events in ${received.name}, got ${events.length}`
      return `event ${wrong} of ${received.name} differs`
    },
    actual: events,
    expected,
  }
}

const isPlainObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype

function toEqualPacket(received: ProgramRun | Uint8Array, expected: Uint8Array): Outcome {
  const bytes = received instanceof Uint8Array ? received : received.packet
  const at = bytes ? firstDifference(bytes, expected) : 0
  const pass = bytes !== undefined && at < 0
  return {
    pass,
    message: () => {
      if (!bytes) return 'the program has no packet'
      return pass
        ? 'expected another packet'
        : `packets differ at byte ${at} (${bytes.length} bytes, expected ${expected.length})`
    },
    actual: bytes && hexDump(bytes),
    expected: hexDump(expected),
  }
}

function firstDifference(a: Uint8Array, b: Uint8Array): number {
  const length = Math.max(a.length, b.length)
  for (let at = 0; at < length; at++) if (a[at] !== b[at]) return at
  return -1
}

const hexDump = (bytes: Uint8Array): string =>
  (
    Array.from(bytes, byte => byte.toString(16).padStart(2, '0'))
      .join(' ')
      .match(/.{1,48}/g) ?? []
  ).join('\n')

expect.extend({ toHaveVerdict, toHaveEvents, toEqualPacket })
