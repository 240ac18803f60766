/** Runs the `bpfc` command in this process, over files in memory. */
import { MemoryHost } from '../../base/host.js'
import type { CliContext } from '../../cli/context.js'
import { clangMain } from '../../cli/build-main.js'
import { main } from '../../cli/main.js'

export interface CliRun {
  readonly code: number
  readonly out: string
  readonly err: string
  readonly written: ReadonlyMap<string, Uint8Array>
}

async function run(
  entry: typeof main,
  words: readonly string[],
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<CliRun> {
  let out = ''
  let err = ''
  const written = new Map<string, Uint8Array>()
  const context: CliContext = {
    host: new MemoryHost(files),
    cwd: '/project',
    env: {},
    colour: false,
    interactive: false,
    shared: {},
    out: text => {
      out += text
    },
    err: text => {
      err += text
    },
    write: (path, bytes) => {
      written.set(path, typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes)
      return undefined
    },
  }
  const code = await entry(words, undefined, context)
  return { code, out, err, written }
}

export const bpfc = (words: readonly string[], files: Readonly<Record<string, string | Uint8Array>> = {}) =>
  run(main, words, files)
export const bpfcClang = (words: readonly string[], files: Readonly<Record<string, string | Uint8Array>> = {}) =>
  run(clangMain, words, files)
