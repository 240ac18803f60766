/** What a command knows of the machine that programs are checked for: its kernel's configuration, whether it is locked down. */
import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import { FormatError } from '../base/outcome.js'
import { type MachineFacts, parseKernelConfig } from '../runtime/kernel/machine.js'

export interface Machine {
  readonly facts: MachineFacts
  /** Text of the kernel's configuration, for `.kconfig` externs; undefined where it is not known. */
  readonly kconfig: string | undefined
}

const UNKNOWN: Machine = { facts: {}, kconfig: undefined }

/** The word that stands for the machine that bpfc runs on. */
export const THIS_MACHINE = 'this'

const read = (path: string): Uint8Array | undefined => {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}

function configText(bytes: Uint8Array): string {
  const gzipped = bytes[0] === 0x1f && bytes[1] === 0x8b
  // Loaded only here: few ask for a configuration.
  return new TextDecoder().decode(gzipped ? process.getBuiltinModule('node:zlib').gunzipSync(bytes) : bytes)
}

/** `make`, called once and when the value is first asked for. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => (made ??= { value: make() }).value
}

const runningConfig = once(() => {
  const bytes = read('/proc/config.gz') ?? read(`/boot/config-${release()}`)
  return bytes && configText(bytes)
})
const runningOptions = once(() => {
  const text = runningConfig()
  return text ? parseKernelConfig(text) : undefined
})
const runningLockdown = once(() => {
  // `none [integrity] confidentiality`
  const chosen = /\[(\w+)\]/.exec(new TextDecoder().decode(read('/sys/kernel/security/lockdown')))?.[1]
  return lockdownOf(chosen).lockdown
})

/** What the running kernel lets anybody read; read when it is asked for, which few programs do. */
const thisMachine: Machine = {
  get kconfig() {
    return runningConfig()
  },
  facts: {
    get config() {
      return runningOptions()
    },
    get lockdown() {
      return runningLockdown()
    },
  },
}

function lockdownOf(text: unknown): Pick<MachineFacts, 'lockdown'> {
  return text === 'none' || text === 'integrity' || text === 'confidentiality' ? { lockdown: text } : {}
}

/**
 * The machine of `--machine`: `this`, a kernel's configuration (also gzipped), or JSON `{"config": FILE, "lockdown": "none", "cpus": 8}`.
 * Without the flag, the machine that bpfc runs on where its kernel is of the version asked for, else nothing is known.
 * Throws a FormatError for a file that cannot be read or understood.
 */
export function machineFor(flag: string | undefined, version: string): Machine {
  if (flag === undefined) return release().startsWith(`${version}.`) ? thisMachine : UNKNOWN
  if (flag === THIS_MACHINE) return thisMachine
  const bytes = read(flag)
  if (!bytes) throw new FormatError('D0001', `cannot read the machine's facts from ${flag}`, -1)
  const text = configText(bytes)
  if (!text.trimStart().startsWith('{')) return { kconfig: text, facts: { config: parseKernelConfig(text) } }
  let given: { config?: unknown; lockdown?: unknown; cpus?: unknown }
  try {
    given = JSON.parse(text) as typeof given
  } catch {
    throw new FormatError('D0001', `${flag} is neither a kernel's configuration nor JSON`, -1)
  }
  const config = typeof given.config === 'string' ? machineFor(given.config, version) : UNKNOWN
  return {
    kconfig: config.kconfig,
    facts: { ...config.facts, ...lockdownOf(given.lockdown), ...(typeof given.cpus === 'number' && { cpus: given.cpus }) },
  }
}
