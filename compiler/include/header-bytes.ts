/**
 * Where the text of the shipped headers is. Apart, because the CLI has another module in its place that reads them from files beside its
 * bundles (scripts/build.mjs): most compilations want few of them.
 */
import { headers } from './headers.gen.js'

/** `name` is `own/…` or `system/…`. */
export const isHeader = (name: string): boolean => Object.hasOwn(headers, name)

/** The bytes of one that there is, made anew. */
export const headerBytes = (name: string): Uint8Array => new TextEncoder().encode(headers[name])
