/** The folder in which bpfc keeps what is made again in every run: indexes of big headers, vmlinux.h of a kernel. */
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Bytes kept; the oldest files go first. An index takes a sixth more than its header. */
const KEPT = 64 * 1024 * 1024

/** The user's cache folder for bpfc, by the XDG rule; undefined when BPFC_CACHE is `off`. BPFC_CACHE names another. */
export function cacheFolder(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const chosen = env['BPFC_CACHE']
  if (chosen === 'off') return undefined
  if (chosen) return chosen
  const base = env['XDG_CACHE_HOME']
  if (base?.startsWith('/')) return join(base, 'bpfc')
  // Loaded only here: most have HOME.
  const home = env['HOME'] || process.getBuiltinModule('node:os').homedir()
  return home ? join(home, '.cache', 'bpfc') : undefined
}

/** Writes a file whole or not at all, and makes room for it. That it cannot be written is no error. */
export function keepFile(folder: string, name: string, bytes: Uint8Array): void {
  const file = join(folder, name)
  const temporary = `${file}.${process.pid}.tmp`
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    writeFileSync(temporary, bytes, { mode: 0o600 })
    renameSync(temporary, file)
    dropOldest(folder)
  } catch {
    try {
      rmSync(temporary, { force: true })
    } catch {
      // Nothing was written there.
    }
  }
}

function dropOldest(folder: string): void {
  const files = readdirSync(folder)
    .filter(name => name.endsWith('.idx'))
    .map(name => {
      const { mtimeMs, size } = statSync(join(folder, name))
      return { name, mtimeMs, size }
    })
    .sort((a, b) => b.mtimeMs - a.mtimeMs)
  let room = KEPT
  for (const { name, size } of files) if ((room -= size) < 0) rmSync(join(folder, name), { force: true })
}

/** Tells files apart well enough for a name: their size and some of their bytes. */
export function sample(bytes: Uint8Array): string {
  const step = Math.max(1, bytes.length >> 10)
  let hash = bytes.length
  for (let at = 0; at < bytes.length; at += step) hash = Math.imul(hash ^ bytes[at]!, 0x01000193)
  return `${bytes.length}-${(hash >>> 0).toString(16)}`
}
