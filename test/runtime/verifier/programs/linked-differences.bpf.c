// Numbers that differ by a constant: what is learnt of one holds for the other. 6.18 also knows negative and 32-bit differences.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

#define CASE(name, change)                                                                                              \
	SEC("socket") __attribute__((naked)) int name(void)                                                             \
	{                                                                                                               \
		asm volatile("r1 = 0; *(u64 *)(r10 - 8) = r1; *(u64 *)(r10 - 16) = r1; call 7; r6 = r0; r6 &= 0xff;"    \
			     "r7 = r6;" change "if r7 > 8 goto l_%=; r6 += r10; r6 += -16; r0 = *(u8 *)(r6 + 0);"       \
			     "l_%=: r0 = 0; exit;" ::: "memory");                                                       \
	}

// 6.12 6.18 added: accepted
CASE(added, "r7 += 3;")
// 6.12 subtracted: rejected invalid variable-offset read from stack R6 var_off=(0x0; 0xff) off=-16 size=1
// 6.18 subtracted: accepted
CASE(subtracted, "r7 -= 3;")
// 6.18 added32: accepted
CASE(added32, "w7 += 3;")
// 6.18 wraps: accepted
CASE(wraps, "r7 += -3;")
// 6.18 swapped: accepted
CASE(swapped, "r7 = be64 r7; r7 = be64 r7; r7 &= 7; r6 = r7;")
