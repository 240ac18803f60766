/* What libbpf hands to the kernel, without handing it over: every bpf(2) call is answered here, so no root and no BPF are needed.
 * usage: libbpf-view OBJ...   one JSON line a program: type, attach type, flags, attach BTF id, function info, line info, instructions
 * as hex, in which map file descriptors are replaced by the maps' indices; or a line with what libbpf said, where it refuses.
 * build: cc -O2 -o libbpf-view libbpf-view.c -Wl,--wrap=syscall libbpf.a -lelf -lz */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

long __real_syscall(long number, long a, long b, long c, long d, long e, long f);

static struct bpf_object *object;
static const char *path;
static char *seen[4096]; /* names of programs that were printed */
static int seen_count;
static unsigned kept_size;
static char complaint[512], culprit[128];

static void print_string(const char *s)
{
	putchar('"');
	for (; *s && *s != '\n'; s++) {
		if (*s == '"' || *s == '\\') putchar('\\');
		putchar(*s);
	}
	putchar('"');
}

/* Made-up descriptors are files in memory; libbpf moves them to other numbers, so they are known by their inode. */
static struct { ino_t inode; int inner; } maps[4096];
static int map_count;

static ino_t inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_ino;
}

static int map_index(int fd)
{
	ino_t inode = inode_of(fd);
	struct bpf_map *map;
	int index = 0, made = 0;

	bpf_object__for_each_map(map, object) {
		if (bpf_map__autocreate(map)) {
			while (made < map_count && maps[made].inner) made++;
			if (made < map_count && maps[made].inode == inode) return index;
			made++;
		}
		index++;
	}
	return -1;
}

static void print_program(struct bpf_program *prog, union bpf_attr *attr)
{
	struct bpf_insn *insns = (void *)(unsigned long)attr->insns;
	unsigned i, count = attr->insn_cnt;

	printf("{\"obj\":");
	print_string(path);
	printf(",\"prog\":");
	print_string(bpf_program__name(prog));
	printf(",\"type\":%u,\"attach\":%u,\"flags\":%u,\"btfId\":%u,\"lines\":%u,\"funcs\":[", attr->prog_type, attr->expected_attach_type,
	       attr->prog_flags, attr->attach_btf_id, attr->line_info_cnt);
	for (i = 0; i < attr->func_info_cnt; i++) {
		unsigned *row = (void *)(unsigned long)(attr->func_info + (unsigned long)i * attr->func_info_rec_size);
		printf("%s[%u,%u]", i ? "," : "", row[0], row[1]);
	}
	printf("],\"insns\":\"");
	for (i = 0; i < count; i++) {
		struct bpf_insn insn = insns[i];
		unsigned char *bytes = (void *)&insn;
		int j;

		if (insn.code == 0x18 && (insn.src_reg == 1 || insn.src_reg == 2)) insn.imm = map_index(insn.imm);
		for (j = 0; j < 8; j++) printf("%02x", bytes[j]);
	}
	printf("\"}\n");
}

/* The program of the object that is being loaded; null for the probes of libbpf's own. */
static struct bpf_program *program_of(union bpf_attr *attr)
{
	struct bpf_program *prog;

	if (!object) return NULL;
	bpf_object__for_each_program(prog, object)
		if (bpf_program__autoload(prog) && (unsigned long)bpf_program__insns(prog) == (unsigned long)attr->insns) return prog;
	return NULL;
}

/* libbpf maps the content of some maps: there must be something behind it. */
static int anything(void)
{
	int fd = memfd_create("fake", MFD_CLOEXEC);

	return fd < 0 || ftruncate(fd, 1l << 34) ? -1 : fd;
}

/* With LIBBPF_VIEW_CORE=FILE CO-RE relocations are done against that BTF. With LIBBPF_VIEW_BTF=FOLDER the BTF of each object is left there as OBJ.btf; probes load some too, but smaller ones. */
static void keep_btf(const void *bytes, unsigned size)
{
	const char *folder = getenv("LIBBPF_VIEW_BTF");
	char name[4096];
	FILE *file;

	if (!folder || !object || size <= kept_size) return;
	snprintf(name, sizeof name, "%s/%s.btf", folder, path);
	if (!(file = fopen(name, "w"))) return;
	fwrite(bytes, 1, size, file);
	fclose(file);
	kept_size = size;
}

