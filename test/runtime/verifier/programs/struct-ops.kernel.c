// What a kernel's BTF says of TCP congestion control, cut down.
typedef unsigned int u32;

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
	u32 snd_cwnd;
	u32 snd_ssthresh;
};

struct tcp_congestion_ops {
	u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, u32 ack, u32 acked);
	unsigned long (*get_info)(struct sock *sk, u32 ext, int *attr);
	void (*init)(struct sock *sk);
	void (*release)(struct sock *sk);
	char name[16];
};

struct bpf_struct_ops_tcp_congestion_ops {
	int refcnt;
	struct tcp_congestion_ops data;
};

struct bpf_struct_ops_tcp_congestion_ops used;
struct tcp_sock socket;

int keep(void) { return used.refcnt + socket.snd_cwnd; }
