	.text
	.text
	.p2align	3
	.type	sub,@function
sub:
					# types.c:32: static __attribute__((noinline)) int sub(struct c *c, enum e e) { return c->y + e + counter++; }
	r0 = *(u32 *)(r1 + 0x0)
	w0 += -0x1
	r2 = counter ll
	r1 = *(u32 *)(r2 + 0x0)
	r3 = r1
	w3 += 0x1
	*(u32 *)(r2 + 0x0) = r3
	w0 += w1
	exit
.Lfunc_end_sub:
	.size	sub, .Lfunc_end_sub-sub

	.text
	.globl	global_sub
	.p2align	3
	.type	global_sub,@function
global_sub:
					# types.c:33: __attribute__((noinline)) int global_sub(struct b *b, enum big q) { return b->x + q; }
	r0 = *(u8 *)(r1 + 0x0)
	w0 <<= 0x1d
	w0 s>>= 0x1d
	w0 += w2
	exit
.Lfunc_end_global_sub:
	.size	global_sub, .Lfunc_end_global_sub-global_sub

	.section	xdp,"ax",@progbits
	.globl	prog
	.p2align	3
	.type	prog,@function
prog:
	r6 = r1
					# types.c:35: struct c c = {};
	r1 = 0x0
	*(u64 *)(r10 - 0x18) = r1
	*(u64 *)(r10 - 0x10) = r1
	*(u64 *)(r10 - 0x8) = r1
					# types.c:36: total += limit + CONFIG_HZ + words[**ctx & 1][0];
	r1 = limit ll
	r1 = *(u32 *)(r1 + 0x0)
	r2 = CONFIG_HZ ll
	r2 = *(u32 *)(r2 + 0x0)
	w1 += w2
	r2 = *(u64 *)(r6 + 0x0)
	r2 = *(u32 *)(r2 + 0x0)
	w2 &= 0x1
	r2 <<= 0x3
	r3 = words ll
	r3 += r2
	r2 = *(u8 *)(r3 + 0x0)
	w2 <<= 0x18
	w2 s>>= 0x18
	w1 += w2
	r2 = total ll
	r3 = *(u32 *)(r2 + 0x0)
	w3 += w1
	*(u32 *)(r2 + 0x0) = r3
					# types.c:37: return sub(&c, A) + global_sub((void *)ctx, C) + bpf_kfunc(&c, 1);
	r1 = r10
	r1 += -0x18
	call sub
	r7 = r0
	r1 = r6
	r2 = 0x10000000000 ll
	call global_sub
	w7 += w0
	r1 = r10
	r1 += -0x18
	w2 = 0x1
	call bpf_kfunc
	w7 += w0
					# types.c:38: }
	r0 = r7
	exit
.Lfunc_end_prog:
	.size	prog, .Lfunc_end_prog-prog

	.section	.maps,"aw",@progbits
	.globl	m
	.p2align	3
	.type	m,@object
m:
	.zero	24
	.size	m, 24

	.section	.data,"aw",@progbits
	.p2align	2
	.type	counter,@object
counter:
	.byte	5, 0, 0, 0
	.size	counter, 4

	.section	.bss,"aw",@nobits
	.globl	total
	.p2align	2
	.type	total,@object
total:
	.zero	4
	.size	total, 4

	.section	.rodata,"a",@progbits
	.p2align	2
	.type	limit,@object
limit:
	.byte	4, 0, 0, 0
	.size	limit, 4

	.section	.rodata,"a",@progbits
	.globl	words
	.type	words,@object
words:
	.byte	97, 0, 0, 0, 0, 0, 0, 0, 98, 0, 0, 0, 0, 0, 0, 0
	.size	words, 16

	.section	license,"aw",@progbits
	.globl	_license
	.type	_license,@object
_license:
	.byte	71, 80, 76, 0
	.size	_license, 4

