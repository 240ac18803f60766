/** Every class of rejection by example: a rejected program, its explanation (golden), and the fix that the hint proposes accepted. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { renderExplanation } from '../../../../runtime/verifier/explain/explanation-text.js'
import {
  bundledBtf,
  compileSource,
  kernelProfile,
  type KernelProfile,
  MemoryHost,
  type PreparedObject,
  type PreparedProgram,
  openObject,
  prepareObject,
  verifyProgram,
} from '../../../../index.js'
import { explainRejection, pathTells } from '../../../../runtime/verifier/explain/explain.js'

const folder = join(import.meta.dirname, 'cases')
const names = readdirSync(folder)
  .filter(file => file.endsWith('.bpf.c') && !file.endsWith('.fixed.bpf.c'))
  .map(file => file.slice(0, -'.bpf.c'.length))
const kernels = ['6.1', '6.12', '6.18'].map(version => kernelProfile(version)!)
const kernelBtf = bundledBtf()

/** A case whose rule or whose functions older kernels do not have says so in its first line: `// kernels: 6.12, 6.18`. */
function kernelsOf(name: string): typeof kernels {
  const line = /^\/\/ kernels: (.*)/.exec(readFileSync(join(folder, `${name}.bpf.c`), 'utf8'))
  return line ? kernels.filter(kernel => line[1]!.split(', ').includes(kernel.version)) : kernels
}

function prepared(file: string) {
  const path = `/${file}`
  const made = compileSource(new MemoryHost({ [path]: readFileSync(join(folder, file), 'utf8') }), path)
  expect(made.diagnostics.filter(each => each.severity === 'error').map(each => each.message)).toEqual([])
  return prepareObject(openObject(made.object!, file), { kernelBtf })
}

/** As `bpfc check` does: the path is only written down where it tells something. */
function verdictWithPath(object: PreparedObject, program: PreparedProgram, kernel: KernelProfile) {
  const first = verifyProgram(object, program, { kernel })
  return pathTells(first.message) ? verifyProgram(object, program, { kernel, logLevel: 1 }) : first
}

describe('explanations of rejected programs', () => {
  test.each(names)('%s', async name => {
    const object = prepared(`${name}.bpf.c`)
    const said: string[] = []
    for (const kernel of kernelsOf(name)) {
      const program = object.programs[0]!
      const { verdict, log, message, faultSlot } = verdictWithPath(object, program, kernel)
      expect(`${kernel.version} ${verdict}`).toBe(`${kernel.version} rejected`)
      const explanation = explainRejection({ object, program, log, message, ...(faultSlot !== undefined && { faultSlot }) })
      expect(explanation.code).not.toBe('V0001')
      expect(explanation.hint).toBeDefined()
      const text = renderExplanation(explanation)
      if (said[said.length - 1] !== text) said.push(`${text}`)
    }
    await expect(said.join('\n')).toMatchFileSnapshot(join(folder, `${name}.txt`))
  })
})

describe.each(kernels)('what the hints propose is accepted by $version', kernel => {
  test.each(names.filter(name => kernelsOf(name).includes(kernel)))('%s', name => {
    const object = prepared(`${name}.fixed.bpf.c`)
    const { verdict, message } = verifyProgram(object, object.programs[0]!, { kernel, unsettled: true })
    expect(`${verdict} ${message}`).toBe('accepted ')
  })
})
