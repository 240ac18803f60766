// SPDX-License-Identifier: Apache-2.0
// Times one program on a peer of the virtual machine: ubpf or febpf, opened as a shared library at run time (neither is part of this project).
//
//   peer-driver ubpf  LIBRARY interpreter|jit INSTRUCTIONS MAPS PACKET
//   peer-driver febpf LIBRARY interpreter|jit OBJECT PROGRAM PACKET
//
// INSTRUCTIONS are raw ones in which a load of a map gives its number from 1 on; MAPS has a line `array|hash KEY_SIZE VALUE_SIZE ENTRIES` for
// each. Prints what the program returned and the median of CPU nanoseconds a run.
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define ROUNDS 7
#define ROUND_NS 40e6

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why ? why : "");
	exit(1);
}

static void *file(const char *path, size_t *size)
{
	FILE *in = fopen(path, "rb");
	if (!in)
		fail(path, "cannot be read");
	fseek(in, 0, SEEK_END);
	*size = ftell(in);
	rewind(in);
	char *bytes = malloc(*size + 1);
	if (fread(bytes, 1, *size, in) != *size)
		fail(path, "cannot be read");
	bytes[*size] = 0;
	fclose(in);
	return bytes;
}

static void *symbol(void *library, const char *name)
{
	void *found = dlsym(library, name);
	if (!found)
		fail(name, dlerror());
	return found;
}

/* Maps for ubpf, which leaves them to the program that embeds it: arrays, and hash tables with open addressing. */
struct map {
	char kind[8];
	uint32_t key_size, value_size, entries, slots;
	uint8_t *used, *keys, *values;
};

static struct map maps[8];
static int map_count;

static void read_maps(const char *path)
{
	FILE *in = fopen(path, "r");
	struct map *m = maps;
	if (!in)
		fail(path, "cannot be read");
	while (map_count < 8 && fscanf(in, "%7s %u %u %u", m->kind, &m->key_size, &m->value_size, &m->entries) == 4) {
		m->slots = 1;
		while (m->slots < 2 * m->entries)
			m->slots *= 2;
		m->used = calloc(m->slots, 1);
		m->keys = calloc(m->slots, m->key_size);
		m->values = calloc(m->slots, m->value_size);
		m++;
		map_count++;
	}
	fclose(in);
}

static uint32_t find(const struct map *m, const uint8_t *key)
{
	uint64_t hash = 0x9e3779b97f4a7c15u;
	for (uint32_t i = 0; i < m->key_size; i += 4) {
		uint32_t word;
		memcpy(&word, key + i, 4);
		hash = (hash ^ word) * 0xff51afd7ed558ccdu;
		hash ^= hash >> 32;
	}
	uint32_t at = hash & (m->slots - 1);
	while (m->used[at] && memcmp(m->keys + (size_t)at * m->key_size, key, m->key_size))
		at = (at + 1) & (m->slots - 1);
	return at;
}

static uint64_t map_lookup(uint64_t map, uint64_t key, uint64_t c, uint64_t d, uint64_t e)
{
	const struct map *m = &maps[map - 1];
	if (m->kind[0] == 'a') {
		uint32_t index = *(uint32_t *)key;
		return index < m->entries ? (uint64_t)(m->values + (size_t)index * m->value_size) : 0;
	}
	uint32_t at = find(m, (const uint8_t *)key);
	return m->used[at] ? (uint64_t)(m->values + (size_t)at * m->value_size) : 0;
}

static uint64_t map_update(uint64_t map, uint64_t key, uint64_t value, uint64_t flags, uint64_t e)
{
	const struct map *m = &maps[map - 1];
	uint32_t at = find(m, (const uint8_t *)key);
	m->used[at] = 1;
	memcpy(m->keys + (size_t)at * m->key_size, (const void *)key, m->key_size);
	memcpy(m->values + (size_t)at * m->value_size, (const void *)value, m->value_size);
	return 0;
}

static bool in_map(void *context, uint64_t address, uint64_t size)
{
	for (int i = 0; i < map_count; i++) {
		uint64_t start = (uint64_t)maps[i].values;
		if (address >= start && address + size <= start + (uint64_t)maps[i].slots * maps[i].value_size)
			return true;
	}
	return false;
}

/* One run: what the program returned. */
typedef uint64_t (*run_fn)(void);

static void *vm;
static int (*exec_fn)(const void *, void *, size_t, uint64_t *);
static uint64_t (*jitted)(void *, size_t);
static uint8_t *memory;
static size_t memory_size;

static uint64_t ubpf_interpreter(void)
{
	uint64_t result = 0;
	if (exec_fn(vm, memory, memory_size, &result))
		fail("ubpf_exec", "the program faulted");
	return result;
}

static uint64_t ubpf_jit(void)
{
	return jitted(memory, memory_size);
}

