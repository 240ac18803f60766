/**
 * The one build function behind the bundler plugins: a `.bpf.c` file becomes an ES module whose default export is the object's bytes,
 * and the build fails, with the C line, where a kernel would refuse a program.
 */
import { isAbsolute, relative, resolve } from 'node:path'
import { checkedObject, type CheckedObjectOptions } from '../index.js'
import { diskHost } from './node/node.js'

/** What may be given to a plugin: the kernels to ask, changes to the compiler's options. `verify: false` only compiles. */
export interface BpfPluginOptions extends Omit<CheckedObjectOptions, 'host'> {
  /** Which files are taken. Default: those that end in `.bpf.c`. */
  readonly include?: RegExp
}

export const DEFAULT_INCLUDE = /\.bpf\.c$/

export interface ObjectModule {
  /** JavaScript source. */
  readonly code: string
  readonly warnings: readonly string[]
  /** The files on the disk that it was made of, as absolute paths: to be watched. */
  readonly files: readonly string[]
}

/** `path` is absolute. Throws what `load` throws: compile errors, a kernel's rejection, what is not implemented. */
export function objectModule(path: string, { include: _, ...options }: BpfPluginOptions = {}): ObjectModule {
  // Relative to the working directory, so that the same tree gives the same object wherever it lies.
  const inside = relative(process.cwd(), path)
  const name = inside.startsWith('..') || isAbsolute(inside) ? path : inside
  const { bytes, warnings, dependencies } = checkedObject(name, { ...options, host: diskHost })
  const base64 = Buffer.from(bytes).toString('base64')
  return {
    code: `// ${name}, compiled by bpfc\nexport default Uint8Array.from(atob('${base64}'), each => each.charCodeAt(0))\n`,
    warnings,
    files: dependencies.filter(file => diskHost.exists(file)).map(file => resolve(file)),
  }
}