static long fake_bpf(int command, union bpf_attr *attr, long size)
{
	struct bpf_program *prog;
	int i;

	switch (command) {
	case BPF_PROG_LOAD:
		if ((prog = program_of(attr))) {
			for (i = 0; i < seen_count; i++)
				if (!strcmp(seen[i], bpf_program__name(prog))) break;
			if (i == seen_count && seen_count < 4096) {
				seen[seen_count++] = strdup(bpf_program__name(prog));
				print_program(prog, attr);
			}
		}
		return anything();
	case BPF_MAP_CREATE:
		i = anything();
		if (!object || !strncmp(attr->map_name, "libbpf_", 7) || map_count == 4096) return i;
		if (attr->map_type == BPF_MAP_TYPE_ARRAY_OF_MAPS || attr->map_type == BPF_MAP_TYPE_HASH_OF_MAPS) {
			int k;
			for (k = 0; k < map_count; k++)
				if (maps[k].inode == inode_of(attr->inner_map_fd)) maps[k].inner = 1;
		}
		maps[map_count].inode = inode_of(i);
		maps[map_count++].inner = 0;
		return i;
	case BPF_BTF_LOAD:
		keep_btf((void *)(unsigned long)attr->btf, attr->btf_size);
		return anything();
	case BPF_OBJ_GET:
		errno = ENOENT;
		return -1;
	case BPF_LINK_CREATE: /* what the probes for perf and multi-uprobe links want to see */
		errno = attr->link_create.attach_type == BPF_TRACE_UPROBE_MULTI && attr->link_create.uprobe_multi.pid == (unsigned)-1 ? EINVAL : EBADF;
		return -1;
	case BPF_MAP_UPDATE_ELEM:
	case BPF_MAP_FREEZE:
	case BPF_PROG_BIND_MAP:
		return 0;
	case BPF_BTF_GET_NEXT_ID:
	case BPF_MAP_GET_NEXT_ID:
		errno = ENOENT;
		return -1;
	default:
		errno = EINVAL;
		return -1;
	}
}

long __wrap_syscall(long number, ...)
{
	long a, b, c, d, e, f;
	va_list args;

	va_start(args, number);
	a = va_arg(args, long), b = va_arg(args, long), c = va_arg(args, long);
	d = va_arg(args, long), e = va_arg(args, long), f = va_arg(args, long);
	va_end(args);
	return number == SYS_bpf ? fake_bpf(a, (void *)b, c) : __real_syscall(number, a, b, c, d, e, f);
}

static int listen(enum libbpf_print_level level, const char *format, va_list args)
{
	char text[512], name[128];

	if (level != LIBBPF_WARN) return 0;
	vsnprintf(text, sizeof text, format, args);
	if (!complaint[0]) strcpy(complaint, text);
	if (!culprit[0] && sscanf(text, "libbpf: prog '%127[^']'", name) == 1 && strstr(text, "failed")) strcpy(culprit, name);
	return 0;
}

static void print_refusal(const char *prog)
{
	printf("{\"obj\":");
	print_string(path);
	printf(",\"prog\":");
	if (prog) print_string(prog);
	else printf("null");
	printf(",\"error\":");
	print_string(complaint);
	printf("}\n");
}

int main(int argc, char **argv)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = getenv("LIBBPF_VIEW_CORE"));
	int i, j;

	libbpf_set_print(listen);
	for (i = 1; i < argc; i++) {
		char *refused[4096];
		int refused_count = 0, again = 1;

		path = argv[i];
		seen_count = 0;
		while (again) {
			struct bpf_program *prog;
			struct bpf_map *map;
			int error;

			again = 0;
			complaint[0] = culprit[0] = 0;
			map_count = 0;
			kept_size = 0;
			object = NULL;
			object = bpf_object__open_file(path, &options);
			if (!object) {
				print_refusal(NULL);
				break;
			}
			bpf_object__for_each_program(prog, object) {
				int off = 0;

				for (j = 0; j < refused_count; j++)
					if (!strcmp(refused[j], bpf_program__name(prog))) off = 1;
				bpf_program__set_autoload(prog, !off);
			}
			bpf_object__for_each_map(map, object)
				if (bpf_map__type(map) == BPF_MAP_TYPE_UNSPEC) bpf_map__set_autocreate(map, 0);
			error = bpf_object__load(object);
			if (error && culprit[0] && refused_count < 4096 && bpf_object__find_program_by_name(object, culprit)) {
				print_refusal(culprit);
				refused[refused_count++] = strdup(culprit);
				again = 1;
			} else if (error) print_refusal(NULL);
			bpf_object__close(object);
		}
		fflush(stdout);
	}
	return 0;
}
