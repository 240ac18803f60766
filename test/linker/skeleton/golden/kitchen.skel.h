/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */

/* Made by bpfc skel; do not edit. */
#ifndef __KITCHEN_SKEL_H__
#define __KITCHEN_SKEL_H__

#include <errno.h>
#include <stdlib.h>
#include <bpf/libbpf.h>

struct kitchen {
	struct bpf_object_skeleton *skeleton;
	struct bpf_object *obj;
	struct {
		struct bpf_map *inner_a;
		struct bpf_map *inner_b;
		struct bpf_map *outer;
		struct bpf_map *jumps;
		struct bpf_map *counters;
		struct bpf_map *events;
		struct bpf_map *bloom;
		struct bpf_map *rodata;
		struct bpf_map *data;
		struct bpf_map *data_custom;
		struct bpf_map *bss;
		struct bpf_map *kconfig;
		struct bpf_map *operations;
	} maps;
	struct {
		struct bpf_program *tail_target;
		struct bpf_program *count;
		struct bpf_program *symbols;
		struct bpf_program *relocated;
		struct bpf_program *ops_init;
		struct bpf_program *ops_run;
	} progs;
	struct {
		struct bpf_link *tail_target;
		struct bpf_link *count;
		struct bpf_link *symbols;
		struct bpf_link *relocated;
		struct bpf_link *ops_init;
		struct bpf_link *ops_run;
	} links;
	struct kitchen__rodata {
		u32 limit;
	} *rodata;
	struct kitchen__data {
		u32 start;
	} *data;
	struct kitchen__data_custom {
		u32 custom;
	} *data_custom;
	struct kitchen__bss {
		u64 total;
	} *bss;
	struct kitchen__kconfig {
		enum libbpf_tristate CONFIG_BPF_JIT;
		u32 CONFIG_HZ;
		u32 LINUX_KERNEL_VERSION;
		bool CONFIG_SMP;
		char CONFIG_NAME[8];
	} *kconfig;

#ifdef __cplusplus
	static inline struct kitchen *open(const struct bpf_object_open_opts *opts = nullptr);
	static inline struct kitchen *open_and_load();
	static inline int load(struct kitchen *skel);
	static inline int attach(struct kitchen *skel);
	static inline void detach(struct kitchen *skel);
	static inline void destroy(struct kitchen *skel);
	static inline const void *elf_bytes(size_t *sz);
#endif /* __cplusplus */
};

static void
kitchen__destroy(struct kitchen *obj)
{
	if (!obj)
		return;
	if (obj->skeleton)
		bpf_object__destroy_skeleton(obj->skeleton);
	free(obj);
}

static inline int
kitchen__create_skeleton(struct kitchen *obj);

static inline struct kitchen *
kitchen__open_opts(const struct bpf_object_open_opts *opts)
{
	struct kitchen *obj;
	int err;

	obj = (struct kitchen *)calloc(1, sizeof(*obj));
	if (!obj) {
		errno = ENOMEM;
		return NULL;
	}
	err = kitchen__create_skeleton(obj);
	if (!err)
		err = bpf_object__open_skeleton(obj->skeleton, opts);
	if (err) {
		kitchen__destroy(obj);
		errno = -err;
		return NULL;
	}
	return obj;
}

static inline struct kitchen *
kitchen__open(void)
{
	return kitchen__open_opts(NULL);
}

static inline int
kitchen__load(struct kitchen *obj)
{
	return bpf_object__load_skeleton(obj->skeleton);
}

static inline struct kitchen *
kitchen__open_and_load(void)
{
	struct kitchen *obj;
	int err;

	obj = kitchen__open();
	if (!obj)
		return NULL;
	err = kitchen__load(obj);
	if (err) {
		kitchen__destroy(obj);
		errno = -err;
		return NULL;
	}
	return obj;
}

static inline int
kitchen__attach(struct kitchen *obj)
{
	return bpf_object__attach_skeleton(obj->skeleton);
}

static inline void
kitchen__detach(struct kitchen *obj)
{
	bpf_object__detach_skeleton(obj->skeleton);
}

static inline const void *kitchen__elf_bytes(size_t *sz);

