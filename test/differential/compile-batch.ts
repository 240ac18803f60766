/** bpfc on a batch of random programs, at every level and instruction set. */
import { MemoryHost } from '../../base/host.js'
import type { CompileOptions, Cpu } from '../../compiler/options.js'
import { compile } from '../../compiler/pipeline.js'

export interface Config {
  readonly level: CompileOptions['optimize']
  readonly target: Cpu
  /** A pass left out. */
  readonly without?: string
}

export const configs: readonly Config[] = (['0', '1', '2', 's'] as const).flatMap(level =>
  (['v1', 'v2', 'v3', 'v4'] as const).map(target => ({ level, target })),
)

export const configName = (config: Config): string =>
  `-O${config.level} -mcpu=${config.target}${config.without ? ` without ${config.without}` : ''}`

export interface Compiled {
  readonly object: Uint8Array | undefined
  /** The errors, or what is not implemented. */
  readonly message: string
  /** An exception that is no answer: a bug of bpfc. */
  readonly crash: string | undefined
}

export function compileBatch(text: string, config: Config): Compiled {
  const options: CompileOptions = {
    target: { cpu: config.target, little: true },
    optimize: config.level,
    debug: true,
    predefines: [],
    includes: { quote: [], user: [], system: [], standard: [], after: [] },
    prefixMap: [],
    workingDirectory: '/',
    disabledPasses: new Set(config.without ? [config.without] : []),
    vmlinux: undefined,
  }
  try {
    const result = compile(new MemoryHost({ 'batch.c': text }), 'batch.c', options, { warnings: ['-w'] })
    const errors = result.diagnostics.map(each => `${each.code} ${each.message}`)
    return { object: result.object, message: [...errors, result.notImplemented ?? ''].join('\n'), crash: undefined }
  } catch (error) {
    return { object: undefined, message: '', crash: (error as Error).stack ?? String(error) }
  }
}
