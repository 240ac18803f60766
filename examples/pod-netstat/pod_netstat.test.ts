import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { packet, Vm } from '../../index.js'
import { compileExample, expectAccepted } from '../../test/support/example.js'

const { prepared } = compileExample(join(import.meta.dirname, 'pod_netstat.bpf.c'))
const ETH_P_IP_WIRE = 0x0008
const ETH_P_IPV6_WIRE = 0xdd86

describe('pod-netstat', () => {
  let vm: Vm
  const send = (program: string, cgroup: bigint, bytes: Uint8Array) => {
    vm.env.task.cgroupId = cgroup
    const result = vm.program(program).run({ packet: bytes })
    expect(result.fault).toBeUndefined()
    return result.retval
  }

  beforeEach(() => {
    vm = new Vm(prepared)
  })

  it('is accepted by the kernels of the support matrix', () => expectAccepted(prepared))

  it('counts bytes and packets per cgroup, direction and protocol', () => {
    const small = packet.udp({ src: '10.0.0.1', dst: '10.0.0.2', payload: new Uint8Array(10) })
    const large = packet.tcp({ src: '10.0.0.2', dst: '10.0.0.1', payload: new Uint8Array(1000) })
    const six = packet.tcp({ src: '2001:db8::1', dst: '2001:db8::2' })
    expect(send('pod_ingress', 7n, small)).toBe(1)
    expect(send('pod_ingress', 7n, large)).toBe(1)
    expect(send('pod_egress', 7n, small)).toBe(1)
    expect(send('pod_egress', 9n, six)).toBe(1)
    // A cgroup program sees a packet from its network header: 14 bytes of Ethernet less.
    const rows = [...vm.maps['traffic']!.typed.entries()].map(([key, value]) => ({ ...(key as object), ...(value as object) }))
    expect(rows.sort((a, b) => Number((a as { cgroup: bigint }).cgroup - (b as { cgroup: bigint }).cgroup))).toEqual([
      { cgroup: 7n, direction: 0, protocol: ETH_P_IP_WIRE, packets: 2n, bytes: BigInt(small.length + large.length - 28) },
      { cgroup: 7n, direction: 1, protocol: ETH_P_IP_WIRE, packets: 1n, bytes: BigInt(small.length - 14) },
      { cgroup: 9n, direction: 1, protocol: ETH_P_IPV6_WIRE, packets: 1n, bytes: BigInt(six.length - 14) },
    ])
  })
})
