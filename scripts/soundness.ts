/**
 * Tests that the verifier is sound. Generated and mutated programs: what it accepts is run in the checking interpreter on random inputs,
 * must never fault and never leave the bounds of its states; and a sample is put to the running kernel, which must not reject it
 * (loads only, nothing is attached; needs root and koffi).
 *
 * usage: node scripts/run-ts.mjs scripts/soundness.ts [--seed N] [--programs N] [--runs N] [--kernel-sample N] [--kernel VERSION] [--compare N]
 *        [--compare N]                 so many are put to the kernel whatever we say: verdict, message and count must be its own
 *        [--objects DIR --mutants N]   mutants of the programs of these objects are put to the kernel as well
 * Prints what it found, with the program's text; exit code 1 if there was anything.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatInsn } from '../assembler/syntax/pseudo-c.js'
import { readBtf } from '../linker/btf/btf-file.js'
import { openObject } from '../linker/object/open.js'
import { prepareObject } from '../linker/object/prepare.js'
import type { PreparedObject, PreparedProgram } from '../linker/object/prepared.js'
import { kernelProfile, kernelProfiles } from '../runtime/kernel/profile.js'
import { loadProgram } from '../runtime/live/load-object.js'
import { verifyProgram } from '../runtime/verifier/verify.js'
import { Randoms } from '../test/runtime/verifier/randoms.js'
import { messageOf } from './verdict-tally.js'
import { generated, mutated, objectOf } from '../test/runtime/verifier/soundness/programs.js'
import { type Verified, verified, violations } from '../test/runtime/verifier/soundness/witness.js'

const options = new Map<string, string>()
for (let i = 2; i < process.argv.length; i += 2) options.set(process.argv[i]!.replace(/^--/, ''), process.argv[i + 1] ?? '')
const number = (name: string, otherwise: number): number => Number(options.get(name) ?? otherwise)
const seed = number('seed', 1)
const total = number('programs', 200_000)
const runs = number('runs', 4)
const sample = number('kernel-sample', 0)
const mutantSample = number('mutants', 0)
const compareSample = number('compare', 0)
const kernel = kernelProfile(options.get('kernel') ?? '6.18') ?? kernelProfiles[kernelProfiles.length - 1]!
const random = new Randoms(seed * 2654435761 || 1)
const BATCH = 250
/** No limit of time, which would make what a seed gives hang on the machine. */
const bounded = { ...kernel, insnLimit: 200_000 }

let made = 0
let accepted = 0
let watched = 0
let asked = 0
let refused = 0
let compared = 0
let notImplemented = 0
const found: string[] = []

const text = ({ insns }: PreparedProgram): string => {
  let lines = ''
  for (let slot = 0; slot < insns.length; slot++)
    if (insns.code[slot] !== 0) lines += `    ${slot}: ${formatInsn(insns, slot, 'bpftool')}\n`
  return lines
}

function report(what: string, program: PreparedProgram): void {
  found.push(what)
  console.log(`VIOLATION seed ${seed}: ${what}\n${text(program)}`)
}

/** Puts a program that we accept to the kernel. What it refuses for want of rights or memory says nothing. */
function ask(object: PreparedObject, program: PreparedProgram): void {
  const { verdict, close } = loadProgram(object, program)
  close()
  asked++
  if (verdict.accepted) return
  refused++
  if (verdict.before !== undefined || [1, 12, 105].includes(verdict.errno) || verdict.processed < 0) return
  const lines = verdict.log.trimEnd().split('\n')
  const end = lines.findIndex(line => /^(verification time|processed \d)/.test(line))
  report(`${program.name}: the kernel rejects it: ${lines[end - 1] ?? verdict.errno}`, program)
}

/** Puts a program to the kernel whatever we say of it. */
function compare(object: PreparedObject, program: PreparedProgram): void {
  const { verdict: live, close } = loadProgram(object, program)
  close()
  if (live.processed < 0) return
  compared++
  const ours = verifyProgram(object, program, { kernel })
  // A mutant may call a kernel function: these objects have no kernel's types to find it in.
  if (ours.verdict === 'not-implemented') {
    notImplemented++
    return
  }
  const said = `${ours.verdict} after ${ours.processed}: ${ours.message}`
  const message = live.accepted ? '' : messageOf(live.log)
  const theirs = `${live.accepted ? 'accepted' : 'rejected'} after ${live.processed}: ${message}`
  if (said !== theirs) report(`${program.name}: ${said}; the kernel: ${theirs}`, program)
}

function batch(): void {
  const programs: PreparedProgram[] = []
  const parents: PreparedProgram[] = []
  const takes: Verified[] = []
  const all = objectOf(programs)
  const consider = (program: PreparedProgram): boolean => {
    made++
    const own = objectOf([program])
    if (compared < compareSample) compare(own, program)
    const result = verified(own, program, kernel)
    if (!result) return false
    accepted++
    if (result.states) watched++
    programs.push(result.program)
    takes.push(result)
    if (asked < sample) ask(own, program)
    return true
  }
  for (let i = 0; i < BATCH && made < total; i++) {
    const program = generated(`p${made}`, random, kernel.v4)
    if (consider(program)) parents.push(program)
  }
  for (let i = 0; i < BATCH && made < total && parents.length > 0; i++)
    consider(mutated(`p${made}`, parents[random.below(parents.length)]!, random))
  for (const words of new Set(violations(all, takes, random, runs))) {
    const name = words.slice(0, words.indexOf(':'))
    report(words, programs.find(program => program.name === name)!)
  }
}

/** Mutants of real programs: only their verdict is compared, for the interpreter would need their inputs. */
function mutants(folder: string): void {
  const kernelBtf = readBtf(new Uint8Array(readFileSync('/sys/kernel/btf/vmlinux')))
  const seeds: { object: PreparedObject; program: PreparedProgram }[] = []
  for (const file of readdirSync(folder).filter(name => name.endsWith('.o'))) {
    try {
      const object = prepareObject(openObject(new Uint8Array(readFileSync(join(folder, file))), file), { kernelBtf })
      for (const program of object.programs)
        if (program.fault === undefined && program.insns.length < 2000 && program.attachBtfId === 0)
          seeds.push({ object, program })
    } catch {
      // What cannot be opened has no programs.
    }
  }
  for (const until = asked + mutantSample; asked < until && seeds.length > 0; ) {
    const { object, program } = seeds[random.below(seeds.length)]!
    const mutant = mutated(`m${asked}`, program, random)
    made++
    if (verifyProgram(object, mutant, { kernel: bounded }).verdict !== 'accepted') continue
    accepted++
    ask(object, { ...mutant, name: program.name })
  }
}

const started = performance.now()
while (made < total) {
  batch()
  if (made % 10_000 < 2 * BATCH)
    console.error(
      `${made} programs, ${accepted} accepted, ${watched} watched, ${asked} asked, ${found.length} found, ${((performance.now() - started) / 1000).toFixed(0)} s`,
    )
}
const folder = options.get('objects')
if (folder !== undefined && existsSync(folder)) mutants(folder)
console.log(
  `seed ${seed}, rules of ${kernel.version}: ${made} programs, ${accepted} accepted, ${watched} with all paths watched, ${runs} runs each; ${asked} put to the kernel, ${refused} not loaded; ${compared} compared with it, ${notImplemented} of them not implemented; ${found.length} violations`,
)
process.exitCode = found.length > 0 ? 1 : 0
