/** A C header that opens, loads and attaches an object through libbpf, in the shape of `bpftool gen skeleton`: programs written for one work with the other. */
import { alignOf } from '../btf/btf-file.js'
import { CDump } from '../btf/c-definitions.js'
import type { BpfObject } from '../object/bpf-object.js'
import { BPF_F_MMAPABLE } from '../object/uapi.js'
import { type SkeletonMap, skeletonMaps } from './sections.js'

/** `bytes` is the object file, which goes into the header; `name` the prefix of all that is declared, an identifier of C. */
export function cSkeleton(object: BpfObject, bytes: Uint8Array, name: string): string {
  const maps = skeletonMaps(object)
  const guard = `__${name.toUpperCase()}_SKEL_H__`
  return [
    '/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */\n',
    '/* Made by bpfc skel; do not edit. */',
    `#ifndef ${guard}\n#define ${guard}\n`,
    '#include <errno.h>\n#include <stdlib.h>\n#include <bpf/libbpf.h>\n',
    skeletonStruct(object, maps, name),
    functions(name),
    createFunction(object, maps, name),
    elfBytes(bytes, name),
    cplusplus(name),
    `#endif /* ${guard} */\n`,
  ].join('\n')
}

/** Whether libbpf maps the section's content into the process: it does where some variable is visible from outside. */
const isMapped = ({ def }: SkeletonMap) => def.data !== undefined && (def.flags & BPF_F_MMAPABLE) !== 0

function skeletonStruct(object: BpfObject, maps: readonly SkeletonMap[], name: string): string {
  const lines = [`struct ${name} {`, '\tstruct bpf_object_skeleton *skeleton;', '\tstruct bpf_object *obj;']
  const group = (field: string, kind: string, names: readonly string[]) => {
    if (names.length > 0) lines.push('\tstruct {', ...names.map(entry => `\t\tstruct ${kind} *${entry};`), `\t} ${field};`)
  }
  const programs = object.programs.map(program => program.name)
  group(
    'maps',
    'bpf_map',
    maps.map(map => map.identifier),
  )
  group('progs', 'bpf_program', programs)
  group('links', 'bpf_link', programs)
  const dump = object.btf && new CDump(object.btf)
  for (const map of maps) if (isMapped(map) && dump) lines.push(...dataStruct(object, dump, map, name))
  lines.push('', '#ifdef __cplusplus')
  lines.push(
    `\tstatic inline struct ${name} *open(const struct bpf_object_open_opts *opts = nullptr);`,
    `\tstatic inline struct ${name} *open_and_load();`,
    `\tstatic inline int load(struct ${name} *skel);`,
    `\tstatic inline int attach(struct ${name} *skel);`,
    `\tstatic inline void detach(struct ${name} *skel);`,
    `\tstatic inline void destroy(struct ${name} *skel);`,
    '\tstatic inline const void *elf_bytes(size_t *sz);',
    '#endif /* __cplusplus */',
    '};\n',
  )
  return lines.join('\n')
}

/** The variables of a data section as members, with padding where static ones stand or C would not leave a gap. */
function dataStruct(object: BpfObject, dump: CDump, map: SkeletonMap, name: string): string[] {
  const lines = [`\tstruct ${name}__${map.identifier} {`]
  // A user writes into data before the load; the configuration stays what it is.
  const plain = map.def.data!.section !== '.kconfig'
  let end = 0
  let pads = 0
  for (const variable of map.vars) {
    if (variable.offset < end) continue
    // As on a 32-bit machine, where long is aligned to 4: more padding than a 64-bit compiler needs is still right.
    const align = Math.min(4, Math.max(1, alignOf(object.btf!, variable.type)))
    if (Math.ceil(end / align) * align !== variable.offset) lines.push(`\t\tchar __pad${pads++}[${variable.offset - end}];`)
    lines.push(`\t\t${dump.declare(variable.type, variable.name.replace(/[^A-Za-z0-9_]/g, '_'), 2, plain)};`)
    end = variable.offset + variable.size
  }
  lines.push(`\t} *${map.identifier};`)
  return lines
}

