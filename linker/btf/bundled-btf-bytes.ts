/** Where the bundled BTF is. Apart, because the CLI has another module in its place that reads a file beside its bundles (scripts/build.mjs). */
import { bundledBtfBase64 } from './bundled-btf.gen.js'

/** Raw BTF, made anew. */
export const bundledBtfBytes = (): Uint8Array => Uint8Array.from(atob(bundledBtfBase64), char => char.charCodeAt(0))
