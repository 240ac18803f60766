/** Names of what programs return, by program type: enums xdp_action and the TC_ACT_ numbers of the kernel's uapi headers. */

const XDP = ['XDP_ABORTED', 'XDP_DROP', 'XDP_PASS', 'XDP_TX', 'XDP_REDIRECT']
const TC: Readonly<Record<number, string>> = {
  [-1]: 'TC_ACT_UNSPEC',
  0: 'TC_ACT_OK',
  1: 'TC_ACT_RECLASSIFY',
  2: 'TC_ACT_SHOT',
  3: 'TC_ACT_PIPE',
  4: 'TC_ACT_STOLEN',
  5: 'TC_ACT_QUEUED',
  6: 'TC_ACT_REPEAT',
  7: 'TC_ACT_REDIRECT',
  8: 'TC_ACT_TRAP',
}
const SK = ['SK_DROP', 'SK_PASS']
const NETFILTER = ['NF_DROP', 'NF_ACCEPT']

/** Verdicts by values of `enum bpf_prog_type`. */
const byType: Readonly<Record<number, Readonly<Record<number, string>>>> = {
  3: TC,
  4: TC,
  6: XDP,
  14: SK,
  16: SK,
  21: SK,
  30: SK,
  32: NETFILTER,
}

/** The name of a program's answer, or the number as text where its type has no names. `type` is of `enum bpf_prog_type`. */
export function verdictName(type: number, retval: number): string {
  return byType[type]?.[retval] ?? String(retval)
}
