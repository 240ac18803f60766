/* What BPF programs written for libbpf expect of this header. Part of bpfc. */
#ifndef __BPF_HELPERS__
#define __BPF_HELPERS__

#include "bpf_helper_defs.h"

/* Members of a map's definition: the value is in the type. */
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name
#define __array(name, val) typeof(val) *name[]
#ifndef ___bpf_concat
#define ___bpf_concat(a, b) a ## b
#endif
#define __ulong(name, val) enum { ___bpf_concat(__unique_value, __COUNTER__) = val } name

/* The section says what a program or variable is; nothing in C refers to it, hence `used`. */
#define SEC(name) __attribute__((section(name), used))

#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif
#ifndef __weak
#define __weak __attribute__((weak))
#endif
/* A subprogram visible in its object only: verified in the context of its callers. */
#define __hidden __attribute__((visibility("hidden")))

#ifndef NULL
#define NULL ((void *)0)
#endif

#ifndef KERNEL_VERSION
#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + ((c) > 255 ? 255 : (c)))
#endif

#ifndef offsetof
#define offsetof(type, member) ((unsigned long)&((type *)0)->member)
#endif
#ifndef container_of
#define container_of(ptr, type, member) \
	({ \
		void *__at = (void *)(ptr); \
		((type *)(__at - offsetof(type, member))); \
	})
#endif

/* Keeps the compiler from moving memory accesses, or from knowing what a variable holds. */
#ifndef barrier
#define barrier() asm volatile("" ::: "memory")
#endif
#ifndef barrier_var
#define barrier_var(var) asm volatile("" : "+r"(var))
#endif

#ifndef __bpf_unreachable
#define __bpf_unreachable() __builtin_trap()
#endif

/* A tail call the JIT can patch into a jump: map and slot must be constants where the call stands. */
static __always_inline void bpf_tail_call_static(void *ctx, const void *map, const __u32 slot)
{
	if (!__builtin_constant_p(slot))
		__bpf_unreachable();
	asm volatile("r1 = %[ctx]\n\t"
		     "r2 = %[map]\n\t"
		     "r3 = %[slot]\n\t"
		     "call 12"
		     :
		     : [ctx] "r"(ctx), [map] "r"(map), [slot] "i"(slot)
		     : "r0", "r1", "r2", "r3", "r4", "r5");
}

enum libbpf_pin_type {
	LIBBPF_PIN_NONE,
	/* By name, under the mount of the BPF file system. */
	LIBBPF_PIN_BY_NAME,
};

enum libbpf_tristate {
	TRI_NO = 0,
	TRI_YES = 1,
	TRI_MODULE = 2,
};

#define __kconfig __attribute__((section(".kconfig")))
#define __ksym __attribute__((section(".ksyms")))
#define __kptr_untrusted __attribute__((btf_type_tag("kptr_untrusted")))
#define __kptr __attribute__((btf_type_tag("kptr")))
#define __percpu_kptr __attribute__((btf_type_tag("percpu_kptr")))
#define __uptr __attribute__((btf_type_tag("uptr")))

