import { describe, expect, it } from 'vitest'
import { FormatError } from '../../../base/outcome.js'
import { BtfKind } from '../../../linker/btf/btf-types.js'
import { openObject } from '../../../linker/object/open.js'
import { findSectionDef } from '../../../linker/object/sections.js'
import { kitchen, kitchenBytes } from './kitchen.js'

const map = (name: string) => kitchen().maps.find(def => def.name === name)

describe('openObject', () => {
  it('finds programs and subprograms', () => {
    const object = kitchen()
    expect(object.license).toBe('GPL')
    expect(object.programs.map(({ name, section, binding }) => [name, section, binding])).toEqual([
      ['tail_target', 'tc/ingress', 'global'],
      ['count', 'xdp', 'global'],
      ['symbols', '?fentry.s/attach_here', 'global'],
      ['relocated', 'raw_tp/sys_enter', 'global'],
      ['ops_init', 'struct_ops/init', 'global'],
      ['ops_run', 'struct_ops.s/run', 'global'],
    ])
    expect(object.subprograms.map(({ name, binding, hidden }) => [name, binding, hidden])).toEqual([
      ['helper_global', 'global', false],
      ['helper_static', 'local', false],
      ['helper_hidden', 'global', true],
      ['on_each', 'local', false],
    ])
    for (const fn of [...object.programs, ...object.subprograms]) {
      expect(fn.funcInfo?.slot).toBe(0)
      expect(object.btf!.type(fn.funcInfo!.type)).toMatchObject({ kind: BtfKind.Func, name: fn.name })
      expect(fn.lineInfo.length).toBeGreaterThan(0)
    }
    expect(object.programs[0]!.lineInfo[0]!.path).toMatch(/kitchen\.bpf\.c$/)
    expect(object.programs[0]!.lineInfo[0]!.text).toContain('bpf_tail_call(ctx, &jumps, 1)')
  })

  it('resolves relocations to what they name', () => {
    const object = kitchen()
    const of = (name: string) =>
      [...object.programs, ...object.subprograms]
        .find(fn => fn.name === name)!
        .relocs.map(reloc => {
          switch (reloc.kind) {
            case 'map':
              return object.maps[reloc.map]!.name
            case 'data':
              return `${object.maps[reloc.map]!.name}+${reloc.offset}`
            case 'extern':
              return object.externs[reloc.extern]!.name
            default:
              return `${reloc.call ? 'call' : 'address'} ${object.subprograms[reloc.subprogram]!.name}`
          }
        })
    expect(of('count')).toEqual(['call helper_global', 'counters', 'address on_each', '.data.custom+0', 'call helper_hidden'])
    expect(of('helper_global')).toEqual(['call helper_static', 'kitchen.data+0'])
    expect(of('on_each')).toEqual([expect.stringMatching(/^kitchen\.bss\+\d$/)])
    expect(new Set(of('symbols'))).toEqual(
      new Set(['bare_symbol', 'typed_symbol', 'absent_symbol', 'absent_function', 'kernel_function']),
    )
  })

  it('reads map definitions', () => {
    expect(map('counters')).toMatchObject({ type: 1, keySize: 4, valueSize: 24, maxEntries: 1024, flags: 1, pinning: 1 })
    expect(map('events')).toMatchObject({ type: 27, maxEntries: 8192 })
    expect(map('bloom')).toMatchObject({ type: 30, mapExtra: 0x123456789n, valueSize: 4, keySize: 0 })
    expect(map('outer')).toMatchObject({
      type: 12,
      valueSize: 4,
      inner: { name: 'outer.inner', type: 2, maxEntries: 1, valueSize: 8 },
      values: [
        { index: 0, target: 'inner_a' },
        { index: 2, target: 'inner_b' },
      ],
    })
    expect(map('jumps')).toMatchObject({ type: 3, values: [{ index: 1, target: 'tail_target' }] })
    const types = kitchen().btf!
    expect(types.type(map('counters')!.valueType)).toMatchObject({ kind: BtfKind.Struct, name: 'value' })
  })

  it('makes maps of data sections, with the kernel’s names and flags', () => {
    const data = kitchen()
      .maps.filter(def => def.data)
      .map(({ name, valueSize, flags, data }) => [name, data!.section, valueSize, flags, data!.readonly])
    expect(data).toEqual([
      ['kitchen.rodata', '.rodata', 4, 0x480, true],
      ['kitchen.data', '.data', 5, 0x400, false],
      ['.data.custom', '.data.custom', 4, 0x400, false],
      ['kitchen.bss', '.bss', expect.any(Number), 0x400, false],
      ['kitchen.kconfig', '.kconfig', expect.any(Number), 0x480, true],
    ])
    expect([...map('kitchen.rodata')!.data!.bytes]).toEqual([77, 0, 0, 0])
  })

  it('sorts externs as libbpf does and places .kconfig values', () => {
    const { externs, kconfigMap, maps } = kitchen()
    expect(externs.map(({ name, kind, weak, kconfig }) => [name, kind, weak, kconfig?.type, kconfig?.offset])).toEqual([
      ['CONFIG_BPF_JIT', 'kconfig', true, 'tristate', 0],
      ['CONFIG_HZ', 'kconfig', false, 'int', 4],
      ['LINUX_KERNEL_VERSION', 'kconfig', false, 'int', 8],
      ['CONFIG_SMP', 'kconfig', true, 'bool', 12],
      ['CONFIG_NAME', 'kconfig', true, 'string', 13],
      ['absent_function', 'kfunc', true, undefined, undefined],
      ['absent_symbol', 'ksym', true, undefined, undefined],
      ['bare_symbol', 'ksym', false, undefined, undefined],
      ['kernel_function', 'kfunc', false, undefined, undefined],
      ['typed_symbol', 'ksym', false, undefined, undefined],
    ])
    expect(maps[kconfigMap]!.data!.section).toBe('.kconfig')
    expect(maps[kconfigMap]!.valueSize).toBe(21)
  })

  it('ties struct_ops members to programs', () => {
    const { structOps, flags } = map('operations')!
    expect(flags).toBe(1 << 13)
    expect(structOps).toMatchObject({
      link: true,
      functions: [
        { offset: 0, function: 'ops_init' },
        { offset: 16, function: 'ops_run' },
      ],
    })
  })

  it('gives datasecs the sizes and offsets that the compiler leaves out', () => {
    const { btf } = kitchen()
    const data = btf!.type(btf!.byName('.data')[0]!)
    expect(data).toMatchObject({ kind: BtfKind.Datasec, size: 5 })
    expect(data.kind === BtfKind.Datasec && data.vars.map(info => info.offset)).toEqual([0, 4])
  })

  it('reads a big-endian object to the same', () => {
    const [little, big] = [kitchen('el'), kitchen('eb')]
    expect(big.little).toBe(false)
    const strip = (object: typeof little) => ({
      programs: object.programs.map(({ insns, ...rest }) => ({ ...rest, insns: [...insns.code, ...insns.off] })),
      externs: object.externs,
      maps: object.maps.map(({ data: _data, structOps: _structOps, ...rest }) => rest),
    })
    expect(strip(big).maps).toEqual(strip(little).maps)
    expect(strip(big).externs).toEqual(strip(little).externs)
    expect(strip(big).programs.map(({ name, relocs, coreRelos }) => [name, relocs, coreRelos.length])).toEqual(
      strip(little).programs.map(({ name, relocs, coreRelos }) => [name, relocs, coreRelos.length]),
    )
  })

  it('every truncation and every changed byte opens or is a format error', { timeout: 120_000 }, () => {
    const bytes = kitchenBytes('el')
    const outcome = (input: Uint8Array) => {
      try {
        openObject(input, 'x.o')
      } catch (error) {
        if (!(error instanceof FormatError)) throw error
      }
    }
    for (let length = 0; length < bytes.length; length += 7) outcome(bytes.subarray(0, length))
    const copy = bytes.slice()
    for (let at = 0; at < bytes.length; at += 3) {
      copy[at] = bytes[at]! ^ 0xff
      outcome(copy)
      copy[at] = bytes[at]!
    }
  })
})

describe('findSectionDef', () => {
  const cases: readonly [string, number | undefined, number, boolean][] = [
    ['xdp', 6, 37, false],
    ['xdp.frags', 6, 37, false],
    ['xdp_drop', undefined, 0, false],
    ['kprobe/do_unlinkat', 2, 0, false],
    ['kprobe.multi/tcp_*', 2, 42, false],
    ['?tc', 3, 0, false],
    ['tcx/egress', 3, 47, false],
    ['fentry.s/x', 26, 24, true],
    ['lsm/file_open', 29, 27, false],
    ['cgroup_skb/egress', 8, 1, false],
    ['socket1', undefined, 0, false],
    ['struct_ops.s/init', 27, 0, true],
    ['tp/sched/sched_switch', 5, 0, false],
  ]
  it.each(cases)('%s', (section, type, attach, sleepable) => {
    const def = findSectionDef(section)
    expect(def?.type).toBe(type)
    if (def) expect([def.expectedAttachType, def.sleepable]).toEqual([attach, sleepable])
  })
})
