/** What `bpfc run` and `bpfc debug` run a program on: a packet, the packets of a capture or a context, and elements put into maps first. */
import { ExitCode } from '../base/outcome.js'
import type { BtfValue } from '../runtime/vm/btf-values.js'
import { MapError } from '../runtime/vm/map-access.js'
import { isBroken, readCapture } from '../runtime/vm/packets/pcap.js'
import type { RunInput } from '../runtime/vm/programs/table.js'
import type { Vm } from '../runtime/vm/vm.js'
import type { CliContext } from './context.js'
import { readInput } from './read-input.js'

export interface InputFlags {
  readonly packet?: string
  readonly pcap?: string
  readonly ctx?: string
}

/** Puts `map=key:value` into a map; a message when it cannot be. */
export function setElement(vm: Vm, assignment: string): string | undefined {
  const equals = assignment.indexOf('=')
  const map = vm.maps[assignment.slice(0, equals)]
  if (equals < 0 || !map) return `there is no such map; there are ${Object.keys(vm.maps).join(', ')}`
  const rest = assignment.slice(equals + 1)
  // The colon that parts two JSON values: the first at which both sides parse.
  for (let at = rest.indexOf(':'); at >= 0; at = rest.indexOf(':', at + 1)) {
    let key: BtfValue
    let value: BtfValue
    try {
      key = JSON.parse(rest.slice(0, at)) as BtfValue
      value = JSON.parse(rest.slice(at + 1)) as BtfValue
    } catch {
      continue
    }
    try {
      map.typed.set(key, value)
      return undefined
    } catch (error) {
      if (error instanceof MapError || error instanceof RangeError || error instanceof TypeError) return error.message
      throw error
    }
  }
  return 'it should read map=key:value, key and value as JSON'
}

export interface TimedInput {
  readonly input: RunInput
  /** Nanoseconds since the capture's first packet. */
  readonly time: bigint | undefined
  /** How much of the capture has been read, from 0 to 1. */
  readonly done?: number
}

/** What to run on, one after the other, so that a large capture is never in memory twice; an exit code for a bad flag. */
export function runInputs(values: InputFlags, context: CliContext): (() => Iterable<TimedInput>) | number {
  if (values.pcap !== undefined) {
    const path = values.pcap
    if (context.pieces?.(path))
      return () => {
        const { bytes, size } = context.pieces!(path)!
        return capturedPackets(bytes, size, path, context)
      }
    const bytes = readInput(path, context)
    if (typeof bytes === 'number') return bytes
    return () => capturedPackets(bytes, bytes.length, path, context)
  }
  if (values.packet !== undefined) {
    const bytes = readInput(values.packet, context)
    return typeof bytes === 'number' ? bytes : () => [{ input: { packet: bytes }, time: undefined }]
  }
  if (values.ctx !== undefined) {
    const digits = values.ctx.replace(/^0x/, '').replace(/[\s_]/g, '')
    if (!/^([0-9a-fA-F]{2})*$/.test(digits)) {
      context.err('error: --ctx takes pairs of hexadecimal digits\n')
      return ExitCode.usage
    }
    const ctx = Uint8Array.from(digits.match(/../g) ?? [], pair => Number.parseInt(pair, 16))
    return () => [{ input: { ctx }, time: undefined }]
  }
  return () => [{ input: {}, time: undefined }]
}

/** Of a packet's record in a capture, what is not the packet. */
const RECORD_HEADER = 16

function* capturedPackets(
  bytes: Uint8Array | Iterable<Uint8Array>,
  size: number,
  path: string,
  context: CliContext,
): Generator<TimedInput> {
  let start: bigint | undefined
  let read = 0
  for (const item of readCapture(bytes)) {
    if (isBroken(item)) {
      context.err(`warning: ${path}: ${item.error}\n`)
      continue
    }
    start ??= item.time
    read += item.bytes.length + RECORD_HEADER
    yield { input: { packet: item.bytes }, time: item.time - start, done: Math.min(1, read / size) }
  }
}
