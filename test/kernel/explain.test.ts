/**
 * The cases of explanations before the running kernel: it rejects each program, its own log is explained as ours is, and it accepts what
 * the hint proposes. Loads only, nothing is attached. Needs root, koffi and a kernel that the cases are for.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { compileSource, MemoryHost, openObject, prepareObject, verifyProgram } from '../../index.js'
import { readBtf } from '../../linker/btf/btf-file.js'
import { kernelProfile } from '../../runtime/kernel/profile.js'
import { loadProgram } from '../../runtime/live/load-object.js'
import { explainRejection } from '../../runtime/verifier/explain/explain.js'
import { calleesOfLog } from '../../runtime/verifier/explain/log-program.js'

const VMLINUX = '/sys/kernel/btf/vmlinux'
const RELEASE = '/proc/sys/kernel/osrelease'
const folder = join(import.meta.dirname, '../runtime/verifier/explain/cases')
const version = existsSync(RELEASE) ? /^\d+\.\d+/.exec(readFileSync(RELEASE, 'utf8'))![0] : ''
const kernel = kernelProfile(version)
const kernelBtf = existsSync(VMLINUX) ? readBtf(new Uint8Array(readFileSync(VMLINUX))) : undefined

function prepared(file: string) {
  const path = `/${file}`
  const made = compileSource(new MemoryHost({ [path]: readFileSync(join(folder, file), 'utf8') }), path)
  return prepareObject(openObject(made.object!, file), { kernelBtf: kernelBtf! })
}

/** Why nothing can be loaded here. */
function hindrance(): string | undefined {
  if (!kernelBtf) return `there is no ${VMLINUX}`
  if (!kernel) return `kernel ${version} is none that the cases are for`
  try {
    const object = prepared('map-value-null.fixed.bpf.c')
    const live = loadProgram(object, object.programs[0]!)
    live.close()
    return live.verdict.accepted ? undefined : `the kernel does not load programs for us (errno ${live.verdict.errno})`
  } catch (error) {
    return String(error)
  }
}

const why = hindrance()
if (why) console.warn(`explain.test: skipped, ${why}`)

const names = readdirSync(folder)
  .filter(file => file.endsWith('.bpf.c') && !file.endsWith('.fixed.bpf.c'))
  .map(file => file.slice(0, -'.bpf.c'.length))
  .filter(name => {
    const line = /^\/\/ kernels: (.*)/.exec(readFileSync(join(folder, `${name}.bpf.c`), 'utf8'))
    return !line || line[1]!.split(', ').includes(version)
  })

describe.skipIf(why !== undefined)('the running kernel', () => {
  test.each(names)('rejects %s, and its log explains it as ours does', name => {
    const object = prepared(`${name}.bpf.c`)
    const program = object.programs[0]!
    const live = loadProgram(object, program, { logLevel: 1 })
    live.close()
    expect(live.verdict).toMatchObject({ accepted: false, before: undefined })
    const { message, log, faultSlot } = verifyProgram(object, program, {
      kernel: kernel!,
      logLevel: 1,
      limits: { logLength: 1 << 23 },
    })
    const ours = explainRejection({ object, program, log, message, ...(faultSlot !== undefined && { faultSlot }) })
    const theirs = explainRejection({ object, program, log: live.verdict.log, callees: calleesOfLog(live.verdict.log) })
    expect({ code: theirs.code, message: theirs.message, hint: theirs.hint }).toEqual({
      code: ours.code,
      message: ours.message,
      hint: ours.hint,
    })
  })

  test.each(names)('accepts what the hint for %s proposes', name => {
    const object = prepared(`${name}.fixed.bpf.c`)
    const live = loadProgram(object, object.programs[0]!, { logLevel: 1 })
    live.close()
    expect(live.verdict.log + live.verdict.errno).toMatch(live.verdict.accepted ? /0$/ : /accepted/)
  })
})
