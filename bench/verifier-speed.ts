/**
 * Verifies all programs of a folder of objects, the kernel and ours in turn, and prints one JSON line: what `verifier.bench.mjs` starts.
 * usage: verifier-speed.ts FOLDER [FILTER]   the running kernel's verifier (load only, nothing is attached); needs root and koffi
 *        verifier-speed.ts --own OBJECT PROGRAM   ours alone, with the memory it took
 *        verifier-speed.ts --warm OBJECT...   ours alone, everything verified twice: the CPU of the second time for each accepted program
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { readBtf } from '../linker/btf/btf-file.js'
import { openObject } from '../linker/object/open.js'
import { prepareObject } from '../linker/object/prepare.js'
import type { PreparedObject } from '../linker/object/prepared.js'
import { kernelProfile, kernelProfiles } from '../runtime/kernel/profile.js'
import { loadProgram } from '../runtime/live/load-object.js'
import { verifyProgram } from '../runtime/verifier/verify.js'

const RUNNING = '/sys/kernel/btf/vmlinux'
const kernelBtf = readBtf(new Uint8Array(readFileSync(RUNNING)))
const release = readFileSync('/proc/sys/kernel/osrelease', 'utf8')
const [major, minor] = release.split('.').map(Number) as [number, number]
const kernel = kernelProfile(`${major}.${minor}`) ?? kernelProfiles[kernelProfiles.length - 1]!
let kconfig = ''
try {
  kconfig = gunzipSync(readFileSync('/proc/config.gz')).toString()
} catch {
  // Without it programs that ask for CONFIG_ values are left out, by both.
}

function prepared(path: string): PreparedObject | undefined {
  try {
    const kernelVersion = (major << 16) | (minor << 8)
    return prepareObject(openObject(new Uint8Array(readFileSync(path)), path), { kernelBtf, kernelVersion, kconfig })
  } catch {
    return undefined
  }
}

const [first, second, third] = process.argv.slice(2)
if (first === '--own') {
  const object = prepared(second!)!
  const { verdict, processed } = verifyProgram(object, object.programs.find(program => program.name === third)!, { kernel })
  console.log(JSON.stringify({ verdict, processed, megabytes: Math.round(process.resourceUsage().maxRSS / 1024) }))
} else if (first === '--warm') {
  const programs = process.argv.slice(3).flatMap(path => {
    const object = prepared(path)
    return (object?.programs ?? [])
      .filter(program => program.fault === undefined)
      .map(program => ({ path, object: object!, program }))
  })
  const verifyAll = () =>
    programs.map(({ path, object, program }) => {
      const before = process.cpuUsage()
      const { verdict, processed } = verifyProgram(object, program, { kernel })
      const { user, system } = process.cpuUsage(before)
      return { path, program: program.name, section: program.section, verdict, processed, ms: (user + system) / 1000 }
    })
  verifyAll()
  const accepted = verifyAll().filter(each => each.verdict === 'accepted')
  console.log(JSON.stringify({ rules: kernel.version, accepted }))
} else {
  const sum = { programs: 0, processed: 0, ours: 0, kernel: 0, largest: { object: '', program: '', processed: 0 } }
  for (const file of readdirSync(first!).filter(name => name.endsWith('.o') && name.includes(second ?? ''))) {
    const path = join(first!, file)
    const object = prepared(path)
    for (const program of object?.programs ?? []) {
      if (program.fault !== undefined) continue
      const live = loadProgram(object!, program, { logLevel: 4 })
      live.close()
      const time = /^verification time (\d+) usec/m.exec(live.verdict.log)
      if (!live.verdict.accepted || !time) continue
      const started = performance.now()
      const { verdict, processed } = verifyProgram(object!, program, { kernel })
      const took = performance.now() - started
      if (verdict !== 'accepted' || processed !== live.verdict.processed) continue
      sum.programs++
      sum.processed += processed
      sum.ours += took
      sum.kernel += Number(time[1]) / 1000
      if (processed > sum.largest.processed) sum.largest = { object: path, program: program.name, processed }
    }
  }
  console.log(JSON.stringify({ ...sum, kernelVersion: release.trim(), rules: kernel.version }))
}
