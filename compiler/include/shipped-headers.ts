/** The headers that ship with bpfc, as files under a folder that exists nowhere else. */
import type { Host } from '../../base/host.js'
import { headerBytes, isHeader } from './header-bytes.js'

/** Their folder. Nothing in it belongs into a depfile. */
const FOLDER = '<bpfc>'

/**
 * Where they stand in the search order. `own` are the compiler's (stddef.h, stdint.h, …), which come before the machine's; `system`
 * stands in for what a machine may lack (bpf/…, linux/…), so it comes after them, that a machine's own set is used as a whole.
 */
export const shippedDirectories = { own: `${FOLDER}/own`, system: `${FOLDER}/system` } as const

const known = new Map<string, Uint8Array>()

class ShippedHeaders implements Host {
  read(path: string): Uint8Array | undefined {
    if (!path.startsWith(`${FOLDER}/`)) return undefined
    const bytes = known.get(path)
    if (bytes) return bytes
    const name = path.slice(FOLDER.length + 1)
    if (!isHeader(name)) return undefined
    const made = headerBytes(name)
    known.set(path, made)
    return made
  }

  exists(path: string): boolean {
    return path.startsWith(`${FOLDER}/`) && isHeader(path.slice(FOLDER.length + 1))
  }
}

/** A host with the shipped headers only; put it behind the user's in a `LayeredHost`. The bytes are shared: do not write into them. */
export const shippedHeaders = (): Host => new ShippedHeaders()
