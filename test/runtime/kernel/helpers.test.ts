import { describe, expect, it } from 'vitest'
import { ProgType } from '../../../linker/object/uapi.js'
import { helperId } from '../../../runtime/kernel/helper-names.js'
import { type HelperProto, helperProto } from '../../../runtime/kernel/helpers.js'
import { kernelProfile } from '../../../runtime/kernel/profile.js'
import { TypeFlag } from '../../../runtime/kernel/reg-types.js'

const ask = (version: string, type: number, helper: string) =>
  helperProto(kernelProfile(version)!, { type, expectedAttachType: 0, sleepable: false }, helperId(helper))

describe('helpers by version', () => {
  it.each([
    ['6.12', ProgType.SOCKET_FILTER, 'send_signal', false],
    ['6.18', ProgType.SOCKET_FILTER, 'send_signal', true],
    ['6.12', ProgType.SCHED_CLS, 'get_netns_cookie', false],
    ['6.18', ProgType.SCHED_CLS, 'get_netns_cookie', true],
    ['6.18', ProgType.XDP, 'get_netns_cookie', false],
    ['6.12', ProgType.LWT_SEG6LOCAL, 'skb_pull_data', false],
    ['6.18', ProgType.LWT_SEG6LOCAL, 'skb_pull_data', true],
  ] as const)('%s, program type %s, bpf_%s: %s', (version, type, helper, there) => {
    expect(typeof ask(version, type, helper) === 'object').toBe(there)
  })

  it.each([
    ['sysctl_get_name', ProgType.CGROUP_SYSCTL, 1],
    ['fib_lookup', ProgType.XDP, 1],
    ['get_stack', ProgType.RAW_TRACEPOINT, 1],
    ['snprintf', ProgType.KPROBE, 0],
  ] as const)('6.18 knows that bpf_%s writes', (helper, type, arg) => {
    const { args } = ask('6.18', type, helper) as HelperProto
    expect(args[arg]! & TypeFlag.MEM_WRITE).not.toBe(0)
    expect(args[arg]! & TypeFlag.MEM_RDONLY).toBe(0)
  })
})
