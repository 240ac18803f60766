/** `"types": ["bpfc/modules"]` in a tsconfig: what an import of a BPF source gives with the plugin of a bundler. */
declare module '*.bpf.c' {
  /** The object file, for `load` of `bpfc` or for a loader of the kernel. */
  const object: Uint8Array
  export default object
}
