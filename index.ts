/**
 * The public API: what `import … from 'bpfc'` gives. Everything here runs in Node and in a browser; files come through a `Host`.
 *
 * load, or step by step: compile → openObject → prepareObject → verifyProgram | Vm
 */
export {
  compileForKernels,
  type CompiledForKernels,
  type ForKernels,
  type Judge,
  type KernelAnswer,
} from './api/compile-for-kernels.js'
export { compileSource, defaultOptions } from './api/compile-source.js'
export {
  load,
  type Loaded,
  type LoadedMap,
  type LoadedProgram,
  type LoadOptions,
  type ProgramRun,
} from './api/load.js'
export { checkedObject, type CheckedObject, type CheckedObjectOptions, VerifierError } from './api/checked-object.js'
export type { Constants } from './api/constants.js'
export type { MapChange, MapTypeName, ObjectChanges, ProgramChange } from './api/object-changes.js'
export { changedObject } from './api/object-changes.js'
export type { LoadedGlobal } from './api/globals.js'
export { verdictName } from './api/verdict-names.js'
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
export { type MachineFacts, parseKernelConfig } from './runtime/kernel/machine.js'
export { type KernelProfile, kernelProfile, kernelProfiles } from './runtime/kernel/profile.js'
export { type Verdict, verifyProgram } from './runtime/verifier/verify.js'
export type { BtfValue } from './runtime/vm/btf-values.js'
export { dentryFixture, fileFixture, type FileOptions } from './runtime/vm/kernel-files.js'
export type { Fixture } from './runtime/vm/kernel-objects.js'
export type { KfuncAnswer, KfuncCall } from './runtime/vm/kfunc-answers.js'
export { packet } from './runtime/vm/packets/build.js'
export { readCapture, writePcap } from './runtime/vm/packets/pcap.js'
export type { IterateOptions, IteratorItem, IteratorResult } from './runtime/vm/programs/iterators.js'
export type { RunInput, RunResult } from './runtime/vm/programs/table.js'
export { vmBackend } from './runtime/vm/skeleton-backend.js'
export type { SocketFixture, VmSocket } from './runtime/vm/sockets.js'
export type { TaskOptions } from './runtime/vm/tasks.js'
export { Vm, type VmOptions } from './runtime/vm/vm.js'
