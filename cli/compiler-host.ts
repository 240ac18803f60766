/** The file system with the shipped headers behind it, and files that exist only in memory (standard input) before it. */
import { type Host, LayeredHost, MemoryHost } from '../base/host.js'
import { shippedHeaders } from '../compiler/include/shipped-headers.js'

export interface CompilerHost extends Host {
  /** The same host with one more file in front. */
  with(path: string, bytes: Uint8Array): CompilerHost
}

export function compilerHost(files: Host): CompilerHost {
  const layers = new LayeredHost([files, shippedHeaders()])
  return {
    read: path => layers.read(path),
    exists: path => layers.exists(path),
    identity: path => layers.identity(path),
    with: (path, bytes) => compilerHost(new LayeredHost([new MemoryHost({ [path]: bytes }), files])),
  }
}
