/** A kernel's configuration as text, for externs of `.kconfig`: from a file somebody names, plain or gzipped, or the running kernel's own. */
import { existsSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
import { gunzipSync } from 'node:zlib'
import { FormatError } from '../base/outcome.js'

/** The text of a configuration file such as /boot/config-6.12.0 or /proc/config.gz. Throws a `FormatError` where it cannot be read. */
export function readKernelConfig(path: string): string {
  try {
    const bytes = readFileSync(path)
    return (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString()
  } catch (error) {
    throw new FormatError(
      'D0001',
      `cannot read a kernel configuration from ${path}: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}`,
      -1,
    )
  }
}

/** The running kernel's, from where libbpf looks for it; undefined where it is in neither place. */
export function runningKernelConfig(): string | undefined {
  const path = [`/boot/config-${release()}`, '/proc/config.gz'].find(candidate => existsSync(candidate))
  return path === undefined ? undefined : readKernelConfig(path)
}