/* Whether the running kernel has a weak __ksym symbol. */
#define bpf_ksym_exists(sym) \
	({ \
		_Static_assert(!__builtin_constant_p(!!sym), #sym " should be marked as __weak"); \
		!!sym; \
	})

/* What the verifier may take for granted of an argument of a global subprogram. */
#define __arg_ctx __attribute__((btf_decl_tag("arg:ctx")))
#define __arg_nonnull __attribute__((btf_decl_tag("arg:nonnull")))
#define __arg_nullable __attribute__((btf_decl_tag("arg:nullable")))
#define __arg_trusted __attribute__((btf_decl_tag("arg:trusted")))
#define __arg_untrusted __attribute__((btf_decl_tag("arg:untrusted")))
#define __arg_arena __attribute__((btf_decl_tag("arg:arena")))

#ifndef ___bpf_apply
#define ___bpf_apply(fn, n) ___bpf_concat(fn, n)
#endif
#ifndef ___bpf_nth
#define ___bpf_nth(_, _1, _2, _3, _4, _5, _6, _7, _8, _9, _a, _b, _c, N, ...) N
#endif
#ifndef ___bpf_narg
#define ___bpf_narg(...) ___bpf_nth(_, ##__VA_ARGS__, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#endif

/* Stores the arguments into consecutive elements. */
#define ___bpf_fill0(arr, p, x) \
	do { \
	} while (0)
#define ___bpf_fill1(arr, p, x) arr[p] = x
#define ___bpf_fill2(arr, p, x, more...) ___bpf_fill1(arr, p, x); ___bpf_fill1(arr, p + 1, more)
#define ___bpf_fill3(arr, p, x, more...) ___bpf_fill1(arr, p, x); ___bpf_fill2(arr, p + 1, more)
#define ___bpf_fill4(arr, p, x, more...) ___bpf_fill1(arr, p, x); ___bpf_fill3(arr, p + 1, more)
#define ___bpf_fill5(arr, p, x, more...) ___bpf_fill1(arr, p, x); ___bpf_fill4(arr, p + 1, more)
#define ___bpf_fill6(arr, p, x, more...) ___bpf_fill1(arr, p, x); ___bpf_fill5(arr, p + 1, more)
#define ___bpf_fill7(arr, p, x, more...) ___bpf_fill1(arr, p, x); ___bpf_fill6(arr, p + 1, more)
#define ___bpf_fill8(arr, p, x, more...) ___bpf_fill1(arr, p, x); ___bpf_fill7(arr, p + 1, more)
#define ___bpf_fill9(arr, p, x, more...) ___bpf_fill1(arr, p, x); ___bpf_fill8(arr, p + 1, more)
#define ___bpf_fill10(arr, p, x, more...) ___bpf_fill1(arr, p, x); ___bpf_fill9(arr, p + 1, more)
#define ___bpf_fill11(arr, p, x, more...) ___bpf_fill1(arr, p, x); ___bpf_fill10(arr, p + 1, more)
#define ___bpf_fill12(arr, p, x, more...) ___bpf_fill1(arr, p, x); ___bpf_fill11(arr, p + 1, more)
#define ___bpf_fill(arr, args...) ___bpf_apply(___bpf_fill, ___bpf_narg(args))(arr, 0, args)

/* The helpers that print take their arguments as an array of 64-bit values. */
#define ___bpf_pack_args(args...) \
	unsigned long long ___values[___bpf_narg(args)]; \
	_Pragma("GCC diagnostic push") \
	_Pragma("GCC diagnostic ignored \"-Wint-conversion\"") \
	___bpf_fill(___values, args); \
	_Pragma("GCC diagnostic pop")

#define BPF_SEQ_PRINTF(seq, fmt, args...) \
	({ \
		static const char ___fmt[] = fmt; \
		___bpf_pack_args(args) \
		bpf_seq_printf(seq, ___fmt, sizeof(___fmt), ___values, sizeof(___values)); \
	})

#define BPF_SNPRINTF(out, out_size, fmt, args...) \
	({ \
		static const char ___fmt[] = fmt; \
		___bpf_pack_args(args) \
		bpf_snprintf(out, out_size, ___fmt, ___values, sizeof(___values)); \
	})

/* Kernels before 5.2 have no global data: there the format goes to the stack. */
#ifdef BPF_NO_GLOBAL_DATA
#define BPF_PRINTK_FMT_MOD
#else
#define BPF_PRINTK_FMT_MOD static const
#endif

#define __bpf_printk(fmt, ...) \
	({ \
		BPF_PRINTK_FMT_MOD char ____fmt[] = fmt; \
		bpf_trace_printk(____fmt, sizeof(____fmt), ##__VA_ARGS__); \
	})

#define __bpf_vprintk(fmt, args...) \
	({ \
		static const char ___fmt[] = fmt; \
		___bpf_pack_args(args) \
		bpf_trace_vprintk(___fmt, sizeof(___fmt), ___values, sizeof(___values)); \
	})

/* Up to three arguments go to bpf_trace_printk, more to bpf_trace_vprintk (Linux 5.16). */
#define ___bpf_pick_printk(...) \
	___bpf_nth(_, ##__VA_ARGS__, __bpf_vprintk, __bpf_vprintk, __bpf_vprintk, __bpf_vprintk, __bpf_vprintk, \
		   __bpf_vprintk, __bpf_vprintk, __bpf_vprintk, __bpf_vprintk, __bpf_printk, __bpf_printk, __bpf_printk, \
		   __bpf_printk)
#define bpf_printk(fmt, args...) ___bpf_pick_printk(args)(fmt, ##args)

#ifndef bpf_stream_printk
#define bpf_stream_printk(stream_id, fmt, args...) \
	({ \
		static const char ___fmt[] = fmt; \
		___bpf_pack_args(args) \
		bpf_stream_vprintk_impl(stream_id, ___fmt, ___values, sizeof(___values), NULL); \
	})
#endif

struct bpf_iter_num;

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __weak __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __weak __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __weak __ksym;

/*
 * Loops over an open-coded iterator of the kernel: `cur` is a pointer to the present element. The iterator is destroyed however the
 * loop is left.
 */
#ifndef bpf_for_each
#define bpf_for_each(type, cur, args...) \
	for (struct bpf_iter_##type ___it __attribute__((aligned(8), cleanup(bpf_iter_##type##_destroy))), \
	     *___p __attribute__((unused)) = (bpf_iter_##type##_new(&___it, ##args), \
					      (void)bpf_iter_##type##_destroy, (void *)0); \
	     (((cur) = bpf_iter_##type##_next(&___it)));)
#endif

/* `i` runs from `start` up to but not including `end`, which need no constant bound. */
#ifndef bpf_for
#define bpf_for(i, start, end) \
	for (struct bpf_iter_num ___it __attribute__((aligned(8), cleanup(bpf_iter_num_destroy))), \
	     *___p __attribute__((unused)) = (bpf_iter_num_new(&___it, (start), (end)), \
					      (void)bpf_iter_num_destroy, (void *)0); \
	     ({ \
		     int *___t = bpf_iter_num_next(&___it); \
		     (___t && ((i) = *___t, (i) >= (start) && (i) < (end))); \
	     });)
#endif

#ifndef bpf_repeat
#define bpf_repeat(N) \
	for (struct bpf_iter_num ___it __attribute__((aligned(8), cleanup(bpf_iter_num_destroy))), \
	     *___p __attribute__((unused)) = (bpf_iter_num_new(&___it, 0, (N)), \
					      (void)bpf_iter_num_destroy, (void *)0); \
	     bpf_iter_num_next(&___it);)
#endif

#endif
