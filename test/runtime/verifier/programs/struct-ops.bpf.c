// Programs behind members of struct tcp_congestion_ops.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct sock {
	unsigned short family;
	unsigned long sk_pacing_rate;
};
struct inet_connection_sock {
	struct sock sk;
	unsigned long icsk_ca_priv[4];
};
struct tcp_sock {
	struct inet_connection_sock inet_conn;
	unsigned int snd_cwnd;
	unsigned int snd_ssthresh;
};
#pragma clang attribute pop

struct tcp_congestion_ops {
	unsigned int (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, unsigned int ack, unsigned int acked);
	unsigned long (*get_info)(struct sock *sk, unsigned int ext, int *attr);
	void (*init)(struct sock *sk);
	void (*release)(struct sock *sk);
	char name[16];
};

char LICENSE[] SEC("license") = "GPL";

// The first argument is shown as a struct tcp_sock, whose private bytes may be written.
// 6.12 6.18 fine_init: accepted
SEC("struct_ops")
void BPF_PROG(fine_init, struct sock *sk)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;

	tp->snd_cwnd = 10;
	tp->inet_conn.icsk_ca_priv[1] = 1;
}

// 6.12 6.18 fine_ssthresh: accepted
SEC("struct_ops")
unsigned int BPF_PROG(fine_ssthresh, struct sock *sk)
{
	return ((struct tcp_sock *)sk)->snd_ssthresh;
}

// 6.12 6.18 wrong_cong_avoid: rejected no write support to tcp_sock at off 0
SEC("struct_ops")
void BPF_PROG(wrong_cong_avoid, struct sock *sk, unsigned int ack, unsigned int acked)
{
	sk->family = 1;
}

// 6.12 6.18 wrong_member: rejected attach to unsupported member get_info of struct tcp_congestion_ops
SEC("struct_ops")
unsigned long BPF_PROG(wrong_member, struct sock *sk, unsigned int ext, int *attr)
{
	return 0;
}

// 6.12 6.18 wrong_release: rejected program of this type cannot use helper bpf_setsockopt#49
SEC("struct_ops")
void BPF_PROG(wrong_release, struct sock *sk)
{
	char name[] = "reno";

	bpf_setsockopt(sk, 6, 13, name, sizeof(name));
}

SEC(".struct_ops")
struct tcp_congestion_ops ops = {
	.init = (void *)fine_init,
	.ssthresh = (void *)fine_ssthresh,
	.get_info = (void *)wrong_member,
	.cong_avoid = (void *)wrong_cong_avoid,
	.release = (void *)wrong_release,
	.name = "test",
};
