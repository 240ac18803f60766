/** `bpfc btf` at work on files: checking, split BTF over its base, what changed from one to another. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type CliContext, NodeHost, nodeContext } from '../../cli/context.js'
import { main } from '../../cli/main.js'
import { BtfBuilder } from '../../linker/btf/btf-builder.js'
import { readBtf } from '../../linker/btf/btf-file.js'
import { SHT_PROGBITS } from '../../linker/elf/elf-types.js'
import { writeElf } from '../../linker/elf/write-elf.js'

const folder = mkdtempSync(join(tmpdir(), 'bpfc-btf-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function bpfc(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const [out, err]: [string[], string[]] = [[], []]
  const decoder = new TextDecoder()
  const context: CliContext = {
    ...nodeContext(),
    cwd: folder,
    host: new NodeHost(folder),
    out: part => void out.push(part),
    outBytes: part => void out.push(decoder.decode(part)),
    err: part => void err.push(part),
  }
  const code = await main(words, undefined, context)
  return { code, out: out.join(''), err: err.join('') }
}

function kernel(later = false): Uint8Array {
  const btf = new BtfBuilder()
  const int = btf.addInt('int', 4, { signed: true })
  btf.addStruct('sock', later ? 12 : 8, [
    { name: 'family', type: int, bitOffset: 0 },
    ...(later ? [{ name: 'mark', type: int, bitOffset: 32 }] : []),
    { name: 'state', type: int, bitOffset: later ? 64 : 32 },
  ])
  if (!later) btf.addTypedef('old_t', int)
  return btf.finish(true)
}

/** A module's types over the kernel's. */
function moduleOver(base: Uint8Array): BtfBuilder {
  const under = readBtf(base)
  const btf = new BtfBuilder(under)
  const [int, sock] = [under.byName('int')[0]!, under.byName('sock')[0]!]
  const own = btf.addStruct('nat_sock', 16, [
    { name: 'sock', type: sock, bitOffset: 0 },
    { name: 'port', type: int, bitOffset: 64 },
    { name: 'next', type: btf.count + 1, bitOffset: 96 },
  ])
  btf.addInt('nat_int', 4)
  btf.addFunc('nat_init', btf.addFuncProto(int, [{ name: 'sock', type: btf.addPtr(own) }]), 0)
  return btf
}

describe('bpfc btf', () => {
  writeFileSync(join(folder, 'vmlinux'), kernel())
  writeFileSync(join(folder, 'later'), kernel(true))
  writeFileSync(join(folder, 'nat'), moduleOver(kernel()).finish(true))

  it('writes and reads split BTF, which holds nothing of its base', () => {
    const base = readBtf(kernel())
    const builder = moduleOver(kernel())
    const split = readBtf(builder.finish(true), { base })
    expect([split.firstId, split.count]).toEqual([base.count, builder.count])
    for (let id = 1; id < split.count; id++) expect(split.type(id)).toEqual(builder.type(id))
    expect(builder.byName('sock')).toEqual([2])
    expect(builder.byName('nat_sock')).toEqual([base.count])
    expect(Buffer.from(builder.finish(true)).includes('family')).toBe(false)
  })

  it('shows and checks split BTF over its base', async () => {
    expect(await bpfc('btf', 'dump', 'nat', '--base', 'vmlinux')).toEqual({
      code: 0,
      err: '',
      out: `[4] STRUCT 'nat_sock' size=16 vlen=3
	'sock' type_id=2 bits_offset=0
	'port' type_id=1 bits_offset=64
	'next' type_id=5 bits_offset=96
[5] INT 'nat_int' size=4 bits_offset=0 nr_bits=32 encoding=(none)
[6] PTR '(anon)' type_id=4
[7] FUNC_PROTO '(anon)' ret_type_id=1 vlen=1
	'sock' type_id=6
[8] FUNC 'nat_init' type_id=7 linkage=static
`,
    })
    expect(await bpfc('btf', 'check', 'nat', '--base', 'vmlinux')).toEqual({
      code: 0,
      err: '',
      out: 'nat: 5 types, well-formed\n',
    })
    const alone = await bpfc('btf', 'check', 'nat')
    expect([alone.code, alone.err]).toEqual([1, expect.stringMatching(/nat/)])
  })

  it('takes the base that a module brings along', async () => {
    const section = (name: string, data: Uint8Array) => ({ name, type: SHT_PROGBITS, flags: 0, align: 4, data })
    const sections = [section('.BTF', moduleOver(kernel()).finish(true)), section('.BTF.base', kernel())]
    writeFileSync(join(folder, 'nat.ko'), writeElf({ little: true, sections, symbols: [] }))
    expect(await bpfc('btf', 'dump', 'nat.ko')).toEqual(await bpfc('btf', 'dump', 'nat', '--base', 'vmlinux'))
    const { code, err } = await bpfc('btf', 'dump', 'nat.ko', '--base', 'vmlinux')
    expect([code, err]).toEqual([1, expect.stringMatching(/nat\.ko: it builds on its own section \.BTF\.base/)])
  })

  it('names the offset of what is malformed, and goes on with other files', async () => {
    const bytes = kernel()
    // The size of struct sock, the second type.
    new DataView(bytes.buffer).setUint32(24 + 16 + 8, 4, true)
    writeFileSync(join(folder, 'broken'), bytes)
    const { code, out, err } = await bpfc('btf', 'check', 'broken', 'vmlinux')
    expect({ code, out }).toEqual({ code: 1, out: 'vmlinux: 3 types, well-formed\n' })
    expect(err).toMatch(/F0204.*broken/s)
    expect(err).toMatch(/BTF type 2: member state is outside of it \(at byte 40\)/)
  })

  it('says what changed', async () => {
    const changes = `~ struct sock
    size 8 -> 12
    moved state @32 -> @64
    + int mark @32
- typedef old_t
`
    expect(await bpfc('btf', 'diff', 'vmlinux', 'later')).toEqual({ code: 0, err: '', out: changes })
    expect((await bpfc('btf', 'diff', 'vmlinux', 'later', '--exit-code')).code).toBe(1)
    expect((await bpfc('btf', 'diff', 'vmlinux', 'vmlinux', '--exit-code')).code).toBe(0)
    expect((await bpfc('btf', 'diff', 'vmlinux', 'later', '--type', 'old_t')).out).toBe('- typedef old_t\n')
    expect(JSON.parse((await bpfc('btf', 'diff', 'vmlinux', 'later', '--type', 'sock', '--format', 'json')).out)).toMatchObject({
      kind: 'struct',
      name: 'sock',
      change: 'changed',
    })
  })

  it('says what changed in split BTF, over one base or two', async () => {
    writeFileSync(join(folder, 'nat-later'), moduleOver(kernel(true)).finish(true))
    // The embedded struct has grown; what the bases hold themselves is not listed.
    expect(await bpfc('btf', 'diff', 'nat', 'nat-later', '--base', 'vmlinux,later')).toEqual({ code: 0, err: '', out: '' })
    expect(await bpfc('btf', 'diff', 'nat', 'nat', '--base', 'vmlinux', '--exit-code')).toEqual({ code: 0, err: '', out: '' })
    expect((await bpfc('btf', 'diff', 'nat', 'nat')).code).toBe(1)
    expect((await bpfc('btf', 'diff', 'nat', 'nat', '--base', 'vmlinux,later,vmlinux')).code).toBe(2)
  })
})
