/** What preparing changes for kernels that lack something: helpers, flags of maps, kinds of BTF, attach types (libbpf 1.5: kernel_supports and its users). */
import { describe, expect, it } from 'vitest'
import { compileSource, defaultOptions, MemoryHost } from '../../../index.js'
import { readBtf } from '../../../linker/btf/btf-file.js'
import { encodeBtf } from '../../../linker/btf/btf-builder.js'
import { BtfKind } from '../../../linker/btf/btf-types.js'
import { validateBtf } from '../../../linker/btf/validate.js'
import { openObject } from '../../../linker/object/open.js'
import { prepareObject } from '../../../linker/object/prepare.js'
import { kernelVersion } from '../../../linker/object/prepare-options.js'

const SOURCE = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define tagged __attribute__((btf_decl_tag("tagged")))
#define typed __attribute__((btf_type_tag("typed")))

enum wide { NARROW = 1, WIDE = 0x100000000ull };
enum below { BELOW = -1, ABOVE = 1 };
struct sample { float f; enum wide wide; enum below below; int typed *pointer; int tagged n; };

struct sample sample;
int counter = 1;
const volatile int limit = 2;

__attribute__((noinline)) int global(int n) { return n + counter; }

SEC("kprobe/anything")
int probe(void *ctx)
{
	char text[8];
	bpf_probe_read_user(text, sizeof(text), ctx);
	bpf_probe_read_kernel(text, sizeof(text), ctx);
	bpf_probe_read_user_str(text, sizeof(text), ctx);
	bpf_probe_read_kernel_str(text, sizeof(text), ctx);
	return global(limit) + text[0] + sample.n;
}

SEC("cgroup_skb/egress")
int egress(struct __sk_buff *skb) { return 1; }

char _license[] SEC("license") = "GPL";
`

const compiled = compileSource(new MemoryHost({ 'old.bpf.c': SOURCE }), 'old.bpf.c', defaultOptions())
const prepared = (major: number, minor: number) =>
  prepareObject(openObject(compiled.object!, 'old.bpf.o'), { kernelVersion: kernelVersion(major, minor) })

const { Datasec, Var, Func, FuncProto, Float, DeclTag, TypeTag, Enum64 } = BtfKind
const MMAPABLE = 0x400

interface Expected {
  /** Ids of the helpers that the four reads call. */
  readonly reads: readonly number[]
  readonly mmapable: boolean
  /** Kinds of BTF that this kernel does not know. */
  readonly unknown: readonly number[]
  /** Whether global functions are said to be that. */
  readonly globals: boolean
  /** Whether signed enums are said to be that. */
  readonly signedEnums: boolean
  /** BPF_CGROUP_INET_EGRESS, where kernels take attach types that a section need not have. */
  readonly egress: number
}

const OLD = { reads: [4, 4, 45, 45], mmapable: false, globals: false, signedEnums: false, egress: 1 }
const LATER = [Float, DeclTag, TypeTag, Enum64]
const NEW = { reads: [112, 113, 114, 115], mmapable: true, globals: true, signedEnums: false, egress: 1 }
const cases: readonly (readonly [number, number, Expected])[] = [
  [4, 14, { ...OLD, unknown: [Datasec, Var, Func, FuncProto, ...LATER], egress: 0 }],
  [4, 19, { ...OLD, unknown: [Datasec, Var, Func, FuncProto, ...LATER] }],
  [5, 0, { ...OLD, unknown: [Datasec, Var, ...LATER] }],
  [5, 2, { ...OLD, unknown: LATER }],
  [5, 4, { ...OLD, unknown: LATER }],
  [5, 5, { ...OLD, reads: NEW.reads, mmapable: true, unknown: LATER }],
  [5, 10, { ...NEW, unknown: LATER }],
  [5, 15, { ...NEW, unknown: [DeclTag, TypeTag, Enum64] }],
  [6, 1, { ...NEW, unknown: [], signedEnums: true }],
]

describe('prepareObject for old kernels', () => {
  it('starts from an object that has all of it', () => {
    expect(compiled.diagnostics.map(({ message }) => message)).toEqual([])
    const btf = prepared(6, 12).btf!
    const kinds = new Set<number>(Array.from({ length: btf.count }, (_, id) => btf.type(id).kind))
    for (const kind of [Datasec, Var, Func, FuncProto, ...LATER]) expect(kinds.has(kind), `kind ${kind}`).toBe(true)
  })

  it.each(cases)('%d.%d', (major, minor, expected) => {
    const { programs, maps, btf } = prepared(major, minor)
    const [probe, egress] = ['probe', 'egress'].map(name => programs.find(program => program.name === name)!)
    const { insns } = probe!
    const reads = [...insns.code.keys()]
      .filter(slot => insns.code[slot] === 0x85 && insns.src[slot] === 0)
      .map(slot => insns.imm[slot])
    const found = new Set<number>(Array.from({ length: btf!.count }, (_, id) => btf!.type(id).kind))
    const global = btf!.type(btf!.byName('global')[0]!)
    const below = btf!.type(btf!.byName('below')[0]!)
    expect({
      reads,
      mmapable: maps.filter(map => map.data).every(map => (map.flags & MMAPABLE) !== 0),
      unknown: expected.unknown.filter(kind => !found.has(kind)),
      globals: global.kind === Func && global.linkage === 1,
      signedEnums: below.kind === BtfKind.Enum && below.signed,
      egress: egress!.expectedAttachType,
    }).toEqual(expected)
    // Only .rodata stays read-only for programs, and what was made is well-formed.
    expect(maps.filter(map => map.data).map(map => map.flags & ~MMAPABLE)).toEqual(
      maps.filter(map => map.data).map(map => (map.data!.readonly ? 0x80 : 0)),
    )
    validateBtf(readBtf(encodeBtf(btf!, true)))
  })
})