static inline int
kitchen__create_skeleton(struct kitchen *obj)
{
	struct bpf_object_skeleton *s;

	s = (struct bpf_object_skeleton *)calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;

	s->sz = sizeof(*s);
	s->name = "kitchen";
	s->obj = &obj->obj;

	s->map_cnt = 13;
	s->map_skel_sz = sizeof(*s->maps);
	s->maps = (struct bpf_map_skeleton *)calloc(s->map_cnt, s->map_skel_sz);
	if (!s->maps)
		goto err;
	s->maps[0].name = "inner_a";
	s->maps[0].map = &obj->maps.inner_a;
	s->maps[1].name = "inner_b";
	s->maps[1].map = &obj->maps.inner_b;
	s->maps[2].name = "outer";
	s->maps[2].map = &obj->maps.outer;
	s->maps[3].name = "jumps";
	s->maps[3].map = &obj->maps.jumps;
	s->maps[4].name = "counters";
	s->maps[4].map = &obj->maps.counters;
	s->maps[5].name = "events";
	s->maps[5].map = &obj->maps.events;
	s->maps[6].name = "bloom";
	s->maps[6].map = &obj->maps.bloom;
	s->maps[7].name = "kitchen.rodata";
	s->maps[7].map = &obj->maps.rodata;
	s->maps[7].mmaped = (void **)&obj->rodata;
	s->maps[8].name = "kitchen.data";
	s->maps[8].map = &obj->maps.data;
	s->maps[8].mmaped = (void **)&obj->data;
	s->maps[9].name = ".data.custom";
	s->maps[9].map = &obj->maps.data_custom;
	s->maps[9].mmaped = (void **)&obj->data_custom;
	s->maps[10].name = "kitchen.bss";
	s->maps[10].map = &obj->maps.bss;
	s->maps[10].mmaped = (void **)&obj->bss;
	s->maps[11].name = "kitchen.kconfig";
	s->maps[11].map = &obj->maps.kconfig;
	s->maps[11].mmaped = (void **)&obj->kconfig;
	s->maps[12].name = "operations";
	s->maps[12].map = &obj->maps.operations;

	s->prog_cnt = 6;
	s->prog_skel_sz = sizeof(*s->progs);
	s->progs = (struct bpf_prog_skeleton *)calloc(s->prog_cnt, s->prog_skel_sz);
	if (!s->progs)
		goto err;
	s->progs[0].name = "tail_target";
	s->progs[0].prog = &obj->progs.tail_target;
	s->progs[0].link = &obj->links.tail_target;
	s->progs[1].name = "count";
	s->progs[1].prog = &obj->progs.count;
	s->progs[1].link = &obj->links.count;
	s->progs[2].name = "symbols";
	s->progs[2].prog = &obj->progs.symbols;
	s->progs[2].link = &obj->links.symbols;
	s->progs[3].name = "relocated";
	s->progs[3].prog = &obj->progs.relocated;
	s->progs[3].link = &obj->links.relocated;
	s->progs[4].name = "ops_init";
	s->progs[4].prog = &obj->progs.ops_init;
	s->progs[4].link = &obj->links.ops_init;
	s->progs[5].name = "ops_run";
	s->progs[5].prog = &obj->progs.ops_run;
	s->progs[5].link = &obj->links.ops_run;

	s->data = (void *)kitchen__elf_bytes(&s->data_sz);
	obj->skeleton = s;
	return 0;
err:
	bpf_object__destroy_skeleton(s);
	return -ENOMEM;
}

static inline const void *kitchen__elf_bytes(size_t *sz)
{
	static const char data[] __attribute__((__aligned__(8))) = "\
\x7f\0\x45";

	*sz = sizeof(data) - 1;
	return (const void *)data;
}

#ifdef __cplusplus
struct kitchen *kitchen::open(const struct bpf_object_open_opts *opts) { return kitchen__open_opts(opts); }
struct kitchen *kitchen::open_and_load() { return kitchen__open_and_load(); }
int kitchen::load(struct kitchen *skel) { return kitchen__load(skel); }
int kitchen::attach(struct kitchen *skel) { return kitchen__attach(skel); }
void kitchen::detach(struct kitchen *skel) { kitchen__detach(skel); }
void kitchen::destroy(struct kitchen *skel) { kitchen__destroy(skel); }
const void *kitchen::elf_bytes(size_t *sz) { return kitchen__elf_bytes(sz); }
#endif /* __cplusplus */

#endif /* __KITCHEN_SKEL_H__ */
