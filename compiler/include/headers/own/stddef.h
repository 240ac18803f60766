/* C17 7.19; the C library's headers ask for single parts with __need_*. Part of bpfc. */
#if !defined(__need_ptrdiff_t) && !defined(__need_size_t) && !defined(__need_wchar_t) && !defined(__need_NULL) && !defined(__need_wint_t) && \
	!defined(__need_max_align_t) && !defined(__need_offsetof)
#define __need_ptrdiff_t
#define __need_size_t
#define __need_wchar_t
#define __need_NULL
#define __need_max_align_t
#define __need_offsetof
#endif

#if defined(__need_ptrdiff_t) && !defined(__bpfc_ptrdiff_t)
#define __bpfc_ptrdiff_t
typedef __PTRDIFF_TYPE__ ptrdiff_t;
#endif
#if defined(__need_size_t) && !defined(__bpfc_size_t)
#define __bpfc_size_t
typedef __SIZE_TYPE__ size_t;
#endif
#if defined(__need_wchar_t) && !defined(__bpfc_wchar_t)
#define __bpfc_wchar_t
typedef __WCHAR_TYPE__ wchar_t;
#endif
#if defined(__need_wint_t) && !defined(__bpfc_wint_t)
#define __bpfc_wint_t
typedef __WINT_TYPE__ wint_t;
#endif
#ifdef __need_NULL
#undef NULL
#define NULL ((void *)0)
#endif
#if defined(__need_max_align_t) && !defined(__bpfc_max_align_t)
#define __bpfc_max_align_t
typedef struct {
	long long __bpfc_integer __attribute__((__aligned__(__alignof__(long long))));
	long double __bpfc_floating __attribute__((__aligned__(__alignof__(long double))));
} max_align_t;
#endif
#ifdef __need_offsetof
#undef offsetof
#define offsetof(type, member) __builtin_offsetof(type, member)
#endif

#undef __need_ptrdiff_t
#undef __need_size_t
#undef __need_wchar_t
#undef __need_wint_t
#undef __need_NULL
#undef __need_max_align_t
#undef __need_offsetof
