/** Compiling with options that suit most programs, over any host. */
import type { Host } from '../base/host.js'
import { LayeredHost } from '../base/host.js'
import { shippedDirectories, shippedHeaders } from '../compiler/include/shipped-headers.js'
import type { CompileOptions } from '../compiler/options.js'
import { compile, type CompileResult } from '../compiler/pipeline.js'
import { bundledBtf } from '../linker/btf/bundled-btf.js'
import type { BtfSet } from '../linker/btf/btf-types.js'
import { btfToC } from '../linker/btf/c-dump.js'

/** Options that suit most programs: -mcpu=v3, little-endian, -O2, BTF; the shipped headers; vmlinux.h of the BTF given, or of the bundled subset. */
export function defaultOptions(kernelBtf: BtfSet = bundledBtf(), changes: Partial<CompileOptions> = {}): CompileOptions {
  return {
    target: { cpu: 'v3', little: true },
    optimize: '2',
    debug: true,
    predefines: [{ kind: 'define', text: '__TARGET_ARCH_x86' }],
    includes: { quote: [], user: [], system: [], standard: [shippedDirectories.own, shippedDirectories.system], after: [] },
    prefixMap: [],
    workingDirectory: '',
    disabledPasses: new Set(),
    vmlinux: () => new TextEncoder().encode(btfToC(kernelBtf)),
    ...changes,
  }
}

/** Compiles a file of a host, with the shipped headers behind the host's own files. */
export function compileSource(host: Host, path: string, options: CompileOptions = defaultOptions()): CompileResult {
  return compile(new LayeredHost([host, shippedHeaders()]), path, options)
}
