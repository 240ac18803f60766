/** The public bpf_conformance suite, where its data files are present (../shared/conformance), on both engines. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Insns } from '../../../assembler/isa/insns.js'
import { classify, isForm } from '../../../assembler/isa/isa-table.js'
import { assembleConformance, parseConformanceCase } from '../../../assembler/syntax/conformance.js'
import { Vm } from '../../../runtime/vm/vm.js'
import { accepted, object } from './bare.js'

/** The folder of the suite: `shared/conformance` beside the project, or beside a folder above it. */
function suite(): string | undefined {
  for (let folder = resolve(import.meta.dirname, '../../..'); dirname(folder) !== folder; folder = dirname(folder)) {
    const found = join(dirname(folder), 'shared/conformance')
    if (existsSync(found)) return found
  }
  return undefined
}

/** Files that cannot pass, each with its reason; the test fails when one of them does pass. */
const expectedToFail: Readonly<Record<string, string>> = {}

/** Files whose programs stay with the interpreter, each with the reason that the compiler gives. */
const refused: Readonly<Record<string, string>> = { 'callx.data': 'calls through registers' }

const folder = suite()

describe('bpf_conformance', () => {
  if (!folder) {
    it.skip('the data files are not here (../shared/conformance)', () => {})
    return
  }
  const files = readdirSync(folder).filter(name => name.endsWith('.data'))

  it('has its 313 files', () => {
    expect(files).toHaveLength(313)
  })

  it.each(files)('%s', name => {
    const data = parseConformanceCase(readFileSync(join(folder, name), 'utf8'))
    const insns = data.asm.trim() === '' ? Insns.fromBytes(data.raw!) : assembleConformance(data.asm)
    if (data.raw) expect(Buffer.from(insns.toBytes()).toString('hex')).toBe(Buffer.from(data.raw).toString('hex'))
    for (let slot = 0; slot < insns.length; slot++) {
      const form = classify(insns, slot)
      if (!isForm(form)) throw new Error(`${name}, instruction ${slot}: ${form.reason}`)
      if (form.slots === 2) slot++
    }
    const compiled = new Vm(accepted(object({ main: { insns } })), { engine: 'compiled' }).program('main')
    expect(compiled.notCompiled).toBe(refused[name])
    expect(compiled.run({ ctx: data.memory }).ret).toBe(data.result)
    const result = new Vm(object({ main: { insns } })).program('main').run({ ctx: data.memory })
    const passed = result.fault === undefined && result.ret === BigInt.asUintN(64, data.result ?? 0n)
    if (expectedToFail[name]) expect(passed, `${name} passes now: ${expectedToFail[name]}`).toBe(false)
    else expect({ ret: result.ret, fault: result.fault?.message }).toEqual({ ret: data.result, fault: undefined })
  })
})