function functions(name: string): string {
  return `static void
${name}__destroy(struct ${name} *obj)
{
	if (!obj)
		return;
	if (obj->skeleton)
		bpf_object__destroy_skeleton(obj->skeleton);
	free(obj);
}

static inline int
${name}__create_skeleton(struct ${name} *obj);

static inline struct ${name} *
${name}__open_opts(const struct bpf_object_open_opts *opts)
{
	struct ${name} *obj;
	int err;

	obj = (struct ${name} *)calloc(1, sizeof(*obj));
	if (!obj) {
		errno = ENOMEM;
		return NULL;
	}
	err = ${name}__create_skeleton(obj);
	if (!err)
		err = bpf_object__open_skeleton(obj->skeleton, opts);
	if (err) {
		${name}__destroy(obj);
		errno = -err;
		return NULL;
	}
	return obj;
}

static inline struct ${name} *
${name}__open(void)
{
	return ${name}__open_opts(NULL);
}

static inline int
${name}__load(struct ${name} *obj)
{
	return bpf_object__load_skeleton(obj->skeleton);
}

static inline struct ${name} *
${name}__open_and_load(void)
{
	struct ${name} *obj;
	int err;

	obj = ${name}__open();
	if (!obj)
		return NULL;
	err = ${name}__load(obj);
	if (err) {
		${name}__destroy(obj);
		errno = -err;
		return NULL;
	}
	return obj;
}

static inline int
${name}__attach(struct ${name} *obj)
{
	return bpf_object__attach_skeleton(obj->skeleton);
}

static inline void
${name}__detach(struct ${name} *obj)
{
	bpf_object__detach_skeleton(obj->skeleton);
}

static inline const void *${name}__elf_bytes(size_t *sz);
`
}

function createFunction(object: BpfObject, maps: readonly SkeletonMap[], name: string): string {
  const lines = [
    'static inline int',
    `${name}__create_skeleton(struct ${name} *obj)`,
    '{',
    '\tstruct bpf_object_skeleton *s;\n',
    '\ts = (struct bpf_object_skeleton *)calloc(1, sizeof(*s));',
    '\tif (!s)',
    '\t\treturn -ENOMEM;\n',
    '\ts->sz = sizeof(*s);',
    `\ts->name = "${name}";`,
    '\ts->obj = &obj->obj;',
  ]
  const array = (field: string, kind: string, count: number) => {
    lines.push(
      `\n\ts->${field}_cnt = ${count};`,
      `\ts->${field}_skel_sz = sizeof(*s->${kind});`,
      `\ts->${kind} = (struct bpf_${field}_skeleton *)calloc(s->${field}_cnt, s->${field}_skel_sz);`,
      `\tif (!s->${kind})`,
      '\t\tgoto err;',
    )
  }
  if (maps.length > 0) array('map', 'maps', maps.length)
  maps.forEach((map, i) => {
    lines.push(`\ts->maps[${i}].name = "${map.def.name}";`, `\ts->maps[${i}].map = &obj->maps.${map.identifier};`)
    if (isMapped(map)) lines.push(`\ts->maps[${i}].mmaped = (void **)&obj->${map.identifier};`)
  })
  if (object.programs.length > 0) array('prog', 'progs', object.programs.length)
  object.programs.forEach((program, i) => {
    lines.push(
      `\ts->progs[${i}].name = "${program.name}";`,
      `\ts->progs[${i}].prog = &obj->progs.${program.name};`,
      `\ts->progs[${i}].link = &obj->links.${program.name};`,
    )
  })
  lines.push('', `\ts->data = (void *)${name}__elf_bytes(&s->data_sz);`, '\tobj->skeleton = s;', '\treturn 0;')
  if (maps.length + object.programs.length > 0) lines.push('err:', '\tbpf_object__destroy_skeleton(s);', '\treturn -ENOMEM;')
  lines.push('}\n')
  return lines.join('\n')
}

function elfBytes(bytes: Uint8Array, name: string): string {
  const lines: string[] = []
  let line = ''
  for (const byte of bytes) {
    line += byte === 0 ? '\\0' : `\\x${byte.toString(16).padStart(2, '0')}`
    if (line.length > 76) {
      lines.push(`${line}\\`)
      line = ''
    }
  }
  lines.push(line)
  return `static inline const void *${name}__elf_bytes(size_t *sz)
{
	static const char data[] __attribute__((__aligned__(8))) = "\\
${lines.join('\n')}";

	*sz = sizeof(data) - 1;
	return (const void *)data;
}
`
}

function cplusplus(name: string): string {
  return `#ifdef __cplusplus
struct ${name} *${name}::open(const struct bpf_object_open_opts *opts) { return ${name}__open_opts(opts); }
struct ${name} *${name}::open_and_load() { return ${name}__open_and_load(); }
int ${name}::load(struct ${name} *skel) { return ${name}__load(skel); }
int ${name}::attach(struct ${name} *skel) { return ${name}__attach(skel); }
void ${name}::detach(struct ${name} *skel) { ${name}__detach(skel); }
void ${name}::destroy(struct ${name} *skel) { ${name}__destroy(skel); }
const void *${name}::elf_bytes(size_t *sz) { return ${name}__elf_bytes(sz); }
#endif /* __cplusplus */
`
}
