/** `bpfc/esbuild`: `import object from './firewall.bpf.c'` gives the bytes of an object that the kernels asked for accept. */
import type { Plugin } from 'esbuild'
import { type BpfPluginOptions, DEFAULT_INCLUDE, objectModule } from '../object-module.js'

/** The plugin for esbuild's `plugins`. What is read is watched; a rejection is an error of the build. */
export default function bpfc(options: BpfPluginOptions = {}): Plugin {
  return {
    name: 'bpfc',
    setup(build) {
      build.onLoad({ filter: options.include ?? DEFAULT_INCLUDE }, ({ path }) => {
        try {
          const { code, warnings, files } = objectModule(path, options)
          return { contents: code, loader: 'js', warnings: warnings.map(text => ({ text })), watchFiles: [...files] }
        } catch (error) {
          return { errors: [{ text: error instanceof Error ? error.message : String(error) }], watchFiles: [path] }
        }
      })
    },
  }
}

export type { BpfPluginOptions } from '../object-module.js'