static run_fn ubpf(void *library, bool jit, char **argv)
{
	size_t size, packet_size;
	char *error = NULL;
	void *insns = file(argv[0], &size), *packet = file(argv[2], &packet_size);
	int (*add)(void *, unsigned, const char *, void *) = symbol(library, "ubpf_register");
	int (*load)(void *, const void *, uint32_t, char **) = symbol(library, "ubpf_load");
	int (*bounds)(void *, void *, bool (*)(void *, uint64_t, uint64_t)) = symbol(library, "ubpf_register_data_bounds_check");
	read_maps(argv[1]);
	vm = ((void *(*)(void))symbol(library, "ubpf_create"))();
	add(vm, 1, "map_lookup", map_lookup);
	add(vm, 2, "map_update", map_update);
	bounds(vm, NULL, in_map);
	if (load(vm, insns, size, &error))
		fail("ubpf_load", error);
	/* struct xdp_md has addresses of 32 bits, which a kernel replaces by pointers: so the packet lies in the first 4 GB. */
	memory = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (memory == MAP_FAILED)
		fail("mmap", "no memory in the first 4 GB");
	uint32_t *ctx = (uint32_t *)memory;
	memory_size = 64 + packet_size;
	memcpy(memory + 64, packet, packet_size);
	ctx[0] = (uint32_t)(uintptr_t)memory + 64;
	ctx[1] = ctx[0] + packet_size;
	ctx[2] = ctx[0];
	ctx[3] = 1;
	exec_fn = symbol(library, "ubpf_exec");
	if (!jit)
		return ubpf_interpreter;
	jitted = ((uint64_t(*(*)(void *, char **))(void *, size_t))symbol(library, "ubpf_compile"))(vm, &error);
	if (!jitted)
		fail("ubpf_compile", error);
	return ubpf_jit;
}

/* febpf's C interface, version 1 */
struct elf_options {
	size_t struct_size;
	uint32_t flags, reserved;
	const char *program_name;
	size_t program_name_len;
	const uint8_t *target_btf;
	size_t target_btf_len;
};

struct verify_options {
	size_t struct_size;
	uint32_t context_model, flags;
	size_t context_size, verifier_instruction_budget;
	uint64_t runtime_instruction_limit;
};

struct invocation {
	size_t struct_size;
	uint32_t flags, reserved;
	uint8_t *context;
	size_t context_len;
	uint8_t *packet;
	size_t packet_len;
	void *output, *output_user_data;
};

#define CONTEXT_XDP 1
#define CONTEXT_WRITABLE 1
#define INVOCATION_JIT 1

static struct invocation invocation = { sizeof(invocation) };
static uint32_t (*febpf_vm_run)(void *, const struct invocation *, uint64_t *);
static size_t (*febpf_last_error)(char *, size_t);

static void febpf_check(const char *what, uint32_t status)
{
	char words[400] = "";
	if (!status)
		return;
	febpf_last_error(words, sizeof(words));
	fail(what, words);
}

static uint64_t febpf_run(void)
{
	uint64_t result = 0;
	febpf_check("febpf_vm_run", febpf_vm_run(vm, &invocation, &result));
	return result;
}

static run_fn febpf(void *library, bool jit, char **argv)
{
	size_t size;
	void *object = file(argv[0], &size);
	struct elf_options elf = { sizeof(elf), 0, 0, argv[1], strlen(argv[1]) };
	struct verify_options verify = { sizeof(verify), CONTEXT_XDP, CONTEXT_WRITABLE };
	febpf_last_error = symbol(library, "febpf_last_error");
	febpf_vm_run = symbol(library, "febpf_vm_run");
	febpf_check("febpf_vm_create_elf", ((uint32_t(*)(const void *, size_t, const struct elf_options *, void **))symbol(library, "febpf_vm_create_elf"))(object, size, &elf, &vm));
	febpf_check("febpf_vm_verify", ((uint32_t(*)(void *, const struct verify_options *))symbol(library, "febpf_vm_verify"))(vm, &verify));
	invocation.flags = jit ? INVOCATION_JIT : 0;
	invocation.packet = file(argv[2], &invocation.packet_len);
	return febpf_run;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static double timed(run_fn run, uint64_t repeat)
{
	double before = now();
	for (uint64_t i = 0; i < repeat; i++)
		run();
	return now() - before;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	if (argc != 7)
		fail("usage", "peer-driver ubpf|febpf LIBRARY interpreter|jit INSTRUCTIONS|OBJECT MAPS|PROGRAM PACKET");
	void *library = dlopen(argv[2], RTLD_NOW);
	if (!library)
		fail(argv[2], dlerror());
	bool jit = !strcmp(argv[3], "jit");
	run_fn run = !strcmp(argv[1], "ubpf") ? ubpf(library, jit, argv + 4) : febpf(library, jit, argv + 4);
	uint64_t result = run(), repeat = 1;
	double took = 0, rounds[ROUNDS];
	while ((took = timed(run, repeat)) < ROUND_NS / 4)
		repeat *= 2;
	repeat = repeat * ROUND_NS / took;
	if (!repeat)
		repeat = 1;
	for (int i = 0; i < ROUNDS; i++)
		rounds[i] = timed(run, repeat) / repeat;
	qsort(rounds, ROUNDS, sizeof(*rounds), ascending);
	printf("%llu %.2f\n", (unsigned long long)result, rounds[ROUNDS / 2]);
	return 0;
}
