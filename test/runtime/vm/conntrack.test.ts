/** Connection tracking: connections of the test and of the program, found in both directions, and errors as nf_conntrack_bpf.c gives them. */
import { describe, expect, it } from 'vitest'
import { BtfBuilder } from '../../../linker/btf/btf-builder.js'
import { Vm } from '../../../runtime/vm/vm.js'
import { object, program } from './bare.js'

const SCHED_CLS = 3
const KFUNCS = ['bpf_skb_ct_lookup', 'bpf_skb_ct_alloc', 'bpf_ct_set_timeout', 'bpf_ct_insert_entry', 'bpf_ct_change_status']
/** `call 1000` and on stand for the kfuncs. */
const FIRST = 1000

function make(text: string): Vm {
  const btf = new BtfBuilder()
  const u32 = btf.addInt('unsigned int', 4)
  const names = ['timeout', 'status', 'mark']
  btf.addStruct(
    'nf_conn',
    12,
    names.map((name, index) => ({ name, type: u32, bitOffset: index * 32 })),
  )
  const prototype = btf.addFuncProto(u32, [])
  const ids = KFUNCS.map(name => btf.addFunc(name, prototype, 0))
  const insns = program(text)
  for (let slot = 0; slot < insns.length; slot++)
    if (insns.code[slot] === 0x85 && insns.imm[slot]! >= FIRST) {
      insns.src[slot] = 2
      insns.imm[slot] = ids[insns.imm[slot]! - FIRST]!
    }
  return new Vm({ ...object({ main: { type: SCHED_CLS, insns } }), kernelBtf: btf })
}

const run = (vm: Vm) => vm.program('main').run({ packet: new Uint8Array(60) })
/** 10.0.0.2:53 to 10.0.0.1:4000, and options for UDP. */
const arguments_ = (protocol: number, optionsSize = 16) =>
  `r2 = r10; r2 += -16; r3 = 12; r4 = r10; r4 += -32; r5 = ${optionsSize}; *(u8 *)(r10 - 24) = ${protocol}`
const tuple =
  'r9 = r1; *(u64 *)(r10 - 32) = 0; *(u64 *)(r10 - 24) = 0; *(u32 *)(r10 - 32) = -1; *(u32 *)(r10 - 16) = 0x0200000a; *(u32 *)(r10 - 12) = 0x0100000a; *(u16 *)(r10 - 8) = 0x3500; *(u16 *)(r10 - 6) = 0xa00f'
const found =
  'if r0 == 0 goto none; r0 = *(u32 *)(r0 + 8); r1 = *(u8 *)(r10 - 23); r1 <<= 8; r0 |= r1; exit; none: r0 = *(s32 *)(r10 - 28); exit'

describe('connection tracking', () => {
  it('finds what the test put there, and tells the direction', () => {
    const vm = make(`${tuple}; ${arguments_(17)}; call 1000; ${found}`)
    expect(run(vm)).toMatchObject({ ret: BigInt.asUintN(64, -2n), fault: undefined })
    vm.addConnection('udp', '10.0.0.1:4000', '10.0.0.2:53', { mark: 7 })
    expect(run(vm)).toMatchObject({ ret: 0x107n, fault: undefined })
    expect(() => vm.addConnection('udp', '10.0.0.2:53', '10.0.0.1:4000')).toThrow('there is such a connection already')
  })

  it('refuses other protocols and options', () => {
    expect(run(make(`${tuple}; ${arguments_(1)}; call 1000; ${found}`)).ret).toBe(BigInt.asUintN(64, -71n))
    expect(run(make(`${tuple}; ${arguments_(17, 8)}; call 1000; ${found}`)).ret).toBe(BigInt.asUintN(64, -22n))
  })

  it('keeps what a program inserts, once', () => {
    const insert = `${arguments_(6)}; r1 = r9; call 1001; r6 = r0; r1 = r6; r2 = 30; call 1002; r1 = r6; call 1003`
    const vm = make(
      `${tuple}; ${insert}; if r0 == 0 goto twice; r1 = r0; r2 = 10; call 1004; r7 = r0; ${arguments_(6)}; r1 = r9; call 1000; r0 = *(u32 *)(r0 + 4); r0 += r7; exit; twice: r0 = -1; exit`,
    )
    // IPS_CONFIRMED and IPS_SEEN_REPLY
    expect(run(vm)).toMatchObject({ ret: 10n, fault: undefined })
    expect(run(vm)).toMatchObject({ retval: -1, fault: undefined })
    expect(vm.machine.connections).toHaveLength(1)
  })
})
