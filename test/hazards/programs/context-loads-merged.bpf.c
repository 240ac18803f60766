// SPDX-License-Identifier: Apache-2.0
// neighbouring fields of the context are read as one of 64 bits, which the kernel does not have
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

SEC("tc") int prog(struct __sk_buff *ctx)
{
	__u64 both = ctx->mark | (__u64)ctx->queue_mapping << 32;
	return both % 7;
}
