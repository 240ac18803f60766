import { describe, expect, it } from 'vitest'
import { BPF_DW, BPF_LDX, BPF_MEM } from '../../../assembler/isa/opcodes.js'
import { BtfBuilder } from '../../../linker/btf/btf-builder.js'
import { readBtf } from '../../../linker/btf/btf-file.js'
import { minimizeBtf } from '../../../linker/core/minimize.js'
import { coreReport } from '../../../linker/core/report.js'
import { kitchen, madeUpKernel } from '../object/kitchen.js'

const kernel = () => ({ vmlinux: madeUpKernel(), modules: [] })

describe('coreReport', () => {
  it('says what each relocation becomes, or why not', () => {
    const rows = coreReport(kitchen(), kernel()).map(({ kind, access, original, value, outcome }) => [
      kind,
      access,
      original,
      value,
      outcome,
    ])
    expect(rows).toEqual([
      ['field exists', 'struct sock_like___old.legacy_port', 1n, 0n, 'ok'],
      ['field byte offset', 'struct sock_like___old.legacy_port', 0n, undefined, 'poison'],
      ['field byte offset', 'struct sock_like.port', 8n, 8n, 'ok'],
      ['field byte offset', 'struct sock_like.state', 4n, 16n, 'ok'],
      ['field byte size', 'struct sock_like.state', 4n, 4n, 'ok'],
      ['field left shift', 'struct sock_like.state', 53n, 53n, 'ok'],
      ['field right shift', 'struct sock_like.state', 57n, 55n, 'ok'],
      ['field signed', 'struct sock_like.family', 1n, 1n, 'ok'],
      ['type exists', 'struct list_head_like', 1n, 0n, 'ok'],
      ['type size', 'struct sock_like', 16n, 40n, 'ok'],
      ['target type id', 'struct sock_like', expect.any(BigInt), expect.any(BigInt), 'ok'],
      ['type matches', 'struct sock_like', 1n, 1n, 'ok'],
      ['enum value exists', 'enum kernel_enum::KERNEL_B', 1n, 1n, 'ok'],
      ['enum value', 'enum kernel_enum::KERNEL_A', 1n, undefined, 'poison'],
      ['local type id', 'struct sock_like', expect.any(BigInt), expect.any(BigInt), 'ok'],
    ])
  })

  it('names the C line', () => {
    const [row] = coreReport(kitchen(), kernel())
    expect(row).toMatchObject({ function: 'relocated', path: expect.stringContaining('kitchen.bpf.c'), line: expect.any(Number) })
    expect(row!.text).toBe('int relocated(void *ctx)')
  })

  it('tells ambiguity from absence', () => {
    const rows = coreReport(kitchen(), { vmlinux: madeUpKernel({ ambiguous: true }), modules: [] })
    const port = rows.find(row => row.outcome === 'fault')!
    expect(port.reason).toMatch(/ambiguous: at bit 64 or 0/)
  })

  // gcc 14 writes such objects: an array's element in the access, a member in the instruction.
  it('sees an instruction that holds something else than the access gives', () => {
    const object = kitchen()
    const { function: name, slot } = coreReport(object, kernel()).find(row => row.access === 'struct sock_like.port')!
    const { insns } = [...object.programs, ...object.subprograms].find(fn => fn.name === name)!
    insns.off[slot] = insns.imm[slot] = 77
    const [row] = coreReport(object, kernel()).filter(other => other.slot === slot)
    expect(row).toMatchObject({ outcome: 'fault', original: 8n, access: 'struct sock_like.port' })
    expect(row!.reason).toBe(`instruction ${slot} holds 77 where the object's own types give 8`)
  })

  it('sees a field whose size no load can follow', () => {
    const object = kitchen()
    const { function: name, slot } = coreReport(object, kernel()).find(row => row.access === 'struct sock_like.port')!
    const { insns } = [...object.programs, ...object.subprograms].find(fn => fn.name === name)!
    insns.set(slot, BPF_LDX | BPF_MEM | BPF_DW, 1, 1, 8, 0)
    const vmlinux = new BtfBuilder()
    vmlinux.addStruct('sock_like', 4, [{ name: 'port', type: vmlinux.addInt('int', 4, { signed: true }), bitOffset: 0 }])
    const row = coreReport(object, { vmlinux, modules: [] }).find(other => other.slot === slot)!
    expect([row.outcome, row.value]).toEqual(['poison', undefined])
    expect(row.reason).toMatch(/^struct sock_like.port has 4 bytes there and not 8/)
  })

  it('finds types of modules only where the kernel has none', () => {
    const base = readBtf(madeUpKernel({ noPort: true }).finish(true))
    const own = new BtfBuilder()
    const int = own.addInt('int', 4, { signed: true })
    own.addStruct('list_head_like', 4, [{ name: 'n', type: int, bitOffset: 0 }])
    // A set that stands alone serves as a module's here; its ids start at 1.
    const rows = coreReport(kitchen(), { vmlinux: base, modules: [readBtf(own.finish(true))] })
    expect(rows.find(row => row.kind === 'type exists')!.value).toBe(1n)
    expect(rows.find(row => row.access === 'struct sock_like.port')!.outcome).toBe('poison')
  })
})

describe('minimizeBtf', () => {
  it('keeps what the relocations look at, and nothing else', () => {
    const whole = kernel()
    const small = minimizeBtf([kitchen()], whole.vmlinux)
    const strip = (vmlinux: BtfBuilder) =>
      coreReport(kitchen(), { vmlinux, modules: [] }).map(({ value, ...row }) =>
        row.kind === 'target type id' ? row : { ...row, value },
      )
    expect(strip(small)).toEqual(strip(whole.vmlinux))
    expect(small.count).toBeLessThan(whole.vmlinux.count)
    expect(small.byName('bpf_struct_ops_ops_like')).toEqual([])
    const sock = small.type(small.byName('sock_like')[0]!)
    expect('size' in sock && sock.size).toBe(40)
  })
})

describe('minimal BTF for an object that is damaged', () => {
  it.each([
    ['an unknown kind', { kind: 0xffff_ffff }, /unknown relocation kind/],
    ['an access that is none', { access: 'x:1' }, /not numbers with colons/],
    ['a type that is not there', { type: 0x5f79_2069 }, /there is no BTF type/],
  ])('%s is refused, at its place', (_what, change, message) => {
    const object = kitchen()
    const [fn] = object.programs.filter(({ coreRelos }) => coreRelos.length > 0)
    const damaged = { ...object, programs: [{ ...fn!, coreRelos: [{ ...fn!.coreRelos[0]!, ...change }] }], subprograms: [] }
    let fault: unknown
    try {
      minimizeBtf([damaged], madeUpKernel())
    } catch (error) {
      fault = error
    }
    expect(fault).toMatchObject({ name: 'FormatError', message: expect.stringMatching(message) })
    expect((fault as { offset: number }).offset).toBeGreaterThan(0)
  })
})
