/** The part of the WebAssembly API that the VM uses, typed here because the language's own library does not declare it. */

export interface WasmMemory {
  readonly buffer: ArrayBuffer
  /** Grows by pages of 64 KB; the old buffer is detached. */
  grow(pages: number): number
}

interface WasmApi {
  Memory: new (descriptor: { initial: number; maximum?: number }) => WasmMemory
  Module: new (bytes: Uint8Array<ArrayBuffer>) => object
  Instance: new (
    module: object,
    imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  ) => {
    readonly exports: Readonly<Record<string, (count: number) => void>>
  }
  RuntimeError: new () => Error
}

export const wasm = (globalThis as unknown as { readonly WebAssembly: WasmApi }).WebAssembly

export const PAGE_BYTES = 0x1_0000
