/**
 * The public API: what `import … from 'bpfc'` gives. Everything here runs in Node and in a browser; files come through a `Host`.
 *
 * compile → openObject → prepareObject → verifyProgram | Vm
 */
export type { Diagnostic, DiagnosticNote, Severity } from './base/diagnostics.js'
export { type Host, LayeredHost, MemoryHost } from './base/host.js'
export { ExitCode, FormatError, LimitReached, NotImplemented } from './base/outcome.js'
export { type Position, type SourceFile, SourceSet, type Span } from './base/source.js'
export { assemble } from './assembler/assemble.js'
export { Insns } from './assembler/isa/insns.js'
export { formatInsn } from './assembler/syntax/pseudo-c.js'
export { shippedDirectories, shippedHeaders } from './compiler/include/shipped-headers.js'
export type { CompileOptions, Cpu, IncludePaths, PredefineOption, Target } from './compiler/options.js'
export { compile, type CompileResult, type CompileSettings, type Emit } from './compiler/pipeline.js'
export { bundledBtf } from './linker/btf/bundled-btf.js'
export { readBtf } from './linker/btf/btf-file.js'
export type { BtfSet, BtfType } from './linker/btf/btf-types.js'
export { btfToC } from './linker/btf/c-dump.js'
export type { BpfObject, MapDef, ObjectFunction } from './linker/object/bpf-object.js'
export { openObject } from './linker/object/open.js'
export { prepareObject } from './linker/object/prepare.js'
export type { PreparedObject, PreparedProgram } from './linker/object/prepared.js'
export { type KernelProfile, kernelProfile, kernelProfiles } from './runtime/kernel/profile.js'
export { type Verdict, verifyProgram } from './runtime/verifier/verify.js'
export type { Fixture } from './runtime/vm/kernel-objects.js'
export { packet } from './runtime/vm/packets/build.js'
export { readCapture, writePcap } from './runtime/vm/packets/pcap.js'
export type { RunInput, RunResult } from './runtime/vm/programs/table.js'
export { Vm, type VmOptions } from './runtime/vm/vm.js'

import type { Host } from './base/host.js'
import { LayeredHost } from './base/host.js'
import { shippedDirectories, shippedHeaders } from './compiler/include/shipped-headers.js'
import type { CompileOptions } from './compiler/options.js'
import { compile, type CompileResult } from './compiler/pipeline.js'
import { bundledBtf } from './linker/btf/bundled-btf.js'
import type { BtfSet } from './linker/btf/btf-types.js'
import { btfToC } from './linker/btf/c-dump.js'

/** Options that suit most programs: -mcpu=v3, little-endian, -O2, BTF; the shipped headers; vmlinux.h of the BTF given, or of the bundled subset. */
export function defaultOptions(kernelBtf: BtfSet = bundledBtf(), changes: Partial<CompileOptions> = {}): CompileOptions {
  return {
    target: { cpu: 'v3', little: true },
    optimize: '2',
    debug: true,
    predefines: [{ kind: 'define', text: '__TARGET_ARCH_x86' }],
    includes: { quote: [], user: [], system: [], standard: [shippedDirectories.own, shippedDirectories.system], after: [] },
    prefixMap: [],
    workingDirectory: '/',
    disabledPasses: new Set(),
    vmlinux: () => new TextEncoder().encode(btfToC(kernelBtf)),
    ...changes,
  }
}

/** Compiles a file of a host, with the shipped headers behind the host's own files. */
export function compileSource(host: Host, path: string, options: CompileOptions = defaultOptions()): CompileResult {
  return compile(new LayeredHost([host, shippedHeaders()]), path, options)
}
