/**
 * Verdicts on programs in C, by kernel. Every `programs/*.bpf.c` says in comments what is expected:
 * `// 6.12 6.18 NAME: accepted`, `accepted, N processed`, or `rejected MESSAGE`, or `not-implemented FEATURE`. `NAME.kernel.c` beside it stands for the
 * kernel: its BTF is the kernel's.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { bundledBtf, compileSource, kernelProfile, MemoryHost, openObject, prepareObject, verifyProgram } from '../../../index.js'

const folder = join(import.meta.dirname, 'programs')

describe.each(readdirSync(folder).filter(file => file.endsWith('.bpf.c')))('%s', file => {
  const text = readFileSync(join(folder, file), 'utf8')
  const compile = (name: string, source: string) => compileSource(new MemoryHost({ [`/${name}`]: source }), `/${name}`)
  const made = compile(file, text)
  const kernelFile = join(folder, file.replace('.bpf.c', '.kernel.c'))
  const kernel = existsSync(kernelFile) ? compile('kernel.c', readFileSync(kernelFile, 'utf8')) : undefined
  const kernelBtf = kernel ? openObject(kernel.object!, 'kernel').btf! : bundledBtf()
  const object = made.object && prepareObject(openObject(made.object, file), { kernelBtf })
  const expected = [...text.matchAll(/^\/\/ ((?:\d+\.\d+ )+)(\w+): (.*)$/gm)].flatMap(([, kernels, name, verdict]) =>
    kernels!
      .trim()
      .split(' ')
      .map(kernel => [kernel, name!, verdict!] as const),
  )

  it('compiles, and expects something of every program', () => {
    expect(made.diagnostics.filter(each => each.severity === 'error').map(each => each.message)).toEqual([])
    expect(object!.programs.map(program => program.name).filter(name => !expected.some(row => row[1] === name))).toEqual([])
  })

  it.each(expected)('%s %s: %s', (kernel, name, verdict) => {
    const program = object!.programs.find(candidate => candidate.name === name)!
    const got = verifyProgram(object!, program, { kernel: kernelProfile(kernel)! })
    const processed = verdict.includes(' processed') ? `, ${got.processed} processed` : ''
    expect(`${got.verdict} ${got.message}`.trim() + processed).toBe(verdict)
  })
})
