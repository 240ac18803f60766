#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#endif

struct other;

struct list {
	struct list *next;
	struct other *other;
};

struct other {
	struct list embedded;
	const struct list *back;
};

struct bits {
	unsigned int a: 3;
	char: 2;
	unsigned int b: 2;
	int: 25;
	unsigned int c: 7;
	union {
		long unsigned int word;
		char bytes[8];
	};
	int (*handlers[3])(void *a, ...);
	char last;
	long: 64;
};

struct packed {
	char tag;
	int value;
} __attribute__((packed));

struct empty {};

struct aligned {
	int hot;
	long: 64;
	long: 64;
	long: 64;
	long: 64;
	long: 64;
	long: 64;
	long: 64;
};

enum small {
	ONE = 1,
} __attribute__((mode(byte)));

enum {
	CONSTANT = -5,
};

enum wide {
	HUGE = 1099511627776ULL,
};

enum word {
	TINY = 1LL,
} __attribute__((mode(word)));

typedef volatile struct list *list;

typedef int matrix[2][4];

typedef int (* (*callback)(int x))(void *a, ...);

typedef void nothing(void);

struct list___2 {
	char __attribute__((btf_type_tag("user"))) *next;
};

union unknown;

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#endif /* __VMLINUX_H__ */
