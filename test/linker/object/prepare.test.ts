import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { POISON_CALL } from '../../../linker/core/relocate.js'
import { compileSource, defaultOptions, MemoryHost } from '../../../index.js'
import { BtfBuilder } from '../../../linker/btf/btf-builder.js'
import { BTF_LINKAGE_GLOBAL } from '../../../linker/btf/btf-types.js'
import { openObject } from '../../../linker/object/open.js'
import { prepareObject } from '../../../linker/object/prepare.js'
import { kernelVersion } from '../../../linker/object/prepare-options.js'
import { kitchen, madeUpKernel, writeDown } from './kitchen.js'

const KCONFIG = '# comment\nCONFIG_HZ=250\nCONFIG_BPF_JIT=m\nCONFIG_NAME="abcdefghij"\nCONFIG_SMP=y\n'
const options = {
  kernelBtf: madeUpKernel(),
  kconfig: KCONFIG,
  kallsyms: (name: string) => (name === 'bare_symbol' ? 0xffff_ffff_8123_4567n : undefined),
  kernelVersion: kernelVersion(6, 1, 300),
}

describe('prepareObject', () => {
  it('gives what bpf(2) takes on a certain kernel', async () => {
    const prepared = prepareObject(kitchen(), options)
    expect(prepared.programs.map(program => program.fault)).toEqual(prepared.programs.map(() => undefined))
    await expect(writeDown(prepared)).toMatchFileSnapshot(join(import.meta.dirname, 'golden/kitchen.prepared.txt'))
  })

  it('fills .kconfig from the configuration and the version', () => {
    const prepared = prepareObject(kitchen(), options)
    const { bytes } = prepared.maps[kitchen().kconfigMap]!.data!
    const view = new DataView(bytes.buffer)
    expect([view.getUint32(0, true), view.getUint32(4, true), view.getUint32(8, true), bytes[12]]).toEqual([2, 250, 0x0601ff, 1])
    expect(new TextDecoder().decode(bytes.subarray(13))).toBe('abcdefg\0')
  })

  it('moves struct_ops into the kernel’s layout', () => {
    const prepared = prepareObject(kitchen(), options)
    const def = prepared.maps.find(candidate => candidate.name === 'operations')!
    const kernel = def.structOps!.kernel!
    expect(def.valueSize).toBe(128)
    expect(kernel.functions).toEqual([
      { offset: 64 + 24, function: 'ops_init' },
      { offset: 64 + 16, function: 'ops_run' },
    ])
    expect(new TextDecoder().decode(kernel.bytes.subarray(72, 79))).toBe('kitchen')
    expect(kernel.bytes[64 + 32]).toBe(6)
    const run = prepared.programs.find(program => program.name === 'ops_run')!
    expect([run.expectedAttachType, run.attachBtfId]).toEqual([2, options.kernelBtf.byName('ops_like')[0]])
  })

  it('poisons what a kernel does not have', () => {
    const { programs } = prepareObject(kitchen(), { ...options, kernelBtf: madeUpKernel({ noPort: true }) })
    const { insns, fault } = programs.find(program => program.name === 'relocated')!
    expect(fault).toBeUndefined()
    expect([...insns.imm].filter(imm => imm === POISON_CALL).length).toBeGreaterThan(0)
  })

  const faults: readonly [string, Parameters<typeof prepareObject>[1], RegExp][] = [
    ['no kernel', { ...options, kernelBtf: undefined as never }, /needs the BTF of a kernel/],
    ['no configuration', { ...options, kconfig: '' }, /CONFIG_HZ is not in the kernel configuration/],
    ['a value of the wrong type', { ...options, kconfig: 'CONFIG_HZ=y\n' }, /CONFIG_HZ=y: needs a bool/],
    ['an absent symbol', { ...options, kallsyms: () => undefined }, /bare_symbol is not in the kernel/],
    ['no such struct_ops', { ...options, kernelBtf: madeUpKernel({ noStructOps: true }) }, /no struct_ops ops_like/],
  ]
  it.each(faults)('%s is a fault of every program', (_name, given, message) => {
    for (const program of prepareObject(kitchen(), given).programs) expect(program.fault).toMatch(message)
  })

  it('two types of a name that disagree are a fault of the program that uses them', () => {
    const { programs } = prepareObject(kitchen(), { ...options, kernelBtf: madeUpKernel({ ambiguous: true }) })
    expect(programs.filter(program => program.fault).map(program => [program.name, program.fault])).toEqual([
      ['relocated', expect.stringContaining('ambiguous')],
    ])
  })

  it('finds the function that a freplace program takes the place of, in the types of the program given', () => {
    const source = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("freplace/wanted")
int ours(int n) { return n; }
`
    const { object } = compileSource(new MemoryHost({ 'ours.bpf.c': source }), 'ours.bpf.c', defaultOptions())
    const ours = (attachProgram?: BtfBuilder) =>
      prepareObject(openObject(object!, 'ours.o'), attachProgram ? { attachProgram } : {}).programs[0]!
    expect(ours().fault).toBe('ours: the program in which function wanted is to be replaced is not given')
    const target = new BtfBuilder()
    const int = target.addInt('int', 4, { signed: true })
    expect(ours(target).fault).toBe('ours: the program to change has no function wanted')
    // A type of that name is no function.
    target.addTypedef('wanted', int)
    const wanted = target.addFunc('wanted', target.addFuncProto(int, [{ name: 'n', type: int }]), BTF_LINKAGE_GLOBAL)
    expect(ours(target)).toMatchObject({ attachBtfId: wanted, type: 28, fault: undefined })
  })
})
