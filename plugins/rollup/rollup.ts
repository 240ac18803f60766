/** `bpfc/rollup`, for Rollup and Vite: `import object from './firewall.bpf.c'` gives the bytes of an object that the kernels asked for accept. */
import { type BpfPluginOptions, DEFAULT_INCLUDE, objectModule } from '../object-module.js'

/** The part of a Rollup plugin that this one is; Vite and Rolldown take the same. */
export interface BpfRollupPlugin {
  readonly name: string
  /** Vite: before the plugins that would take the file for an asset. */
  readonly enforce: 'pre'
  load(this: RollupContext, id: string): { readonly code: string; readonly map: { readonly mappings: '' } } | undefined
}

/** What of Rollup's plugin context is used. */
export interface RollupContext {
  addWatchFile(file: string): void
  warn(message: string): void
}

/** The plugin for `plugins` of Rollup or Vite. What is read is watched; a rejection is thrown and ends the build. */
export default function bpfc(options: BpfPluginOptions = {}): BpfRollupPlugin {
  const include = options.include ?? DEFAULT_INCLUDE
  return {
    name: 'bpfc',
    enforce: 'pre',
    load(id) {
      const path = id.replace(/\?.*$/, '')
      if (!include.test(path)) return undefined
      const { code, warnings, files } = objectModule(path, options)
      for (const file of files) this.addWatchFile(file)
      for (const warning of warnings) this.warn(warning)
      return { code, map: { mappings: '' } }
    },
  }
}

export type { BpfPluginOptions } from '../object-module.js'
