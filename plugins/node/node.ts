/** `bpfc/node`: `load` over the disk. Paths are relative to the working directory; the running kernel is not looked at. */
import { readFileSync, statSync } from 'node:fs'
import { type Host, type Loaded, type LoadOptions, load as loadFrom } from '../../index.js'

const identity = (path: string): string | undefined => {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat && `${stat.dev}:${stat.ino}`
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false

/** The disk, read as it is asked for. */
export const diskHost: Host = {
  read: path => (isFile(path) ? readFileSync(path) : undefined),
  exists: isFile,
  identity,
}

/** `load` of `bpfc` with the disk as its host, unless another is given. */
export function load(input: string | Uint8Array, options: LoadOptions = {}): Promise<Loaded> {
  return loadFrom(input, { host: diskHost, ...options })
}

export type { Loaded, LoadedGlobal, LoadedMap, LoadedProgram, LoadOptions, ProgramRun } from '../../index.js'
