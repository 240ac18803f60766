/*
 * The kernel's old verifier tests, tables of instructions (tools/testing/selftests/bpf/verifier), as data: runs test_verifier.c with its
 * system calls watched. Every program it loads becomes a JSON line on stdout: what was asked, with file descriptors turned into
 * numbers of maps, and what the kernel said. Nothing is attached or run. Made and used by verifier-table.ts.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "testing_helpers.h"

enum { FDS = 65536 };
/* By file descriptor: the JSON of the map or BTF behind it. */
static char *map_of[FDS], *btf_of[FDS];
static FILE *out;
static char watch_log[16 << 20];

static int watch_map(enum bpf_map_type type, const char *name, __u32 key, __u32 value, __u32 max,
		     const struct bpf_map_create_opts *opts)
{
	int fd = bpf_map_create(type, name, key, value, max, opts);
	int btf = opts ? (int)opts->btf_fd : 0;
	int inner = opts ? opts->inner_map_fd : 0;

	if (fd >= 0 && fd < FDS) {
		free(map_of[fd]);
		asprintf(&map_of[fd],
			 "{\"type\":%d,\"name\":\"%s\",\"key\":%u,\"value\":%u,\"max\":%u,\"flags\":%u,\"valueType\":%u,\"btf\":%s,\"inner\":%s}",
			 type, name ? name : "", key, value, max, opts ? opts->map_flags : 0, opts ? opts->btf_value_type_id : 0,
			 btf > 0 && btf_of[btf] ? btf_of[btf] : "null", inner > 0 && map_of[inner] ? map_of[inner] : "null");
	}
	return fd;
}

static int watch_btf(const void *data, size_t size, struct bpf_btf_load_opts *opts)
{
	int fd = bpf_btf_load(data, size, opts);

	if (fd >= 0 && fd < FDS) {
		free(btf_of[fd]);
		btf_of[fd] = malloc(size * 2 + 3);
		btf_of[fd][0] = '"';
		for (size_t i = 0; i < size; i++)
			sprintf(btf_of[fd] + 1 + 2 * i, "%02x", ((const unsigned char *)data)[i]);
		strcpy(btf_of[fd] + 1 + 2 * size, "\"");
	}
	return fd;
}

static void say_text(const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		unsigned char c = *text;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c == '\n')
			fputs("\\n", out);
		else if (c < 32 || c > 126)
			fprintf(out, "\\u%04x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

static const char *current_test = "";
static int current_unpriv;

static int watch_load(enum bpf_prog_type type, const char *name, const char *license, const struct bpf_insn *insns, size_t count,
		      struct bpf_prog_load_opts *opts)
{
	static struct bpf_prog_load_opts none = { .sz = sizeof(none) };
	struct bpf_prog_load_opts *asked = opts ? opts : &none;
	struct bpf_prog_load_opts mine = *asked;
	int maps[64], map_count = 0, fd, saved;

	if (!*current_test)
		return bpf_prog_load(type, name, license, insns, count, opts);
	mine.log_buf = watch_log;
	mine.log_size = sizeof(watch_log);
	/* Once more for the message: a whole log of an accepted program may not fit. */
	for (mine.log_level = 4, fd = -1; fd < 0 && mine.log_level <= 5; mine.log_level++) {
		watch_log[0] = 0;
		fd = bpf_prog_load(type, name, license, insns, count, &mine);
	}
	saved = errno;
	fprintf(out, "{\"test\":");
	say_text(current_test);
	fprintf(out, ",\"unpriv\":%s,\"type\":%d,\"attach\":%d,\"flags\":%u,\"attachBtfId\":%u,\"license\":\"%s\",\"insns\":\"",
		current_unpriv ? "true" : "false", type, asked->expected_attach_type, asked->prog_flags, asked->attach_btf_id, license);
	for (size_t i = 0; i < count; i++) {
		struct bpf_insn insn = insns[i];

		if (insn.code == 0x18 && (insn.src_reg == 1 || insn.src_reg == 2) && insn.imm >= 0 && insn.imm < FDS && map_of[insn.imm]) {
			int at = 0;

			while (at < map_count && maps[at] != insn.imm)
				at++;
			if (at == map_count && map_count < 64)
				maps[map_count++] = insn.imm;
			insn.imm = at;
		}
		for (size_t k = 0; k < sizeof(insn); k++)
			fprintf(out, "%02x", ((unsigned char *)&insn)[k]);
	}
	fprintf(out, "\",\"maps\":[");
	for (int i = 0; i < map_count; i++)
		fprintf(out, "%s%s", i ? "," : "", map_of[maps[i]]);
	fprintf(out, "],\"btf\":%s,\"functions\":[", asked->prog_btf_fd > 0 && btf_of[asked->prog_btf_fd] ? btf_of[asked->prog_btf_fd] : "null");
	for (__u32 i = 0; i < asked->func_info_cnt; i++) {
		const struct bpf_func_info *info = (const void *)((const char *)asked->func_info + i * asked->func_info_rec_size);

		fprintf(out, "%s[%u,%u]", i ? "," : "", info->insn_off, info->type_id);
	}
	fprintf(out, "],\"ok\":%s,\"errno\":%d,\"log\":", fd >= 0 ? "true" : "false", fd >= 0 ? 0 : saved);
	{
		size_t length = strlen(watch_log), keep = 2000;

		say_text(watch_log + (length > keep ? length - keep : 0));
	}
	fprintf(out, "}\n");
	if (opts && opts->log_buf && opts->log_size)
		strncpy(opts->log_buf, watch_log, opts->log_size - 1);
	errno = saved;
	return fd;
}

static int watch_run(int fd, struct bpf_test_run_opts *opts)
{
	errno = EPERM;
	return -EPERM;
}

/* Its own output is not wanted; the name of a test comes through it all the same. */
static int watch_print(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (!strcmp(format, "#%d/p %s ") || !strcmp(format, "#%d/u %s ")) {
		static char name[512];

		va_arg(args, int);
		current_unpriv = format[4] == 'u';
		snprintf(name, sizeof(name), "%s", va_arg(args, const char *));
		current_test = name;
	} else if (getenv("VERBOSE"))
		vfprintf(stderr, format, args);
	va_end(args);
	return 0;
}

#define bpf_map_create watch_map
#define bpf_btf_load watch_btf
#define bpf_prog_load watch_load
#define bpf_prog_test_run_opts watch_run
#define printf watch_print
#define load_bpf_testmod(verbose) 0
#define unload_bpf_testmod(verbose) 0
#define main selftest_main
#include "test_verifier.c"
#undef main

int main(int argc, char **argv)
{
	out = stdout;
	return selftest_main(argc, argv) & 0;
}
