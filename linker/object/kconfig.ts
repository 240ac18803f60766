/** Values of `.kconfig` externs from a kernel's configuration (libbpf 1.5: bpf_object__resolve_externs, set_kcfg_value_*). */
import type { Extern, KconfigPlace } from './bpf-object.js'
import { KERNEL_VERSION_DEFAULT, kernelVersion, type PrepareOptions } from './prepare-options.js'

/** What the `.kconfig` map holds, and what libbpf would refuse the object for. */
export interface KconfigValues {
  readonly bytes: Uint8Array
  readonly faults: readonly string[]
}

/** `size`: bytes of the `.kconfig` map. */
export function kconfigValues(externs: readonly Extern[], size: number, little: boolean, options: PrepareOptions): KconfigValues {
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  const faults: string[] = []
  const settings = options.kconfig === undefined ? undefined : readSettings(options.kconfig)
  for (const { name, weak, kconfig: place } of externs) {
    if (!place) continue
    const store = (value: bigint) => storeInt(view, place, value, little)
    if (name.startsWith('CONFIG_')) {
      const text = settings?.get(name)
      const fault = text === undefined ? undefined : setFromText(view, place, text, little)
      if (fault) faults.push(`extern ${name}=${text}: ${fault}`)
      if (text === undefined && !weak)
        faults.push(
          `extern ${name} is ${settings ? 'not in the kernel configuration' : 'not known: no kernel configuration was given'}`,
        )
      continue
    }
    const virtual = virtualValue(name, options, settings)
    if (virtual !== undefined) {
      const fault = fits(place, virtual) ? undefined : `value ${virtual} does not fit`
      if (fault) faults.push(`extern ${name}: ${fault}`)
      else store(virtual)
    } else if (!name.startsWith('LINUX_') || !weak) faults.push(`extern ${name} is nothing that .kconfig can have`)
  }
  return { bytes, faults }
}

/** Values that come from the kernel itself and not from its configuration. */
function virtualValue(
  name: string,
  options: PrepareOptions,
  settings: ReadonlyMap<string, string> | undefined,
): bigint | undefined {
  const version = options.kernelVersion ?? KERNEL_VERSION_DEFAULT
  switch (name) {
    case 'LINUX_KERNEL_VERSION':
      return BigInt(version)
    case 'LINUX_HAS_BPF_COOKIE':
      return version >= kernelVersion(5, 15) ? 1n : 0n
    case 'LINUX_HAS_SYSCALL_WRAPPER':
      // libbpf finds it out with a kprobe.
      return version >= kernelVersion(4, 17) && (!settings || settings.get('CONFIG_KPROBES') === 'y') ? 1n : 0n
    default:
      return undefined
  }
}

function readSettings(text: string): Map<string, string> {
  const settings = new Map<string, string>()
  for (const line of text.split('\n')) {
    const at = line.indexOf('=')
    if (at > 0 && line.startsWith('CONFIG_') && !settings.has(line.slice(0, at)))
      settings.set(line.slice(0, at), line.slice(at + 1).trimEnd())
  }
  return settings
}

const TRISTATE: Readonly<Record<string, bigint>> = { n: 0n, y: 1n, m: 2n }

/** Stores the text of a setting; says what is wrong with it. */
function setFromText(view: DataView, place: KconfigPlace, text: string, little: boolean): string | undefined {
  const first = text[0]
  if (first === 'y' || first === 'n' || first === 'm') {
    switch (place.type) {
      case 'bool':
        if (first === 'm') return 'a bool cannot be m'
        view.setUint8(place.offset, first === 'y' ? 1 : 0)
        return undefined
      case 'tristate':
        storeInt(view, place, TRISTATE[first]!, little)
        return undefined
      case 'char':
        view.setUint8(place.offset, first.charCodeAt(0))
        return undefined
      default:
        return 'needs a bool, tristate or char'
    }
  }
  if (first === '"') {
    if (place.type !== 'string') return 'needs an array of char'
    if (text.length < 2 || !text.endsWith('"')) return 'is a string without end'
    const content = new TextEncoder().encode(text.slice(1, -1)).subarray(0, place.size - 1)
    new Uint8Array(view.buffer).set(content, place.offset)
    return undefined
  }
  const match = /^(-?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)$/.exec(text)
  if (!match) return 'is no number'
  if (place.type !== 'int' && place.type !== 'char') return 'needs an integer'
  const digits = match[2]!
  const magnitude = BigInt(/^0\d/.test(digits) ? `0o${digits.slice(1)}` : digits)
  const value = BigInt.asUintN(64, match[1] ? -magnitude : magnitude)
  if (!fits(place, value)) return `does not fit in ${place.size} bytes`
  storeInt(view, place, value, little)
  return undefined
}

/** is_kcfg_value_in_range, and 0 or 1 for a bool. */
function fits(place: KconfigPlace, value: bigint): boolean {
  if (place.type === 'tristate' || place.type === 'string') return false
  if (place.type === 'bool') return value <= 1n
  if (place.size === 8) return true
  const bits = BigInt(place.size * 8)
  if (place.signed) return BigInt.asUintN(64, value + (1n << (bits - 1n))) < 1n << bits
  return value >> bits === 0n
}

function storeInt(view: DataView, place: KconfigPlace, value: bigint, little: boolean): void {
  switch (place.size) {
    case 1:
      view.setUint8(place.offset, Number(value & 0xffn))
      return
    case 2:
      view.setUint16(place.offset, Number(value & 0xffffn), little)
      return
    case 4:
      view.setUint32(place.offset, Number(value & 0xffff_ffffn), little)
      return
    default:
      view.setBigUint64(place.offset, BigInt.asUintN(64, value), little)
  }
}
