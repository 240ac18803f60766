/**
 * The VM against the kernel's selftests: every program annotated with `__retval` must return what the annotation says (the running
 * kernel does, see BPF_PROG_TEST_RUN). Needs clang's objects of the selftests and the running kernel's BTF; as root with koffi, the running kernel
 * is asked about the same programs in the same run:
 *   BPFC_OBJECTS  folder with the objects
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readBtf } from '../../linker/btf/btf-file.js'
import { BtfKind } from '../../linker/btf/btf-types.js'
import { openObject } from '../../linker/object/open.js'
import { prepareObject } from '../../linker/object/prepare.js'
import type { PreparedObject, PreparedProgram } from '../../linker/object/prepared.js'
import { ProgType } from '../../linker/object/uapi.js'
import { mapUpdate } from '../../runtime/live/bpf-syscall.js'
import { loadProgram } from '../../runtime/live/load-object.js'
import { native } from '../../runtime/live/native.js'
import { Vm } from '../../runtime/vm/vm.js'
import { slotMaps } from './vm-judge.js'

const VMLINUX = '/sys/kernel/btf/vmlinux'
const folder = process.env['BPFC_OBJECTS']
const missing = [existsSync(VMLINUX) ? '' : VMLINUX, folder ? '' : 'BPFC_OBJECTS'].filter(Boolean)
if (missing.length) console.warn(`vm-retval.test: skipped, there is no ${missing.join(', no ')}`)

/** What cannot match, by the words of the outcome or by the program, with the reason. */
const known: readonly (readonly [RegExp, string])[] = [
  [/is not in the kernel/, 'needs the selftests’ kernel module'],
  [/helper #195896080/, 'a CO-RE relocation to a type of the selftests’ kernel module'],
  [/not implemented/, 'not implemented, and says so'],
  [/^verifier_arena_large.o:big_alloc1 /, 'an arena of 4 GB, more than the VM gives'],
]

/** Tags of functions by name, as test_loader.c of the selftests reads them. */
function tagsOf(prepared: PreparedObject): Map<string, string[]> {
  const tags = new Map<string, string[]>()
  const btf = prepared.btf!
  for (let id = 1; id < btf.count; id++) {
    const tag = btf.type(id)
    if (tag.kind !== BtfKind.DeclTag) continue
    const target = btf.type(tag.type)
    if (target.kind === BtfKind.Func) tags.set(target.name, [...(tags.get(target.name) ?? []), tag.name])
  }
  return tags
}

/** The wanted value; undefined for POINTER_VALUE, which stands for anything. */
function wanted(text: string): number | undefined {
  if (text === 'POINTER_VALUE') return undefined
  return text === 'INT_MIN' ? -0x8000_0000 : text === 'TEST_DATA_LEN' ? 64 : Number(text) | 0
}

/** The selftests' loader fills these maps before it runs a program (prog_tests/verifier.c). */
const filled: Readonly<Record<string, string>> = {
  'verifier_array_access.o': 'map_array_ro',
  'verifier_value_ptr_arith.o': 'map_array_48b',
}
const filling = new Uint8Array(48)
new DataView(filling.buffer).setUint32(0, 28, true)
new DataView(filling.buffer).setUint32(28, 0xabcdef12, true)

/** Why the kernel cannot be asked; undefined where it can. */
function noKernel(): string | undefined {
  if (process.getuid?.() !== 0) return 'not root'
  try {
    native()
    return undefined
  } catch {
    return 'there is no koffi'
  }
}
const unasked = noKernel()
if (unasked && !missing.length) console.warn(`vm-retval.test: the kernel is not asked, ${unasked}`)

/** What the kernel's test run returns; undefined where it does not load the program, has no test run for its type, or would find slots empty that a loader fills. */
function askKernel(file: string, prepared: PreparedObject, program: PreparedProgram): number | undefined {
  if (slotMaps(prepared, program).length > 0) return undefined
  const live = loadProgram(prepared, program)
  try {
    if (live.fd < 0) return undefined
    const map = live.maps[prepared.maps.findIndex(each => each.name === filled[file])] ?? -1
    if (map >= 0) mapUpdate(map, new Uint8Array(4), filling)
    const data = new Uint8Array(64)
    const run = live.run(program.type === ProgType.SYSCALL ? {} : { data, dataOutSize: data.length })
    return run.error === 0 ? run.retval | 0 : undefined
  } finally {
    live.close()
  }
}

describe.skipIf(missing.length > 0)('programs annotated with __retval', () => {
  it('return what the annotation says', () => {
    const kernelBtf = readBtf(readFileSync(VMLINUX))
    const unexpected: string[] = []
    const explained: string[] = []
    const kernelDiffers: string[] = []
    let matched = 0
    let agreed = 0
    for (const file of readdirSync(folder!).filter(name => name.endsWith('.o'))) {
      const bytes = readFileSync(join(folder!, file))
      if (!bytes.includes('comment:test_retval=')) continue
      const prepared = prepareObject(openObject(bytes, file), { kernelBtf })
      const tags = tagsOf(prepared)
      for (const program of prepared.programs) {
        const own = tags.get(program.name) ?? []
        const tag = own.map(each => /^comment:test_retval=(.*)$/.exec(each)?.[1]).find(each => each !== undefined)
        if (tag === undefined || own.some(each => each.endsWith('test_expect_failure'))) continue
        let outcome: string
        try {
          const vm = new Vm(prepared)
          vm.maps[filled[file] ?? '']?.set(new Uint8Array(4), filling)
          const { fault, retval } = vm.program(program.name).run()
          const want = wanted(tag)
          outcome = fault ? fault.message : want === undefined || retval === want ? '' : `returns ${retval}, not ${want}`
        } catch (error) {
          outcome = (error as Error).message
        }
        const line = `${file}:${program.name} ${outcome}`
        const theirs = unasked || program.fault ? undefined : askKernel(file, prepared, program)
        if (theirs !== undefined) {
          const want = wanted(tag)
          if (want === undefined || theirs === want) agreed++
          else kernelDiffers.push(`${file}:${program.name} the kernel returns ${theirs}, not ${want}`)
        }
        if (outcome === '') matched++
        else if (known.some(([pattern]) => pattern.test(line))) explained.push(line)
        else unexpected.push(line)
      }
    }
    const asked = unasked ? `is not asked, ${unasked}` : `agrees on ${agreed}, differs on ${kernelDiffers.length}`
    console.log(`vm-retval: ${matched} programs match, ${explained.length} are listed as not matching; the kernel ${asked}`)
    expect(unexpected).toEqual([])
    expect(kernelDiffers).toEqual([])
    if (!unasked) expect(agreed).toBeGreaterThan(500)
    expect(matched).toBeGreaterThan(500)
  }, 300_000)
})
