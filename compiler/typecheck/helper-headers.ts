/** Which header declares well-known functions: for the hint on a call of an undeclared one. */

const headers: readonly (readonly [RegExp, string])[] = [
  [/^bpf_(probe_read_kernel|probe_read_user|core_read|core_\w+)$|^BPF_CORE_/, '<bpf/bpf_core_read.h>'],
  [/^bpf_(ntohs|htons|ntohl|htonl|cpu_to_be64|be64_to_cpu)$/, '<bpf/bpf_endian.h>'],
  [/^(PT_REGS_\w+|BPF_(PROG|KPROBE|KRETPROBE|KSYSCALL)\d*)$/, '<bpf/bpf_tracing.h>'],
  [/^bpf_/, '<bpf/bpf_helpers.h>'],
]

/** The header that declares a function of that name, as far as is known. */
export const helperHeaderOf = (name: string): string | undefined => headers.find(([pattern]) => pattern.test(name))?.[1]
