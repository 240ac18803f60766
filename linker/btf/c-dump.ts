/**
 * BTF as a C header that compiles to the same layouts: what `bpftool btf dump format c` prints, rule by rule (libbpf 1.5, btf_dump.c).
 */
import { type BtfId, BtfKind, type BtfSet } from './btf-types.js'
import { CDump } from './c-definitions.js'

export interface CDumpOptions {
  /** Types to write, with all they need; all of them if left out. */
  readonly ids?: readonly BtfId[]
  /** First type to write if no ids are given: a split BTF's own types start after its base's. */
  readonly from?: BtfId
  /** Declares the kernel's kfuncs (functions with declaration tag `bpf_kfunc`) too, as bpftool does since 7.5. */
  readonly kfuncs?: boolean
}

const HEAD = `#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#endif

`

const TAIL = `#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif
`

const END = '\n#endif /* __VMLINUX_H__ */\n'

/** A whole header, with include guard and the pragma that makes accesses relocatable. */
export function btfToC(btf: BtfSet, options: CDumpOptions = {}): string {
  return new TextDecoder().decode(btfToCBytes(btf, options))
}

/** The same header as UTF-8, for those who go on with bytes. */
export function btfToCBytes(btf: BtfSet, options: CDumpOptions = {}): Uint8Array {
  const dump = new CDump(btf)
  dump.put(HEAD)
  if (options.ids) for (const id of options.ids) dump.add(id)
  else for (let id = options.from ?? 1; id < btf.count; id++) dump.add(id)
  dump.put(TAIL)
  if (options.kfuncs) dump.put(kfuncDeclarations(btf, dump))
  dump.put(END)
  return dump.takeBytes()
}

/** Declarations of all kfuncs, weak, as a program uses them. */
function kfuncDeclarations(btf: BtfSet, dump: CDump): string {
  const seen = new Set<string>()
  let text = ''
  for (const id of btf.byName('bpf_kfunc')) {
    const tag = btf.type(id)
    const func = tag.kind === BtfKind.DeclTag ? btf.type(tag.type) : undefined
    if (func?.kind !== BtfKind.Func || seen.has(func.name)) continue
    seen.add(func.name)
    text += `extern ${dump.declare(func.type, func.name)} __weak __ksym;\n`
  }
  if (text === '') return ''
  return `
#ifndef BPF_NO_KFUNC_PROTOTYPES
#ifndef __ksym
#define __ksym __attribute__((section(".ksyms")))
#endif
#ifndef __weak
#define __weak __attribute__((weak))
#endif

${text}#endif
`
}
